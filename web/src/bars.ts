// Ticks to bars of one second, and those to longer ones, for the chart. Doubles: this is a plot.
//
// The newest prices are kept beside the bars, so that a trade that is cancelled or corrected leaves the bars as if it had been
// right from the start. Invariant: of a second that has a price here all are here; one of before is not put right.

export interface Bar {
  /** Where it begins, in seconds since 1970. */
  time: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
}

/** What makes a bar: a price, and what it moves. */
export interface Point {
  price: number;
  volume: number;
  /** The trade's name; empty: what has none is never revised. */
  id: string;
  /** Whether the bar ends with it; then its high and low have it too, as they may have what does not end it. */
  closes: boolean;
  extends: boolean;
}

/** One hour of seconds. */
export const BARS_MAX = 3600;
export const POINTS_MAX = 4096;

export class Bars {
  /** Rises with each change. */
  version = 0;
  /** Rises with each change of what is not new. */
  revisions = 0;
  readonly #seconds: Bar[] = [];
  #points: (Point & { second: number })[] = [];
  /** Up to this second some are no longer there. */
  #forgottenTo = 0;

  get newest(): Readonly<Bar> | undefined {
    return this.#seconds.at(-1);
  }

  /** A price at a time that does not go back; one that does is counted to the newest bar. */
  add(time: number, price: number, volume: number, more: Partial<Point> = {}): void {
    this.version++;
    const second = Math.max(Math.floor(time), this.newest?.time ?? 0);
    const point = { price, volume, id: '', closes: true, extends: true, ...more, second };
    if (second > this.#forgottenTo) this.#points.push(point);
    if (this.#points.length > POINTS_MAX * 1.2) this.#forget();
    this.#apply(point);
    // A tenth at once, so that the array is not moved with each bar.
    if (this.#seconds.length > BARS_MAX * 1.1) this.#seconds.splice(0, this.#seconds.length - BARS_MAX);
  }

  /** Another price or size of the newest trade of that name, or none: it never was. Says whether the trade was still known. */
  revise(id: string, now?: { price?: number | undefined; volume?: number | undefined }): boolean {
    const at = this.#points.findLastIndex(point => point.id === id), point = this.#points[at];
    if (!id || !point) return false;
    if (!now) this.#points.splice(at, 1);
    else Object.assign(point, { price: now.price ?? point.price, volume: point.volume && (now.volume ?? point.volume) });
    let first = this.#seconds.length;
    while (first > 0 && (this.#seconds[first - 1]?.time ?? 0) >= point.second) first--;
    this.#seconds.length = first;
    for (const later of this.#points) if (later.second >= point.second) this.#apply(later);
    this.version++;
    this.revisions++;
    return true;
  }

  /** Bars of `step` seconds, from the one that holds `since` on. */
  grouped(step: number, since = 0): Bar[] {
    const found: Bar[] = [];
    const first = since - since % step;
    let at = this.#seconds.length;
    while (at > 0 && (this.#seconds[at - 1]?.time ?? 0) >= first) at--;
    for (; at < this.#seconds.length; at++) {
      const bar = this.#seconds[at] as Bar;
      const time = bar.time - bar.time % step;
      const newest = found.at(-1);
      if (newest?.time === time) extend(newest, bar.high, bar.low, bar.close, bar.volume);
      else found.push({ ...bar, time });
    }
    return found;
  }

  #apply({ second, price, volume, closes, extends: isExtreme }: Point & { second: number }): void {
    const newest = this.newest;
    isExtreme ||= closes;
    if (newest?.time === second) {
      extend(newest, isExtreme ? price : -Infinity, isExtreme ? price : Infinity, closes ? price : newest.close, volume);
      return;
    }
    // A bar that no price opened stands where the one before ended.
    const open = closes ? price : newest?.close;
    if (open === undefined) return;
    const bar = { time: second, open, high: open, low: open, close: open, volume };
    if (isExtreme) extend(bar, price, price, open, 0);
    this.#seconds.push(bar);
  }

  /** Whole seconds go, so that those that stay are complete. */
  #forget(): void {
    this.#forgottenTo = this.#points[this.#points.length - POINTS_MAX - 1]?.second ?? 0;
    this.#points = this.#points.filter(({ second }) => second > this.#forgottenTo);
  }
}

function extend(bar: Bar, high: number, low: number, close: number, volume: number): void {
  bar.high = Math.max(bar.high, high);
  bar.low = Math.min(bar.low, low);
  bar.close = close;
  bar.volume += volume;
}
