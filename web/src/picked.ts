// The chosen symbol: its account of ticks, its trades, its bars. Pure.

import { Bars } from './bars';
import type { Data, Gap } from './messages';
import { Sales } from './sales';

/** Symbols whose bars are kept, for when they are chosen again. */
const KEPT_MAX = 8;

interface Kept { bars: Bars; newestRx: number }

export class Picked {
  sales = new Sales('');
  private kept = new Map<string, Kept>();
  private bid: number | undefined;
  private ask: number | undefined;
  private traded = false;

  get symbol(): string {
    return this.sales.symbol;
  }

  get bars(): Bars {
    return this.of(this.symbol).bars;
  }

  choose(symbol: string): void {
    this.sales = new Sales(symbol);
    this.bid = this.ask = undefined;
    this.traded = false;
    const kept = this.of(symbol);
    this.kept.delete(symbol);
    this.kept.set(symbol, kept);
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= KEPT_MAX) break;
      this.kept.delete(oldest);
    }
  }

  /** `hasTrades`: its price is that of its trades; otherwise it is taken between bid and ask. */
  data(message: Data, hasTrades: boolean): void {
    const volume = this.sales.data(message);
    if (message.bid !== undefined) this.bid = Number(message.bid);
    if (message.ask !== undefined) this.ask = Number(message.ask);
    this.traded ||= hasTrades || message.last !== undefined;
    // A base of the account is no event of the market.
    if (message.type === 'snapshot') return;
    const kept = this.of(this.symbol);
    if (message.rx < kept.newestRx) return;
    const between = this.bid === undefined || this.ask === undefined ? undefined : (this.bid + this.ask) / 2;
    const price = this.traded ? message.last === undefined ? undefined : Number(message.last) : between;
    if (price === undefined) return;
    kept.newestRx = message.rx;
    kept.bars.add(message.rx / 1_000_000, price, volume);
  }

  gap(message: Gap): void {
    this.sales.gap(message);
  }

  private of(symbol: string): Kept {
    let kept = this.kept.get(symbol);
    if (!kept) this.kept.set(symbol, kept = { bars: new Bars(), newestRx: 0 });
    return kept;
  }
}
