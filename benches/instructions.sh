#!/usr/bin/env bash
# How many instructions each micro-benchmark takes, against a saved baseline. Instructions do not depend on how busy
# the machine is, so a change of a few parts in a hundred is seen anywhere, also where no hardware counter is.
#
#   benches/instructions.sh [FILTER…]      counts, and compares; exits with 1 when a case is slower by more than 2 %
#   benches/instructions.sh --save         counts, and writes the baseline
#   benches/instructions.sh --compare BASELINE COUNTS    compares two files that are there
#
# Needs Linux, a C compiler, and valgrind, which it installs (apt) when it is missing. docs/PERFORMANCE.md says how to
# read what it prints; tests/instructions.sh holds that it finds what it should.
set -euo pipefail

baseline=benches/instructions.baseline
save=
compare=
profile=bench
scale=full
iterations=5
planted=0
tolerance=2
filters=()

usage() {
  echo "usage: ${0##*/} [--save] [--baseline FILE] [--tolerance PERCENT] [FILTER…]" >&2
  echo "       ${0##*/} --compare BASELINE COUNTS" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    --save) save=yes ;;
    --baseline) baseline=$(realpath -m "${2:?}"); shift ;;
    --tolerance) tolerance=${2:?}; shift ;;
    --compare) compare=$(realpath "${3:?}"); baseline=$(realpath "${2:?}"); shift 2 ;;
    # For the script's own tests: a binary that is built already, small inputs, and a slow-down that is to be found.
    --profile) profile=${2:?}; shift ;;
    --scale) scale=${2:?}; shift ;;
    --iterations) iterations=${2:?}; shift ;;
    --planted) planted=${2:?}; shift ;;
    -*) usage ;;
    *) filters+=("$1") ;;
  esac
  shift
done
if [ -n "$save" ] && [ ${#filters[@]} -gt 0 ]; then
  echo "a baseline has every case: --save takes no filter" >&2
  exit 2
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# need COMMAND PACKAGE...: Debian's packages, when the command is missing.
need() {
  local command=$1 as_root=()
  shift
  if command -v "$command" >/dev/null; then return; fi
  [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
  "${as_root[@]}" apt-get update -q >&2
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -q --no-install-recommends "$@" >&2
}

# Prints the path of the benchmarks' binary, built with this profile: `bench`, or `test`, as `cargo test` builds it.
build() {
  local features=()
  # As tests/run.sh builds it.
  [ "$profile" = bench ] || features=(--workspace --features dbn,parquet,testing)
  cargo "$profile" --locked --quiet "${features[@]}" --bench micro --no-run --message-format=json |
    sed -n '/"kind":\["bench"\]/s/.*"executable":"\([^"]*\)".*/\1/p'
}

# What counts depend on beside the code: each a line that a baseline begins with.
tools() {
  local vectors
  vectors=$(grep -o -m1 -w avx2 /proc/cpuinfo || true)
  echo "# $(rustc --version)"
  echo "# $(valgrind --version)"
  echo "# $(ldd --version | head -n 1)"
  echo "# $(uname -m)${vectors:+ with $vectors}, profile $profile, scale $scale, $iterations iterations"
}

# count NAME: prints `NAME INSTRUCTIONS ITEMS`. Nothing that differs from machine to machine reaches the program: no
# environment, no path, no time of day.
count() {
  local items instructions
  items=$(env -i LD_PRELOAD=./fixed_clock.so "$(command -v valgrind)" --quiet --vgdb=no --tool=callgrind \
    --toggle-collect='*instructions_counted_here*' --callgrind-out-file="${1//\//.}.callgrind" \
    ./micro --count "$1" "$scale" "$iterations" "$planted")
  instructions=$(sed -n 's/^summary: //p' "${1//\//.}.callgrind")
  if [ "${instructions:-0}" -eq 0 ]; then
    echo "callgrind counted nothing for $1" >&2
    return 1
  fi
  echo "$1 $instructions $items"
}

# Counts the cases that a filter names, or all; each in a process of its own, so that none depends on another.
count_all() {
  local name filter
  while read -r name; do
    for filter in "${filters[@]:-}"; do
      if [[ $name == *"$filter"* ]]; then
        count "$name"
        break
      fi
    done
  done < <(./micro --cases)
}

# compare_counts BASELINE COUNTS: a line for each case, then what is wrong. Cases that a filter left out do not count
# as gone.
compare_counts() {
  awk -v tolerance="$tolerance" -v filtered="${#filters[@]}" '
    function wrong(text) { faults[++fault] = text }
    FNR == NR && /^#/ { tools[FNR] = $0; next }
    /^#/ { if ($0 != tools[FNR]) notes[++note] = "the baseline has " tools[FNR] ", this is " $0; next }
    NF != 3 || $2 !~ /^[1-9][0-9]*$/ || $3 !~ /^[1-9][0-9]*$/ { wrong(FILENAME ":" FNR ": no case, instructions, items: " $0); next }
    FNR == NR { old[$1] = $2; old_items[$1] = $3; next }
    {
      seen[$1] = 1
      if (!($1 in old)) { wrong($1 " is not in the baseline"); next }
      if (old_items[$1] != $3) { wrong($1 " works on other inputs than the baseline: " $3 " items, not " old_items[$1]); next }
      change = 100 * ($2 - old[$1]) / old[$1]
      printf "%-78s %10.1f %10.1f %+8.2f %%\n", $1, old[$1] / $3, $2 / $3, change
      cases++
      if (change > tolerance) wrong(sprintf("%s is slower by %.2f %%", $1, change))
      if (change < -tolerance) notes[++note] = sprintf("%s is faster by %.2f %%: --save holds the gain", $1, -change)
    }
    END {
      for (name in old) if (!(name in seen) && !filtered) wrong(name " is gone")
      for (at = 1; at <= note; at++) print "note: " notes[at]
      for (at = 1; at <= fault; at++) print "fault: " faults[at]
      printf "%d cases compared, %d faults (instructions an item: baseline, now; tolerance %s %%)\n", cases, fault, tolerance
      exit fault > 0 || cases == 0
    }' "$1" "$2"
}

if [ -n "$compare" ]; then
  compare_counts "$baseline" "$compare"
  exit
fi

need valgrind valgrind
binary=$(build)
directory=target/instructions/$profile
mkdir -p "$directory"
cp "$binary" "$directory/micro"
cc -O1 -shared -fPIC -o "$directory/fixed_clock.so" benches/fixed_clock.c
tools >"$directory/counts"
(cd "$directory" && count_all >>counts)
if [ -n "$save" ]; then
  cp "$directory/counts" "$baseline"
  echo "saved $(grep -c -v '^#' "$baseline") cases to $baseline"
else
  compare_counts "$baseline" "$directory/counts"
fi
