// Ticks to bars of one second, and those to longer ones, for the chart. Doubles: this is a plot.

export interface Bar {
  /** Where it begins, in seconds since 1970. */
  time: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
}

/** One hour of seconds. */
export const BARS_MAX = 3600;

export class Bars {
  /** Rises with each change. */
  version = 0;
  private readonly seconds: Bar[] = [];

  get newest(): Readonly<Bar> | undefined {
    return this.seconds.at(-1);
  }

  /** A price at a time that does not go back; one that does is counted to the newest bar. */
  add(time: number, price: number, volume: number): void {
    this.version++;
    const newest = this.seconds.at(-1);
    const second = Math.floor(time);
    if (newest && second <= newest.time) {
      extend(newest, price, price, price, volume);
      return;
    }
    this.seconds.push({ time: second, open: price, high: price, low: price, close: price, volume });
    // A tenth at once, so that the array is not moved with each bar.
    if (this.seconds.length > BARS_MAX * 1.1) this.seconds.splice(0, this.seconds.length - BARS_MAX);
  }

  /** Bars of `step` seconds, from the one that holds `since` on. */
  grouped(step: number, since = 0): Bar[] {
    const found: Bar[] = [];
    const first = since - since % step;
    let at = this.seconds.length;
    while (at > 0 && (this.seconds[at - 1]?.time ?? 0) >= first) at--;
    for (; at < this.seconds.length; at++) {
      const bar = this.seconds[at] as Bar;
      const time = bar.time - bar.time % step;
      const newest = found.at(-1);
      if (newest?.time === time) extend(newest, bar.high, bar.low, bar.close, bar.volume);
      else found.push({ ...bar, time });
    }
    return found;
  }
}

function extend(bar: Bar, high: number, low: number, close: number, volume: number): void {
  bar.high = Math.max(bar.high, high);
  bar.low = Math.min(bar.low, low);
  bar.close = close;
  bar.volume += volume;
}
