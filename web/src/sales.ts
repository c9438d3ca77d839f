// Times and sales of one symbol: its trades, newest last, as cancels and corrections left them, and the account of its ticks.
// Pure.
//
// Invariant: `to - from + 1 = ticks + merged + lost`, so that what is missing is always stated.

import type { Data, Gap } from './messages';
import { newTrade, type NewTrade, revision, type Revision } from './trades';

export interface Sale extends NewTrade {
  kind: 'sale';
  seq: number;
  /** When the server took it in, in ms: the one clock of the page. */
  timeMs: number;
  /** What was said of it later. */
  fate: '' | 'cancelled' | 'corrected';
  /** Price and size before they were corrected first. */
  was: { price: string; size: string } | undefined;
  /** It stands for a trade that is not on the list, and says what has become of that one. */
  isEarlier: boolean;
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

  constructor(readonly symbol: string) {}

  data(message: Data): void {
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
    const head = { kind: 'sale', seq: message.seq, timeMs: message.rx / 1000, was: undefined } as const;
    const trade = newTrade(message), revised = message.type === 'update' && revision(message);
    if (trade) this.#add({ ...head, ...trade, fate: '', isEarlier: false });
    else if (revised) this.#revise(revised, head);
  }

  gap(message: Gap): void {
    this.version++;
    // Another epoch counts from 0 again, and the account begins with it.
    if (message.reason === 'epoch') {
      this.from = 1;
      this.ticks = this.merged = this.lost = 0;
    }
    if (!this.to) this.from = message.from;
    this.lost += message.to - message.from + 1;
    this.to = message.to;
    this.#add({ kind: 'loss', from: message.from, to: message.to, reason: message.reason });
  }

  /** The newest trade of that name; where it is not on the list, what is said of it is a line of its own. */
  #revise({ id, isCancel, price, size, side }: Revision, head: Pick<Sale, 'kind' | 'seq' | 'timeMs' | 'was'>): void {
    const fate = isCancel ? 'cancelled' : 'corrected';
    const sale = this.lines.findLast((line): line is Sale => line.kind === 'sale' && line.id === id && !line.isEarlier && line.fate !== 'cancelled');
    if (!sale) {
      this.#add({ ...head, price: price ?? '', size: size ?? '', side: side ?? 'unknown', id, affects: undefined, fate, isEarlier: true });
      return;
    }
    sale.fate = fate;
    if (isCancel) return;
    sale.was ??= { price: sale.price, size: sale.size };
    sale.price = price ?? sale.price;
    sale.size = size ?? sale.size;
    sale.side = side ?? sale.side;
  }

  #add(line: Sale | Loss): void {
    this.lines.push(line);
    if (this.lines.length > SALES_MAX * 1.2) this.lines.splice(0, this.lines.length - SALES_MAX);
  }
}
