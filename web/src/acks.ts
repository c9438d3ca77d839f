// Tells the server how many data frames the page has handled, so that it sends no more than the page keeps up with: a page
// that is busy, or frozen, is sent one newer price for several older ones, and not all of them late.
//
// Invariant: a frame that was handled is acknowledged within `ACK_MS`, as long as the page runs; and not more often than that,
// as the server bounds what it is sent.

/** So soon after another acknowledgement the next one waits. */
const ACK_MS = 50;

export interface AckOutside {
  nowMs(): number;
  /** Calls back after a while; the answer cancels it. */
  later(ms: number, call: () => void): () => void;
}

/** Of one connection. */
export class Acks {
  private seen = 0;
  private toldMs = -Infinity;
  private cancel: (() => void) | undefined;

  constructor(private readonly outside: AckOutside, private readonly send: (seen: number) => void) {}

  /** One more data frame was handled. */
  handled(): void {
    this.seen++;
    const sinceMs = this.outside.nowMs() - this.toldMs;
    // The timers of a hidden page are late.
    if (sinceMs >= ACK_MS) this.tell();
    else this.cancel ??= this.outside.later(ACK_MS - sinceMs, () => this.tell());
  }

  /** The connection has ended. */
  end(): void {
    this.cancel?.();
    this.cancel = undefined;
  }

  private tell(): void {
    this.end();
    this.toldMs = this.outside.nowMs();
    this.send(this.seen);
  }
}
