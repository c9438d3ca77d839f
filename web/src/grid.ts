// The table of prices. Only the rows on screen exist as elements; they are used again as the table is scrolled.
//
// Invariant: what a frame costs depends on the rows on screen, and neither on those of the list nor on the rate of the feed.

import { placesOf, priceOf, type Row } from './book';
import { changeHundredths, grouped, percent, spread, written } from './decimal';
import { ARROWS, duration, Label, make, mark } from './dom';
import { type Freshness, freshness, type Look, lookOf, STALE_MS } from './look';
import type { Decimal } from './messages';
import { legible } from './watchlist';

export const ROW_PX = 26;
const OVERSCAN = 3;
const FLASH_MS = 150;
const TREND = { width: 96, height: 18 };
const SVG = 'http://www.w3.org/2000/svg';

const SIDES: Record<string, string> = { buy: 'B', sell: 'S' };
const LOOKS: Record<Look, string> = { live: '●', stale: '◐', old: '◐', checking: '○', pending: '○', unknown: '?', halted: '■', closed: '✕', offline: '✕' };

export const priceText = (row: Row, name: Decimal): string => written(row.fields[name], row.pricePlaces);
export const sizeText = (row: Row, name: Decimal): string => written(row.fields[name], row.sizePlaces);
export const mainPriceText = (row: Row): string => {
  const price = priceOf(row.fields);
  return price ? written(price.text, placesOf(row, price)) : row.seq ? '' : !row.known ? 'no such symbol' : row.state ? 'no tick yet' : '';
};
/** Which price that is, where it is not the last. */
export const kindText = (row: Row): string => {
  const kind = priceOf(row.fields)?.kind ?? 'last';
  return kind === 'last' ? '' : ' ' + kind;
};

const HUGE = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1, signDisplay: 'always' });

export const change = (row: Row): number | undefined => {
  const { last, open } = row.fields;
  return last === undefined || open === undefined ? undefined : changeHundredths(last, open);
};
export const changeText = (row: Row): string => {
  const hundredths = change(row);
  if (hundredths === undefined) return '';
  // Beyond a thousandfold nobody reads the hundredths.
  return Math.abs(hundredths) < 100_000 ? percent(hundredths) + ' %' : HUGE.format(hundredths / 100) + ' %';
};
export const spreadText = (row: Row): string => {
  const { bid, ask } = row.fields;
  return bid === undefined || ask === undefined ? '' : written(spread(bid, ask), row.pricePlaces);
};

export interface Column {
  key: string;
  label: string;
  title?: string;
  text?: (row: Row) => string;
  /** A price whose changes flash. */
  flashes?: (row: Row) => Decimal | 'mid';
  /** What rows are sorted by, higher first. */
  rank?: (row: Row) => number;
  /** As wide as its longest number: a number that is cut is another number. */
  wide?: boolean;
}

const number = (text: string | undefined): number => text === undefined ? -Infinity : Number(text);

/** What must not be out of sight stands first. */
export const COLUMNS: readonly Column[] = [
  { key: 'symbol', label: 'Symbol', text: row => legible(row.symbol), wide: true },
  { key: 'last', label: 'Last', title: 'Price of the last trade; mid: nothing was traded, and this is between bid and ask', text: mainPriceText, flashes: row => row.fields.last === undefined ? 'mid' : 'last', wide: true },
  { key: 'last-size', label: 'Size', title: 'Of the last trade; B: a buyer took, S: a seller', text: row => `${sizeText(row, 'last_size')} ${SIDES[row.fields.side ?? ''] ?? ''}`.trim(), wide: true },
  { key: 'change', label: 'Since open', title: "How far the last price is from the open: the symbol's first trade since the server has it, or what its feed says", text: changeText, rank: row => change(row) ?? -Infinity, wide: true },
  { key: 'age', label: 'Age', title: "Since the server took in what is shown, by the server's clock: all of its way to this screen", rank: row => -row.rxMs },
  { key: 'state', label: 'State' },
  { key: 'bid-size', label: 'Bid size', text: row => sizeText(row, 'bid_size'), wide: true },
  { key: 'bid', label: 'Bid', text: row => priceText(row, 'bid'), flashes: () => 'bid', wide: true },
  { key: 'ask', label: 'Ask', text: row => priceText(row, 'ask'), flashes: () => 'ask', wide: true },
  { key: 'ask-size', label: 'Ask size', text: row => sizeText(row, 'ask_size'), wide: true },
  { key: 'spread', label: 'Spread', text: spreadText, wide: true },
  { key: 'volume', label: 'Volume', title: 'Traded since the open', text: row => written(row.fields.volume, row.sizePlaces), rank: row => number(row.fields.volume), wide: true },
  { key: 'trend', label: '2 min', title: 'The last two minutes of the price' },
  { key: 'n', label: 'n', title: 'How many ticks the newest message stands for', text: row => row.rxMs ? `×${grouped(String(row.n))}` : '', rank: row => row.n },
  { key: 'merged', label: 'Merged', title: 'Ticks merged into newer ones on their way here', text: row => grouped(String(row.merged)), rank: row => row.merged },
  { key: 'gaps', label: 'Gaps', title: 'Announced losses', text: row => grouped(String(row.gaps)), rank: row => row.gaps },
];

export const ageText = (row: Row, serverMs: number | undefined): string =>
  serverMs === undefined || !row.rxMs ? '–' : duration(Math.max(0, serverMs - row.rxMs));

interface Cell { element: HTMLElement; label: Label; arrow: Label | undefined; kind: Label | undefined; flashing: boolean }

interface Line {
  element: HTMLElement;
  cells: Map<string, Cell>;
  trend: SVGPolylineElement;
  row: Row | undefined;
  index: number;
  version: number;
  trendVersion: number;
  flashUntilMs: number;
}

export interface GridHooks {
  pick(symbol: string): void;
  remove(symbol: string): void;
  sort(key: string): void;
  /** Which rows are on screen. */
  seen(symbols: ReadonlySet<string>): void;
}

const calm = matchMedia('(prefers-reduced-motion: reduce)');

export class Grid {
  picked = '';
  online = false;
  /** The server's time, when it is known, and the age from which on a price is old. */
  serverNowMs: number | undefined;
  staleMs = STALE_MS;
  isCatchingUp = false;
  readonly #chars = new Map<string, number>();
  #rows: readonly Row[] = [];
  #places = new Map<string, number>();
  readonly #lines: Line[] = [];
  readonly #heads = new Map<string, HTMLElement>();
  #seenText = '';

  constructor(private readonly root: HTMLElement, private readonly head: HTMLElement, private readonly body: HTMLElement, private readonly hooks: GridHooks) {
    this.#buildHead();
    root.addEventListener('keydown', event => this.#key(event));
    body.addEventListener('click', event => this.#click(event));
  }

  /** All rows, in their order. */
  setRows(rows: readonly Row[]): void {
    this.#rows = rows;
    this.#places = new Map(rows.map((row, place) => [row.symbol, place]));
    this.body.style.height = `${rows.length * ROW_PX}px`;
    this.root.setAttribute('aria-rowcount', String(rows.length + 1));
  }

  setSort(sort: string): void {
    for (const [key, element] of this.#heads) {
      const way = sort === key ? 'descending' : sort === '-' + key ? 'ascending' : 'none';
      if (element.getAttribute('aria-sort') !== way) element.setAttribute('aria-sort', way);
    }
  }

  /** Brings what is on screen up to date. */
  paint(nowMs: number): void {
    const { first, last } = this.#range();
    const count = last - first;
    while (this.#lines.length < count) this.#lines.push(this.#buildLine());
    const used = new Set<Line>();
    for (let index = first; index < last; index++) {
      // The same element for the same place while the table is scrolled, so that only what comes into sight is painted.
      const line = this.#lines[index % this.#lines.length] as Line, row = this.#rows[index] as Row;
      used.add(line);
      if (line.row !== row || line.index !== index) this.#bind(line, row, index);
      if (this.waits(row)) this.#paintLook(line, row);
      else if (line.version !== row.version) this.#paintLine(line, row, nowMs);
    }
    for (const line of this.#lines) if (!used.has(line) && line.row) this.#unbind(line);
    const seen = this.#rows.slice(first, last).map(row => row.symbol), text = seen.join();
    if (text !== this.#seenText) {
      this.#seenText = text;
      this.hooks.seen(new Set(seen));
    }
  }

  /** Ages, and the ends of flashes. */
  paintAges(nowMs: number): void {
    for (const line of this.#lines) {
      if (!line.row) continue;
      // What has changed is painted as a whole, with the next frame.
      if (line.version === line.row.version || this.waits(line.row)) this.#paintLook(line, line.row);
      if (line.flashUntilMs && nowMs >= line.flashUntilMs) this.#unflash(line);
    }
  }

  /** Trends: once a second, as they are made of seconds. */
  paintTrends(): void {
    for (const line of this.#lines) if (line.row) this.#paintTrend(line, line.row);
  }

  /** Of the rows on screen. */
  freshness(): Freshness {
    return freshness(this.#lines.flatMap(({ row }) => row ?? []), this.online, this.serverNowMs, this.staleMs);
  }

  pick(symbol: string): void {
    this.picked = symbol;
    for (const line of this.#lines) if (line.row) this.#select(line);
    const id = this.#lines.find(line => line.row?.symbol === symbol)?.element.id;
    if (id) this.root.setAttribute('aria-activedescendant', id);
    else this.root.removeAttribute('aria-activedescendant');
  }

  /** Scrolls as little as is needed. */
  reveal(symbol: string): void {
    const place = this.#places.get(symbol);
    if (place === undefined) return;
    const top = place * ROW_PX, room = this.root.clientHeight - this.head.offsetHeight;
    if (top < this.root.scrollTop) this.root.scrollTop = top;
    else if (top + ROW_PX > this.root.scrollTop + room) this.root.scrollTop = top + ROW_PX - room;
  }

  #range(): { first: number; last: number } {
    const top = Math.floor(this.root.scrollTop / ROW_PX) - OVERSCAN;
    const first = Math.max(0, Math.min(top, this.#rows.length));
    return { first, last: Math.min(this.#rows.length, top + Math.ceil(this.root.clientHeight / ROW_PX) + 2 * OVERSCAN) };
  }

  #buildHead(): void {
    const line = make('div', 'row');
    line.setAttribute('role', 'row');
    line.setAttribute('aria-rowindex', '1');
    for (const column of COLUMNS) {
      const cell = make('div', `cell c-${column.key}`);
      cell.setAttribute('role', 'columnheader');
      if (column.title) cell.title = column.title;
      if (column.rank || column.key === 'symbol') {
        const button = make('button', '', column.label);
        button.type = 'button';
        button.addEventListener('click', () => this.hooks.sort(column.key));
        cell.append(button);
        this.#heads.set(column.key, cell);
      } else {
        cell.textContent = column.label;
      }
      line.append(cell);
    }
    line.append(make('div', 'cell c-remove'));
    this.head.append(line);
  }

  #buildLine(): Line {
    const element = make('div', 'row');
    element.id = `row-${this.#lines.length}`;
    element.setAttribute('role', 'row');
    const cells = new Map<string, Cell>();
    const trend = document.createElementNS(SVG, 'polyline');
    for (const column of COLUMNS) {
      const cell = make('div', `cell c-${column.key}`);
      cell.setAttribute('role', column.key === 'symbol' ? 'rowheader' : 'gridcell');
      let arrow: Label | undefined;
      if (column.key === 'trend') {
        const picture = document.createElementNS(SVG, 'svg');
        picture.setAttribute('viewBox', `0 0 ${TREND.width} ${TREND.height}`);
        picture.setAttribute('preserveAspectRatio', 'none');
        picture.setAttribute('aria-hidden', 'true');
        picture.append(trend);
        cell.append(picture);
      }
      if (column.flashes || column.key === 'state') {
        const mark = make('i');
        mark.setAttribute('aria-hidden', 'true');
        arrow = new Label(mark);
        cell.append(mark);
      }
      const label = new Label(cell), kind = column.key === 'last' ? new Label(cell.appendChild(make('small'))) : undefined;
      cells.set(column.key, { element: cell, label, arrow, kind, flashing: false });
      element.append(cell);
    }
    const remove = make('button', 'cell c-remove', '×');
    remove.type = 'button';
    remove.tabIndex = -1;
    element.append(remove);
    this.body.append(element);
    return { element, cells, trend, row: undefined, index: -1, version: -1, trendVersion: -1, flashUntilMs: 0 };
  }

  #bind(line: Line, row: Row, index: number): void {
    if (line.row !== row) {
      this.#unflash(line);
      line.row = row;
      line.version = line.trendVersion = -1;
      line.element.dataset.symbol = row.symbol;
      (line.cells.get('symbol') as Cell).element.title = legible(row.symbol);
      line.element.hidden = false;
      line.element.lastElementChild?.setAttribute('aria-label', `Remove ${legible(row.symbol)}`);
      this.#select(line);
    }
    if (line.index !== index) {
      line.index = index;
      line.element.style.transform = `translateY(${index * ROW_PX}px)`;
      line.element.setAttribute('aria-rowindex', String(index + 2));
      line.element.classList.toggle('odd', index % 2 === 1);
    }
  }

  #unbind(line: Line): void {
    line.row = undefined;
    line.index = -1;
    line.element.hidden = true;
    delete line.element.dataset.symbol;
  }

  #select(line: Line): void {
    const selected = line.row?.symbol === this.picked;
    line.element.setAttribute('aria-selected', String(selected));
    if (selected) this.root.setAttribute('aria-activedescendant', line.element.id);
  }

  /** What is known of it was sent before the page woke, and its newest is on its way. */
  waits(row: Row): boolean {
    return this.isCatchingUp && row.isBacklog;
  }

  #paintLine(line: Line, row: Row, nowMs: number): void {
    const before = line.version, anew = before < 0;
    line.version = row.version;
    for (const column of COLUMNS) {
      const cell = line.cells.get(column.key) as Cell;
      if (column.text) {
        const text = column.text(row);
        cell.label.put(text);
        if (column.wide && row.seq) this.#widen(column.key, text.length);
      }
      const name = column.flashes?.(row);
      if (!name) continue;
      const way = row.moved[name];
      cell.arrow?.put(way ? ARROWS[way] : '');
      mark(cell.arrow ? cell.element.firstElementChild as Element : cell.element, way ?? '');
      if (!anew && way && (row.changed[name] ?? 0) > before && !calm.matches) {
        mark(cell.element, `cell c-${column.key} flash ${way}`);
        cell.flashing = true;
        line.flashUntilMs = nowMs + FLASH_MS;
      }
    }
    const moved = change(row) ?? 0;
    mark((line.cells.get('change') as Cell).element, `cell c-change ${moved > 0 ? 'up' : moved < 0 ? 'down' : ''}`.trim());
    (line.cells.get('gaps') as Cell).element.title = row.why;
    line.element.classList.toggle('merging', row.n > 1);
    line.element.classList.toggle('lossy', row.gaps > 0);
    line.cells.get('last')?.kind?.put(kindText(row));
    this.#paintLook(line, row);
    if (anew) this.#paintTrend(line, row);
  }

  /** Columns grow with what stands in them, and do not shrink under the eyes. */
  #widen(key: string, chars: number): void {
    if (chars <= (this.#chars.get(key) ?? 0)) return;
    this.#chars.set(key, chars);
    this.root.style.setProperty(`--${key}`, String(chars));
    if (key === 'last') this.root.dataset.long = String(chars > 14);
  }

  #unflash(line: Line): void {
    line.flashUntilMs = 0;
    for (const [key, cell] of line.cells) {
      if (!cell.flashing) continue;
      cell.flashing = false;
      mark(cell.element, `cell c-${key}`);
    }
  }

  /** What follows the time alone: a row grows old though nothing is heard. */
  #paintLook(line: Line, row: Row): void {
    const look = lookOf(row, this.online, this.serverNowMs, this.staleMs), { label, arrow } = line.cells.get('state') as Cell;
    label.put(look);
    arrow?.put(LOOKS[look]);
    if (line.element.dataset.state !== look) line.element.dataset.state = look;
    (line.cells.get('age') as Cell).label.put(ageText(row, this.serverNowMs));
  }

  #paintTrend(line: Line, row: Row): void {
    if (this.serverNowMs !== undefined && this.online) row.trend.fill(Math.floor(this.serverNowMs / 1_000));
    if (line.trendVersion === row.trend.version) return;
    line.trendVersion = row.trend.version;
    line.trend.setAttribute('points', row.trend.points(TREND.width, TREND.height));
  }

  #click(event: MouseEvent): void {
    const target = event.target as Element, symbol = target.closest<HTMLElement>('.row')?.dataset.symbol;
    if (symbol === undefined) return;
    if (target.classList.contains('c-remove')) this.hooks.remove(symbol);
    else this.hooks.pick(symbol);
  }

  #key(event: KeyboardEvent): void {
    if (event.target !== this.root || event.ctrlKey || event.metaKey || event.altKey || !this.#rows.length) return;
    const page = Math.max(1, Math.floor((this.root.clientHeight - this.head.offsetHeight) / ROW_PX) - 1);
    const end = this.#rows.length - 1, at = this.#places.get(this.picked) ?? -1;
    const moves: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: end };
    const to = moves[event.key];
    if (to !== undefined) {
      const row = this.#rows[Math.min(end, Math.max(0, to))];
      if (row) this.hooks.pick(row.symbol);
    } else if (event.key === 'Delete' && at >= 0) {
      const next = this.#rows[at + 1] ?? this.#rows[at - 1], gone = this.picked;
      if (next) this.hooks.pick(next.symbol);
      this.hooks.remove(gone);
    } else {
      return;
    }
    event.preventDefault();
  }
}
