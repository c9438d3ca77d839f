// Times and sales on the page: a fixed number of lines that are written again as trades come.

import { grouped, written } from './decimal';
import { ARROWS, Label, make, mark, utc } from './dom';
import type { Affect } from './messages';
import type { Loss, Sale, Sales } from './sales';
import type { Row } from './book';
import { moves } from './trades';

const LINES = 80;
const CELLS = 5;
const WORDS: Record<Affect, string> = { last: 'last price', high_low: 'high and low', volume: 'volume' };

interface Line { element: HTMLElement; cells: Cell[] }
/** A text, and before it one that it replaces, struck through. */
interface Cell { was: Label; now: Label }

export class Tape {
  readonly #lines: Line[] = [];
  #painted: Sales | undefined;
  #version = '';
  readonly #told: Label;

  constructor(private readonly table: HTMLElement, private readonly body: HTMLElement, told: HTMLElement) {
    this.#told = new Label(told);
  }

  paint(sales: Sales, row: Row): void {
    // More decimal places concern all lines.
    const version = [sales.version, row.pricePlaces, row.sizePlaces].join();
    if (this.#painted === sales && this.#version === version) return;
    this.#painted = sales;
    this.#version = version;
    const { from, to, ticks, merged, lost } = sales;
    this.#told.put(to ? `seq ${count(from)} to ${count(to)}: ${count(ticks)} ticks, ${count(merged)} merged, ${count(lost)} lost` : '');
    const newest = sales.lines.slice(-LINES).reverse();
    newest.forEach((line, at) => {
      const shown = this.#lines[at] ?? this.#build();
      if (line.kind === 'sale') paintSale(shown, line, row);
      else paintLoss(shown, line);
      shown.element.hidden = false;
    });
    for (const line of this.#lines.slice(newest.length)) line.element.hidden = true;
    // Where no trade has a name, there is no column for them.
    mark(this.table, newest.some(line => line.kind === 'sale' && line.id) ? 'named' : '');
  }

  #build(): Line {
    const element = make('tr'), boxes = Array.from({ length: CELLS }, () => make('td'));
    const cells = boxes.map(box => ({ was: new Label(box.appendChild(make('s'))), now: new Label(box) }));
    element.append(...boxes);
    this.body.append(element);
    const line = { element, cells };
    this.#lines.push(line);
    return line;
  }
}

function put({ element, cells }: Line, className: string, seq: string, title: string, texts: string[], was: string[] = []): void {
  cells.forEach((cell, place) => {
    cell.was.put(was[place] ?? '');
    cell.now.put(texts[place] ?? '');
  });
  mark(element, className);
  if (element.dataset.seq !== seq) element.dataset.seq = seq;
  if (element.title !== title) element.title = title;
}

function paintSale(line: Line, sale: Sale, row: Row): void {
  const { fate, side, was, isEarlier } = sale, isAside = !moves(sale.affects, 'last');
  const price = written(sale.price || undefined, row.pricePlaces), size = written(sale.size || undefined, row.sizePlaces);
  const isGone = fate === 'cancelled';
  const wasPrice = isGone ? price : was && was.price !== sale.price ? written(was.price, row.pricePlaces) : '';
  const wasSize = isGone ? size : was && was.size !== sale.size ? written(was.size, row.sizePlaces) : '';
  const word = fate || (isAside ? 'not last' : side === 'unknown' ? '' : side);
  const arrow = side === 'buy' ? ARROWS.up : side === 'sell' ? ARROWS.down : '';
  const classes = [side === 'buy' ? 'up' : side === 'sell' ? 'down' : '', fate, isAside ? 'aside' : '', isEarlier ? 'earlier' : ''].filter(Boolean).join(' ');
  put(line, classes, String(sale.seq), titleOf(sale), [utc(sale.timeMs, 23), isGone ? '' : price, isGone ? '' : size, `${arrow} ${word}`.trim() || '–', sale.id], ['', wasPrice, wasSize]);
}

function paintLoss(line: Line, { from, to, reason }: Loss): void {
  put(line, 'loss', `${from}-${to}`, '', [`gap: ${reason}`, count(from), `to ${count(to)}`, 'lost']);
}

/** What does not stand in the line, or finds no room there. */
function titleOf({ id, side, affects, fate, was, isEarlier }: Sale): string {
  const lines = [side === 'unknown' ? '' : side === 'buy' ? 'A buyer took' : 'A seller took', id && `Trade ${id}`];
  if (affects && !moves(affects, 'last')) {
    const moved = affects.map(word => WORDS[word] ?? word).join(', ');
    lines.push(`Does not move the last price${moved && `; moves: ${moved}`}`);
  }
  if (fate) lines.push(isEarlier ? `An earlier trade was ${fate}` : was && fate === 'corrected' ? `Corrected from ${was.price}, size ${was.size}` : `Was ${fate}`);
  return lines.filter(Boolean).join('\n');
}

const count = (value: number): string => grouped(String(value));
