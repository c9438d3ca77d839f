// Times and sales on the page: a fixed number of lines that are written again as trades come.

import { grouped, written } from './decimal';
import { ARROWS, Label, make, mark, utc } from './dom';
import type { Sales } from './sales';
import type { Row } from './book';

const LINES = 80;

interface Line { element: HTMLElement; cells: Label[]; side: HTMLElement }

export class Tape {
  private readonly lines: Line[] = [];
  private painted: Sales | undefined;
  private version = '';
  private readonly told: Label;

  constructor(private readonly body: HTMLElement, told: HTMLElement) {
    this.told = new Label(told);
  }

  paint(sales: Sales, row: Row): void {
    // More decimal places concern all lines.
    const version = [sales.version, row.pricePlaces, row.sizePlaces].join();
    if (this.painted === sales && this.version === version) return;
    this.painted = sales;
    this.version = version;
    const { from, to, ticks, merged, lost } = sales, count = (value: number): string => grouped(String(value));
    this.told.put(to ? `seq ${count(from)} to ${count(to)}: ${count(ticks)} ticks, ${count(merged)} merged, ${count(lost)} lost` : '');
    const newest = sales.lines.slice(-LINES).reverse();
    newest.forEach((line, at) => {
      const shown = this.lines[at] ?? this.build();
      const texts = line.kind === 'sale'
        ? [utc(line.timeMs, 23), written(line.price, row.pricePlaces), written(line.size, row.sizePlaces), side(line.side, line.trades)]
        : [`gap: ${line.reason}`, count(line.from), `to ${count(line.to)}`, 'lost'];
      shown.cells.forEach((cell, place) => cell.put(texts[place] ?? ''));
      mark(shown.element, line.kind === 'loss' ? 'loss' : line.side === 'buy' ? 'up' : line.side === 'sell' ? 'down' : '');
      shown.element.dataset.seq = line.kind === 'sale' ? String(line.seq) : `${line.from}-${line.to}`;
      shown.element.hidden = false;
    });
    for (const line of this.lines.slice(newest.length)) line.element.hidden = true;
  }

  private build(): Line {
    const element = make('tr'), cells = Array.from({ length: 4 }, () => make('td'));
    element.append(...cells);
    this.body.append(element);
    const line = { element, cells: cells.map(cell => new Label(cell)), side: cells[3] as HTMLElement };
    this.lines.push(line);
    return line;
  }
}

function side(taken: string, trades: number): string {
  const many = trades > 1 ? ` ×${trades}` : '';
  return (taken === 'buy' ? `${ARROWS.up} buy` : taken === 'sell' ? `${ARROWS.down} sell` : '–') + many;
}
