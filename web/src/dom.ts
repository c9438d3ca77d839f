// Small helpers for the page. Text goes in as text: nothing here makes elements of strings.

export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no ${id}`);
  return element as T;
}

export function make<K extends keyof HTMLElementTagNameMap>(tag: K, className = '', text = ''): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

/** A text that is written only when it is another than before: layout is what costs. */
export class Label {
  #text = '';
  readonly #node: Text;

  constructor(element: Element) {
    this.#node = element.appendChild(document.createTextNode(''));
  }

  put(text: string): void {
    if (this.#text !== text) this.#node.data = this.#text = text;
  }
}

export function mark(element: Element, className: string): void {
  if (element.className !== className) element.className = className;
}

/** `4.2`, and from 10 on `42`, also where it only rounds up to 10. */
export const short = (value: number): string => value.toFixed(value < 9.95 ? 1 : 0);

/** What rounds up to 1,000 ms is 1.0 s, and so on: a number of a unit is smaller than the next unit. */
export function duration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${short(ms / 1_000)} s`;
  return seconds < 6_000 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3_600)} h`;
}

/** A time of day, `14:34:51` up to character 19, with `.108` behind it up to 23. The page has one clock: UTC. */
export const utc = (ms: number, to = 19): string => new Date(ms).toISOString().slice(11, to);

export const ARROWS = { up: '▲', down: '▼' } as const;
