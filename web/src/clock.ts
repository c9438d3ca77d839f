// What time it is here, and at the server. Ages are told by the server's time; this machine's only carries it on.

const DRIFT_PER_MS = 50e-6;
/** From here on an error is added to the server's time: a price must never look younger than it may be. */
const ERROR_MS_MAX = 250;
/** A wall clock that is ahead by so much more than before has slept with the machine, or was set. */
const JUMP_MS = 1_000;

/** This machine's time: it never goes back, and it knows of sleep, through which some monotonic clocks stand still. */
export class LocalClock {
  #leadMs: number;

  constructor(private readonly monotonicMs: () => number, private readonly wallMs: () => number, private readonly jumped: (ms: number) => void) {
    this.#leadMs = wallMs() - monotonicMs();
  }

  nowMs(): number {
    const at = this.monotonicMs(), ahead = this.wallMs() - at - this.#leadMs;
    if (ahead > JUMP_MS) {
      this.#leadMs += ahead;
      this.jumped(ahead);
    }
    return at + this.#leadMs;
  }
}

/** The server's time, by pings: each is wrong by half its round trip at most, and by what clocks drift since. */

export class ServerClock {
  #offsetMs = 0;
  #error = Infinity;
  #takenMs = 0;
  /** By how much this machine's time has jumped since; the server's may not have. */
  #doubtMs = 0;

  /** A pong that said `serverMs`, for a ping of `sentMs`, heard at `nowMs`; times of this machine, but for the server's. */
  pong(sentMs: number, nowMs: number, serverMs: number): void {
    const error = (nowMs - sentMs) / 2;
    if (error > this.errorMs(nowMs) + this.#doubtMs) return;
    this.#offsetMs = serverMs - (sentMs + nowMs) / 2;
    this.#error = error;
    this.#takenMs = nowMs;
    this.#doubtMs = 0;
  }

  /** How wrong it may be; infinite before the first pong. */
  errorMs(nowMs: number): number {
    return this.#error + (nowMs - this.#takenMs) * DRIFT_PER_MS;
  }

  /** This machine's time has jumped. That it slept is believed, as prices are older then; the next pong tells. */
  jumped(ms: number): void {
    this.#doubtMs += ms;
  }

  /** The server's time, when this machine's is `nowMs`; the latest that it may be where that is not known well. None before the first pong. */
  at(nowMs: number): number | undefined {
    const error = this.errorMs(nowMs);
    return error === Infinity ? undefined : nowMs + this.#offsetMs + (error > ERROR_MS_MAX ? error : 0);
  }
}
