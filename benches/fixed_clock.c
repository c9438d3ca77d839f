/* A clock that stands still, for LD_PRELOAD: hash tables take their seeds from the time of day, and how many
   instructions a look-up takes depends on its seed. Under it, and with addresses that valgrind does not draw, a
   program that is run twice does the same twice. */

#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    (void)clock;
    now->tv_sec = 1750000000;
    now->tv_nsec = 0;
    return 0;
}
