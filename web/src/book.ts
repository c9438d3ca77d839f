// What is known of each symbol, and what became of each tick: shown, merged, lost. Pure: no page, no socket, no clock.
//
// Invariant: for each row `seq` is the last one told, and every message is checked against law 4, `seq` = previous `seq` + `n`;
// what breaks it is counted in `errors`, which must stay 0.

import { between, compare, places } from './decimal';
import { configured, DECIMALS, type Data, type Decimal, type Fields, type Gap, type State } from './messages';
import { SecondRing } from './ring';
import { legible } from './watchlist';

export type Direction = 'up' | 'down';

/** One symbol. */
export interface Row {
  readonly symbol: string;
  epoch: string;
  seq: number;
  /** When the service took in what is shown, in ms; 0 before the first tick. */
  rxMs: number;
  /** How much later than in real time it is shown, in ms, and what must be shown beside it. */
  delayMs: number;
  legend: string;
  fields: Fields;
  /** The fields of the server's configuration, in the order in which they came; null where one is withdrawn. */
  configured: Map<string, string | null>;
  state: State;
  /** False: neither a feed's list nor a past tick knows the name. */
  known: boolean;
  /** Which way each field went when it last changed, and what is between bid and ask. */
  moved: { [name in Decimal | 'mid']?: Direction };
  /** The version at which each last changed. */
  changed: { [name in Decimal | 'mid']?: number };
  /** How many ticks the last message stood for. */
  n: number;
  merged: number;
  gaps: number;
  lost: number;
  why: string;
  /** The most decimal places so far, of prices and of sizes. */
  pricePlaces: number;
  sizePlaces: number;
  /** What it shows was on its way while the page did not run. */
  isBacklog: boolean;
  /** Rises with each change. */
  version: number;
  readonly trend: SecondRing;
  /** The command whose answer says where the row goes on; what comes before it belongs to an older subscription. */
  awaiting: number | undefined;
  /** Up to this seq, what comes was shown before, and is history. */
  knownTo: number;
}

/** What the page learns, behind a row that has been brought up to date. */
export interface Listener {
  born?(row: Row): void;
  /** `history`: it was shown before, and now comes tick by tick. */
  data?(row: Row, message: Data, history: boolean): void;
  gap?(row: Row, message: Gap, history: boolean): void;
  /** What came of the row so far comes again, from an older seq on. */
  again?(row: Row): void;
}

export class Book {
  readonly rows = new Map<string, Row>();
  epoch = '';
  /** Whether what comes was sent before the page woke. */
  isBacklog = false;
  messages = 0;
  merged = 0;
  gaps = 0;
  errors = 0;
  lastError = '';

  constructor(private readonly listener: Listener = {}) {}

  row(symbol: string): Row {
    let row = this.rows.get(symbol);
    if (!row) {
      row = {
        symbol, epoch: this.epoch, seq: 0, rxMs: 0, delayMs: 0, legend: '', fields: {}, configured: new Map(), state: '', known: true, moved: {}, changed: {}, n: 1, merged: 0, gaps: 0, lost: 0, why: '',
        pricePlaces: 0, sizePlaces: 0, isBacklog: false, version: 1, trend: new SecondRing(), awaiting: undefined, knownTo: 0,
      };
      this.rows.set(symbol, row);
      this.listener.born?.(row);
    }
    // Another epoch counts from 0 again; the trend is the market's, and goes on.
    if (row.epoch !== this.epoch) this.#anew(row);
    return row;
  }

  #anew(row: Row): void {
    Object.assign(row, { epoch: this.epoch, seq: 0, rxMs: 0, fields: {}, configured: new Map(), state: '', knownTo: 0 });
    row.version++;
  }

  /** A symbol is shown so much later than in real time, or no longer: then what is held is of another market. */
  late(symbol: string, delayMs: number, legend: string): void {
    const row = this.row(symbol);
    if (row.delayMs !== delayMs) this.#anew(row);
    Object.assign(row, { delayMs, legend });
  }

  /** A row of another book, which goes on here by itself. */
  goOn(from: Row): Row {
    const row = {
      ...from, fields: { ...from.fields }, configured: new Map(from.configured), moved: { ...from.moved }, changed: {}, n: 1, merged: 0, gaps: 0, lost: 0, why: '',
      trend: new SecondRing(), awaiting: undefined, knownTo: 0,
    };
    this.rows.set(row.symbol, row);
    return row;
  }

  data(message: Data): void {
    const row = this.row(message.symbol);
    if (row.awaiting !== undefined) return;
    this.messages++;
    const whole = message.type === 'snapshot', n = message.n ?? 1;
    const missed = message.seq - row.seq;
    if (whole ? missed < 0 : missed !== n) this.#wrong(row, `seq ${message.seq}, n ${whole ? 'of a snapshot' : n}`);
    const history = message.seq <= row.knownTo;
    // A snapshot behind a break stands for all that came since. What is known already was not missed.
    const merged = Math.min(whole ? (row.seq ? missed : 1) : n, message.seq - row.knownTo) - 1;
    if (merged > 0) this.#merge(row, merged);
    row.seq = message.seq;
    widen(row, message);
    row.isBacklog = this.isBacklog;
    if (!history) take(row, message, whole);
    this.listener.data?.(row, message, history);
  }

  gap(message: Gap): void {
    const row = this.row(message.symbol);
    if (row.awaiting !== undefined) return;
    // What was held says nothing in this epoch: all there is of it is announced.
    if (message.reason === 'epoch') row.seq = row.knownTo = 0;
    if (message.from !== row.seq + 1) this.#wrong(row, `gap from ${message.from}`);
    const history = message.from <= row.knownTo;
    row.seq = message.to;
    if (history) {
      // Only older ticks were asked for: what is new beyond them comes in the snapshot behind.
      if (message.to > row.knownTo + 1) this.#merge(row, message.to - row.knownTo - 1);
    } else {
      row.gaps++;
      this.gaps++;
      row.lost += message.to - message.from + 1;
      row.why = `seq ${message.from} to ${message.to} lost: ${message.reason}`;
    }
    row.version++;
    this.listener.gap?.(row, message, history);
  }

  status(symbol: string, state: State): void {
    const row = this.row(symbol);
    if (row.state !== state) {
      row.state = state;
      row.version++;
    }
  }

  /** The answer to a name that has no tick. */
  pending(symbol: string, known: boolean): void {
    const row = this.row(symbol);
    row.known = known;
    row.state ||= 'pending';
    row.version++;
  }

  /** The row begins anew behind the answer to command `id`; until then what comes is of the older subscription. */
  await(row: Row, id: number): void {
    row.awaiting = id;
  }

  /** The answer is there: the row goes on behind `last`; none: with a new base. */
  answered(row: Row, id: number, last: number | undefined): void {
    if (row.awaiting !== id) return;
    row.awaiting = undefined;
    if (last === undefined) return;
    row.knownTo = row.seq > last ? row.seq : 0;
    row.seq = last;
    if (row.knownTo) this.listener.again?.(row);
  }

  forget(symbol: string): void {
    this.rows.delete(symbol);
  }

  #merge(row: Row, ticks: number): void {
    row.merged += ticks;
    this.merged += ticks;
  }

  #wrong(row: Row, what: string): void {
    this.errors++;
    this.lastError = `${legible(row.symbol)}: ${what}, behind seq ${row.seq}`;
  }
}

/** What is shown as a symbol's price, and which it is. */
export interface Price { text: string; kind: 'last' | 'mid' | 'bid' | 'ask' }

/** The one price of a symbol, in table, head, chart and trend: of the last trade; where nothing was traded, between bid and ask. */
export function priceOf({ last, bid, ask }: Fields): Price | undefined {
  if (last !== undefined) return { text: last, kind: 'last' };
  if (bid !== undefined && ask !== undefined) return { text: between(bid, ask), kind: 'mid' };
  return bid !== undefined ? { text: bid, kind: 'bid' } : ask !== undefined ? { text: ask, kind: 'ask' } : undefined;
}

/** Its decimal places: what is between two prices may have one more. */
export const placesOf = (row: Row, { kind }: Price): number => row.pricePlaces + (kind === 'mid' ? 1 : 0);

/** The most decimal places, also of trades that do not move the record. */
function widen(row: Row, message: Data): void {
  const most = (had: number, ...texts: (string | null | undefined)[]): number => Math.max(had, ...texts.map(text => places(text ?? '')));
  row.pricePlaces = most(row.pricePlaces, message.bid, message.ask, message.last, message.open, message.high, message.low, message.trade?.last);
  row.sizePlaces = most(row.sizePlaces, message.bid_size, message.ask_size, message.last_size, message.trade?.last_size);
}

function take(row: Row, message: Data, whole: boolean): void {
  const had = row.fields, next: Fields = whole ? {} : had, before = priceOf(had);
  row.version++;
  for (const name of DECIMALS) {
    const value = message[name];
    if (value === undefined) continue;
    if (value === null) {
      delete next[name];
      delete row.moved[name];
      continue;
    }
    move(row, name, had[name], value);
    next[name] = value;
  }
  if (message.side === null) delete next.side;
  else if (message.side !== undefined) next.side = message.side;
  if (message.trade_id === null) delete next.trade_id;
  else if (message.trade_id !== undefined) next.trade_id = message.trade_id;
  if (message.trades === null) delete next.trades;
  else if (message.trades !== undefined) next.trades = message.trades;
  if (whole) {
    for (const name of DECIMALS) if (next[name] === undefined) delete row.moved[name];
    row.configured.clear();
  }
  // One that is withdrawn keeps its place, for when it comes back.
  for (const [name, value] of configured(message)) row.configured.set(name, value);
  row.fields = next;
  row.n = message.n ?? 1;
  row.rxMs = message.rx / 1000;
  if (row.state === '' || row.state === 'pending') row.state = 'live';
  row.known = true;
  const price = priceOf(next);
  if (!price) return;
  if (price.kind === 'mid' && before?.kind === 'mid') move(row, 'mid', before.text, price.text);
  row.trend.add(Math.floor(row.rxMs / 1000), Number(price.text));
}

function move(row: Row, name: Decimal | 'mid', from: string | undefined, to: string): void {
  const way = from === undefined || from === to ? 0 : compare(to, from);
  if (!way) return;
  row.moved[name] = way > 0 ? 'up' : 'down';
  row.changed[name] = row.version;
}
