// The server's time, by pings: each is wrong by half its round trip at most, and by what clocks drift since.

const DRIFT_PER_MS = 50e-6;

export class ServerClock {
  private offsetMs = 0;
  private error = Infinity;
  private takenMs = 0;

  /** A pong that said `serverMs`, for a ping of `sentMs`, heard at `nowMs`; times of this machine, but for the server's. */
  pong(sentMs: number, nowMs: number, serverMs: number): void {
    const error = (nowMs - sentMs) / 2;
    if (error > this.errorMs(nowMs)) return;
    this.offsetMs = serverMs - (sentMs + nowMs) / 2;
    this.error = error;
    this.takenMs = nowMs;
  }

  /** How wrong it may be; infinite before the first pong. */
  errorMs(nowMs: number): number {
    return this.error + (nowMs - this.takenMs) * DRIFT_PER_MS;
  }

  /** The server's time, when this machine's is `nowMs`; none before the first pong. */
  at(nowMs: number): number | undefined {
    return this.error === Infinity ? undefined : nowMs + this.offsetMs;
  }
}
