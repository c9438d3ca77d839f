// The last values of a symbol, one a second, for its sparkline: a fixed number of them, however long the page stays open.

export const SECONDS_MAX = 120;

export class SecondRing {
  readonly #values = new Float64Array(SECONDS_MAX);
  #second = 0;
  #count = 0;
  /** Rises with each change of what would be drawn. */
  version = 0;

  /** The value as of `second`; later seconds without one repeat it. A second before the newest is taken as the newest. */
  add(second: number, value: number): void {
    if (this.#count && second <= this.#second) {
      this.#values[this.#second % SECONDS_MAX] = value;
    } else {
      this.fill(second - 1);
      this.#values[second % SECONDS_MAX] = value;
      this.#second = second;
      this.#count = Math.min(this.#count + 1, SECONDS_MAX);
    }
    this.version++;
  }

  /** Repeats the newest value up to `second`. */
  fill(second: number): void {
    if (!this.#count || second <= this.#second) return;
    const value = this.#values[this.#second % SECONDS_MAX] ?? NaN;
    for (let at = Math.max(this.#second + 1, second - SECONDS_MAX + 1); at <= second; at++) this.#values[at % SECONDS_MAX] = value;
    this.#count = Math.min(this.#count + second - this.#second, SECONDS_MAX);
    this.#second = second;
    this.version++;
  }

  /** The values, oldest first. */
  *[Symbol.iterator](): Generator<number> {
    for (let at = this.#second - this.#count + 1; at <= this.#second; at++) yield this.#values[at % SECONDS_MAX] ?? NaN;
  }

  /** The points of a polyline in a box, newest at its right edge; empty below two values. */
  points(width: number, height: number): string {
    if (this.#count < 2) return '';
    let low = Infinity, high = -Infinity;
    for (const value of this) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    const step = width / (SECONDS_MAX - 1), range = high - low;
    let x = width - (this.#count - 1) * step, text = '';
    for (const value of this) {
      const y = range ? (high - value) / range * (height - 2) + 1 : height / 2;
      text += `${x.toFixed(1)},${y.toFixed(1)} `;
      x += step;
    }
    return text.trimEnd();
  }
}
