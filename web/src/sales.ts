// Times and sales of one symbol: its trades, newest first, and the account of its ticks. Pure.
//
// Invariant: `to - from + 1 = ticks + merged + lost`, so that what is missing is always stated.

import type { Data, Gap } from './messages';

export interface Sale {
  kind: 'sale';
  seq: number;
  /** When the server took it in, in ms: the one clock of the page. */
  timeMs: number;
  price: string;
  size: string;
  side: 'buy' | 'sell' | 'unknown';
  /** How many trades were merged into this line: the last price, and the volume of all. */
  trades: number;
}

export interface Loss { kind: 'loss'; from: number; to: number; reason: string }

export const SALES_MAX = 500;

export class Sales {
  /** Newest last. */
  readonly lines: (Sale | Loss)[] = [];
  from = 0;
  to = 0;
  ticks = 0;
  merged = 0;
  lost = 0;
  /** Rises with each change. */
  version = 0;
  private trades: number | undefined;
  private volume: number | undefined;

  constructor(readonly symbol: string) {}

  /** A message of the symbol; returns what was traded by it, for the chart. */
  data(message: Data): number {
    const n = message.n ?? 1;
    this.version++;
    if (message.type === 'snapshot') {
      // A base: it stands for what is missing since the last message, or begins the account.
      if (this.to) this.merged += message.seq - this.to;
      else this.from = message.seq + 1;
    } else {
      if (!this.to) this.from = message.seq - n + 1;
      this.ticks++;
      this.merged += n - 1;
    }
    this.to = message.seq;
    const traded = this.traded(message);
    if (traded.trades > 0 && typeof message.last === 'string') {
      this.add({ kind: 'sale', seq: message.seq, timeMs: message.rx / 1000, price: message.last, size: traded.size, side: message.side ?? 'unknown', trades: traded.trades });
    }
    return traded.volume;
  }

  gap(message: Gap): void {
    this.version++;
    // Another epoch counts from 0 again, and the account begins with it.
    if (message.reason === 'epoch') {
      this.from = 1;
      this.ticks = this.merged = this.lost = 0;
      this.trades = this.volume = undefined;
    }
    if (!this.to) this.from = message.from;
    this.lost += message.to - message.from + 1;
    this.to = message.to;
    this.add({ kind: 'loss', from: message.from, to: message.to, reason: message.reason });
  }

  private traded(message: Data): { trades: number; volume: number; size: string } {
    const { trades, volume } = message, before = { trades: this.trades, volume: this.volume };
    // Totals that are withdrawn begin anew with the next trade.
    const total = volume === undefined ? undefined : Number(volume ?? 0);
    if (trades !== undefined) this.trades = trades ?? 0;
    if (total !== undefined) this.volume = total;
    if (message.type === 'snapshot' || typeof message.last !== 'string' || typeof message.last_size !== 'string') return { trades: 0, volume: 0, size: '' };
    const single = { trades: 1, volume: Number(message.last_size), size: message.last_size };
    if ((message.n ?? 1) === 1) return single;
    if (typeof trades !== 'number' || total === undefined || before.trades === undefined || before.volume === undefined) return { ...single, trades: 0, volume: 0 };
    const isAnew = trades < before.trades;
    const count = isAnew ? trades : trades - before.trades, sum = isAnew ? total : Math.max(0, total - before.volume);
    return count === 1 ? single : { trades: count, volume: sum, size: String(Number(sum.toPrecision(12))) };
  }

  private add(line: Sale | Loss): void {
    this.lines.push(line);
    if (this.lines.length > SALES_MAX * 1.2) this.lines.splice(0, this.lines.length - SALES_MAX);
  }
}
