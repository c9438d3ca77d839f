// The chosen symbol: its account of ticks, its trades, its bars. Pure.

import { Bars } from './bars';
import { type Price, priceOf, type Row } from './book';
import type { Data, Gap } from './messages';
import { Sales } from './sales';
import { moves, newTrade, revision } from './trades';

/** Symbols whose bars are kept, for when they are chosen again. */
const KEPT_MAX = 8;

/** The newest message that is in the bars: by its time, and of those of one time by its seq. */
interface Kept { bars: Bars; newestRx: number; newestSeq: number }

export class Picked {
  sales = new Sales('');
  #kept = new Map<string, Kept>();
  /** When the open that stands was set, in ms by the server's time, if that was seen. */
  openedMs: number | undefined;
  #open: string | undefined;
  /** Bid and ask so far: null where there is none, absent where the history has not told yet. */
  #quote: { bid?: string | null; ask?: string | null } = {};
  #traded = false;

  get symbol(): string {
    return this.sales.symbol;
  }

  get bars(): Bars {
    return this.#of(this.symbol).bars;
  }

  choose(symbol: string): void {
    this.begin(symbol);
    const kept = this.#of(symbol);
    this.#kept.delete(symbol);
    this.#kept.set(symbol, kept);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_MAX) break;
      this.#kept.delete(oldest);
    }
  }

  /** The account begins; or begins anew, where what came so far comes again. */
  begin(symbol = this.symbol): void {
    this.sales = new Sales(symbol);
    this.#quote = {};
    this.#traded = false;
    this.#open = this.openedMs = undefined;
  }

  /** `row`: the record behind the message; with `history`, a later one. Where nothing was traded, its price is between bid and ask. */
  data(message: Data, row: Row, history: boolean): void {
    this.sales.data(message);
    this.#noteOpen(message);
    this.#noteQuote(message, row, history);
    this.#traded ||= row.fields.last !== undefined || typeof message.last === 'string';
    // A base of the account is no event of the market.
    if (message.type === 'snapshot') return;
    const kept = this.#of(this.symbol);
    if (message.rx < kept.newestRx || message.rx === kept.newestRx && message.seq <= kept.newestSeq) return;
    Object.assign(kept, { newestRx: message.rx, newestSeq: message.seq });
    this.#chart(message, kept.bars);
  }

  #chart(message: Data, bars: Bars): void {
    const time = message.rx / 1_000_000, revised = revision(message), trade = newTrade(message);
    if (revised) {
      const { id, isCancel, price, size } = revised;
      bars.revise(id, isCancel ? undefined : { price: price === undefined ? undefined : Number(price), volume: size === undefined ? undefined : Number(size) });
    } else if (trade) {
      const { affects, id } = trade, volume = moves(affects, 'volume') ? Number(trade.size) : 0;
      bars.add(time, Number(trade.price), volume, { id, closes: moves(affects, 'last'), extends: moves(affects, 'high_low') });
    } else {
      const price = this.#traded ? message.last : this.#quotePrice()?.text;
      // Withdrawn, or not told: no price, and no bar.
      if (price !== undefined && price !== null) bars.add(time, Number(price), 0);
    }
  }

  #noteQuote(message: Data, { fields }: Row, history: boolean): void {
    const isBase = message.type === 'snapshot' || message.seq === (message.n ?? 1);
    for (const name of ['bid', 'ask'] as const) {
      if (!history) this.#quote[name] = fields[name] ?? null;
      else if (isBase) this.#quote[name] = message[name] ?? null;
      else if (message[name] !== undefined) this.#quote[name] = message[name];
    }
  }

  /** None where a side is not known: the other one alone is no price. */
  #quotePrice(): Price | undefined {
    const { bid, ask } = this.#quote;
    return bid === undefined || ask === undefined ? undefined : priceOf({ ...bid !== null && { bid }, ...ask !== null && { ask } });
  }

  /** Brings the bars to the price that is shown of the symbol: one that came as a base is no event, and yet the price. */
  settle(row: Row): void {
    const price = priceOf(row.fields), kept = this.#of(this.symbol);
    if (!price || kept.bars.newest?.close === Number(price.text)) return;
    Object.assign(kept, { newestRx: Math.round(row.rxMs * 1_000), newestSeq: row.seq });
    kept.bars.add(row.rxMs / 1_000, Number(price.text), 0);
  }

  /** A trade that is the open itself, seen from the first tick on or in place of another open, says when it was. */
  #noteOpen(message: Data): void {
    const { open, last, rx } = message;
    if (open === this.#open || open === undefined && message.type === 'update') return;
    if (open === null || open === undefined) {
      this.#open = this.openedMs = undefined;
      return;
    }
    const isFirst = newTrade(message) !== undefined && open === last && (this.#open !== undefined || this.sales.from === 1);
    this.openedMs = isFirst ? rx / 1_000 : undefined;
    this.#open = open;
  }

  gap(message: Gap): void {
    this.sales.gap(message);
  }

  #of(symbol: string): Kept {
    let kept = this.#kept.get(symbol);
    if (!kept) this.#kept.set(symbol, kept = { bars: new Bars(), newestRx: 0, newestSeq: 0 });
    return kept;
  }
}
