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
  /** Calls back behind the frames that have arrived by now; not late, as timers of a hidden page are. */
  behindFrames(call: () => void): void;
}

/** Of one connection. */
export class Acks {
  #seen = 0;
  #toldMs = -Infinity;
  #cancel: (() => void) | undefined;
  /** It is told behind the frames that have arrived. */
  #isDue = false;
  #hasEnded = false;

  constructor(private readonly outside: AckOutside, private readonly send: (seen: number) => void) {}

  /** Before any frame: from here on the server counts what the page handles, and not what the browser has taken for it. */
  begin(): void {
    this.send(0);
  }

  /** One more data frame was handled. */
  handled(): void {
    this.#seen++;
    if (this.#isDue) return;
    const sinceMs = this.outside.nowMs() - this.#toldMs;
    if (sinceMs < ACK_MS) {
      this.#cancel ??= this.outside.later(ACK_MS - sinceMs, () => this.#tell());
      return;
    }
    // All that waited for a busy page is one acknowledgement, and not the first frame of it.
    this.#isDue = true;
    this.outside.behindFrames(() => { if (this.#isDue) this.#tell(); });
  }

  /** The connection has ended. */
  end(): void {
    this.#hasEnded = true;
    this.#unwait();
  }

  #unwait(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #tell(): void {
    this.#isDue = false;
    this.#unwait();
    if (this.#hasEnded) return;
    this.#toldMs = this.outside.nowMs();
    this.send(this.#seen);
  }
}
