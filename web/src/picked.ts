// The chosen symbol: its account of ticks, its trades, its bars. Pure.

import { Bars } from './bars';
import { priceOf, type Row } from './book';
import type { Data, Fields, Gap } from './messages';
import { Sales } from './sales';
import { moves, newTrade, revision } from './trades';

/** Symbols whose bars are kept, for when they are chosen again. */
const KEPT_MAX = 8;

/** The newest message that is in the bars: by its time, and of those of one time by its seq. */
interface Kept { bars: Bars; newestRx: number; newestSeq: number }

export class Picked {
  sales = new Sales('');
  private kept = new Map<string, Kept>();
  /** When the open that stands was set, in ms by the server's time, if that was seen. */
  openedMs: number | undefined;
  private open: string | undefined;
  private quote: Fields = {};
  private traded = false;

  get symbol(): string {
    return this.sales.symbol;
  }

  get bars(): Bars {
    return this.of(this.symbol).bars;
  }

  choose(symbol: string): void {
    this.begin(symbol);
    const kept = this.of(symbol);
    this.kept.delete(symbol);
    this.kept.set(symbol, kept);
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= KEPT_MAX) break;
      this.kept.delete(oldest);
    }
  }

  /** The account begins; or begins anew, where what came so far comes again. */
  begin(symbol = this.symbol): void {
    this.sales = new Sales(symbol);
    this.quote = {};
    this.traded = false;
    this.open = this.openedMs = undefined;
  }

  /** `hasTrades`: its price is that of its trades; otherwise it is taken between bid and ask. */
  data(message: Data, hasTrades: boolean): void {
    this.sales.data(message);
    this.noteOpen(message);
    for (const name of ['bid', 'ask'] as const) {
      const value = message[name];
      if (value === null) delete this.quote[name];
      else if (value !== undefined) this.quote[name] = value;
    }
    this.traded ||= hasTrades || typeof message.last === 'string';
    // A base of the account is no event of the market.
    if (message.type === 'snapshot') return;
    const kept = this.of(this.symbol);
    if (message.rx < kept.newestRx || message.rx === kept.newestRx && message.seq <= kept.newestSeq) return;
    Object.assign(kept, { newestRx: message.rx, newestSeq: message.seq });
    this.chart(message, kept.bars);
  }

  private chart(message: Data, bars: Bars): void {
    const time = message.rx / 1_000_000, revised = revision(message), trade = newTrade(message);
    if (revised) {
      const { id, isCancel, price, size } = revised;
      bars.revise(id, isCancel ? undefined : { price: price === undefined ? undefined : Number(price), volume: size === undefined ? undefined : Number(size) });
    } else if (trade) {
      const { affects, id } = trade, volume = moves(affects, 'volume') ? Number(trade.size) : 0;
      bars.add(time, Number(trade.price), volume, { id, closes: moves(affects, 'last'), extends: moves(affects, 'high_low') });
    } else {
      const price = this.traded ? message.last : priceOf(this.quote)?.text;
      // Withdrawn, or not told: no price, and no bar.
      if (price !== undefined && price !== null) bars.add(time, Number(price), 0);
    }
  }

  /** Brings the bars to the price that is shown of the symbol: one that came as a base is no event, and yet the price. */
  settle(row: Row): void {
    const price = priceOf(row.fields), kept = this.of(this.symbol);
    if (!price || kept.bars.newest?.close === Number(price.text)) return;
    Object.assign(kept, { newestRx: Math.round(row.rxMs * 1_000), newestSeq: row.seq });
    kept.bars.add(row.rxMs / 1_000, Number(price.text), 0);
  }

  /** A trade that is the open itself, seen from the first tick on or in place of another open, says when it was. */
  private noteOpen({ type, n, open, last, rx }: Data): void {
    if (open === undefined || open === this.open) return;
    if (open === null) {
      this.open = this.openedMs = undefined;
      return;
    }
    const isFirst = type === 'update' && n === undefined && open === last && (this.open !== undefined || this.sales.from === 1);
    this.openedMs = isFirst ? rx / 1_000 : undefined;
    this.open = open;
  }

  gap(message: Gap): void {
    this.sales.gap(message);
  }

  private of(symbol: string): Kept {
    let kept = this.kept.get(symbol);
    if (!kept) this.kept.set(symbol, kept = { bars: new Bars(), newestRx: 0, newestSeq: 0 });
    return kept;
  }
}
