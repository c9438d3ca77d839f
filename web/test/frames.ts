// Writes frames of `tickcast.v1.binary` by hand, for the tests of what reads them: plainly, with integers of any size.
import { scaled } from '../src/decimal';

const FIELDS = ['bid', 'bid_size', 'ask', 'ask_size', 'last', 'last_size', 'side', 'volume', 'trades', 'trade_id', 'open', 'high', 'low'];
const SIDES = ['unknown', 'buy', 'sell'];
const NO_FIELDS = ['type', 'as', 'symbol', 'seq', 'n', 'ts', 'rx', 'cancel', 'correct', 'trade', 'affects', 'from', 'to', 'reason'];
const isPrice = (name: string) => ['bid', 'ask', 'last', 'open', 'high', 'low'].includes(name);
const isSize = (name: string) => ['bid_size', 'ask_size', 'last_size', 'volume'].includes(name);

export type Json = { [name: string]: unknown };

/** As JSON has it, with decimals as text. */
export interface Configured { id: number; name: string; kind: string }

/** The places of prices and sizes, and the price and the spread that others are told from, in their smallest units. */
interface Form { prices: number; sizes: number; reference: bigint; spread: bigint }
interface Topic { number: number; form: Form | 'wide' }

const reports = (message: Json): boolean => 'cancel' in message || 'correct' in message || 'trade' in message;

export class FrameWriter {
  private readonly bytes: number[] = [];
  private readonly topics = new Map<string, Topic>();
  private rx: bigint;
  private lag = 0n;

  constructor(private readonly origin: number, private readonly table: readonly Configured[] = []) {
    this.rx = BigInt(origin);
  }

  /** The frame so far; the next one begins. */
  take(): Uint8Array {
    this.rx = BigInt(this.origin);
    this.lag = 0n;
    return Uint8Array.from(this.bytes.splice(0));
  }

  // === Its parts

  byte(value: number): this {
    this.bytes.push(value & 0xff);
    return this;
  }

  varint(value: number | bigint): this {
    let rest = BigInt(value);
    for (; rest >= 0x80n; rest >>= 7n) this.bytes.push(Number(rest & 0x7fn) | 0x80);
    return this.byte(Number(rest));
  }

  zigzag(value: number | bigint): this {
    const whole = BigInt(value);
    return this.varint(whole < 0n ? -2n * whole - 1n : 2n * whole);
  }

  text(text: string): this {
    const bytes = new TextEncoder().encode(text);
    this.varint(bytes.length).bytes.push(...bytes);
    return this;
  }

  times(rx: number, ts: number): this {
    const lag = BigInt(rx) - BigInt(ts), step = lag - this.lag, coded = step < 0n ? -2n * step - 1n : 2n * step;
    const isOther = BigInt(rx) !== this.rx;
    this.varint(coded * 2n + (isOther ? 1n : 0n));
    if (isOther) this.zigzag(BigInt(rx) - this.rx);
    this.rx = BigInt(rx);
    this.lag = lag;
    return this;
  }

  mask(ids: number[]): this {
    return this.varint(ids.reduce((mask, id) => mask | 1n << BigInt(id), 0n));
  }

  /** A decimal that says its own places. */
  decimal(text: string): this {
    const places = placesOf(text), units = scaled(text, places);
    for (let size = 1n; size <= 8n; size++) {
      if (BigInt.asIntN(Number(8n * size), units) !== units) continue;
      this.byte(places | Number(size - 1n) << 5);
      for (let at = 0n; at < size; at++) this.byte(Number(BigInt.asUintN(8, units >> 8n * at)));
      return this;
    }
    return this.byte(31).text(text);
  }

  /** `form`: how decimals are written; in the wide one, each says its own places. */
  values(message: Json, ids: number[], form: Form | 'wide'): this {
    let from = form === 'wide' ? 0n : form.reference, isFirst = true;
    const spread = form === 'wide' ? 0n : form.spread;
    for (const id of ids) {
      const { name, kind } = this.field(id), value = message[name] as string;
      if (kind === 'price' && form !== 'wide') {
        const price = scaled(value, form.prices) - (name === 'ask' ? spread : 0n);
        this.zigzag(price - from);
        if (isFirst) from = price;
        isFirst = false;
      } else if (kind === 'size' && form !== 'wide') {
        this.varint(scaled(value, form.sizes));
      } else if (kind === 'price' || kind === 'size' || kind === 'decimal') {
        this.decimal(value);
      } else if (kind === 'count') {
        this.varint(Number(value));
      } else if (kind === 'integer') {
        this.zigzag(BigInt(value));
      } else if (kind === 'side') {
        this.byte(SIDES.indexOf(value));
      } else {
        this.text(value);
      }
    }
    return this;
  }

  // === Whole messages

  head(kind: number, message: Json, flags = 0): this {
    const symbol = message.symbol as string, as = message.as as string | undefined, known = this.topics.get(symbol);
    const topic = known ?? { number: this.topics.size * 3, form: this.formOf(message, this.fieldsOf(message).set) };
    this.topics.set(symbol, topic);
    this.byte(0x80 | flags | kind | (known ? 0 : 0x10) | (as !== undefined ? 0x20 : 0)).varint(topic.number);
    if (!known) {
      this.text(symbol);
      if (topic.form === 'wide') this.byte(0xff);
      else this.byte(topic.form.prices | topic.form.sizes << 4).zigzag(topic.form.reference).zigzag(topic.form.spread);
    }
    if (as !== undefined) this.text(as);
    return this;
  }

  say(message: Json): this {
    if (message.type === 'gap') {
      return this.head(3, message).varint(message.from as number).varint(message.to as number).byte(['slow', 'resume', 'epoch'].indexOf(message.reason as string));
    }
    const topic = this.topics.get(message.symbol as string), { set } = this.fieldsOf(message), [rx, ts] = [message.rx as number, message.ts as number];
    if (topic && set.length && set.every(id => id < 6) && message.type === 'update' && message.as === undefined && this.isPlain(message, topic.form)) {
      this.byte(set.reduce((mask, id) => mask | 1 << id, message.n === undefined ? 0 : 0x40)).varint(topic.number).varint(message.seq as number);
      if (message.n !== undefined) this.varint(message.n as number);
      return this.times(rx, ts).values(message, set, topic.form);
    }
    this.head(message.type === 'snapshot' ? 1 : 0, message, message.n !== undefined ? 0x40 : 0).varint(message.seq as number);
    if (message.n !== undefined) this.varint(message.n as number);
    return this.times(rx, ts).body(message);
  }

  /** Consecutive ticks of one symbol. */
  run(ticks: Json[]): this {
    const [first] = ticks as [Json];
    this.head(2, first).varint(first.seq as number).varint(ticks.length);
    for (const tick of ticks) this.times(tick.rx as number, tick.ts as number).body(tick);
    return this;
  }

  private body(message: Json): this {
    const { form: own } = this.topics.get(message.symbol as string) as Topic, { set, withdrawn } = this.fieldsOf(message);
    if (this.isPlain(message, own)) return this.mask(set).values(message, set, own);
    const isOwn = this.fits(message, set, own), form = isOwn ? own : this.formOf(message, set);
    this.byte(0x80 | (withdrawn.length ? 1 : 0) | (reports(message) ? 2 : 0) | (isOwn ? 0 : 4)).mask(set);
    if (withdrawn.length) this.mask(withdrawn);
    if (reports(message)) this.report(message);
    if (isOwn) return this.values(message, set, own);
    return form === 'wide' ? this.byte(0xff).values(message, set, form) : this.byte(form.prices | form.sizes << 4).values(message, set, { ...form, reference: 0n, spread: 0n });
  }

  private report(message: Json): void {
    const inside = new FrameWriter(0), { cancel, correct, trade } = message as { cancel?: string; correct?: string; trade?: Json };
    const affects = trade?.affects as string[] | undefined, set = inside.fieldsOf(trade ?? {}).set;
    inside.byte((cancel !== undefined ? 1 : 0) | (correct !== undefined ? 2 : 0) | (set.length ? 4 : 0) | (affects ? 8 : 0));
    if (cancel !== undefined) inside.text(cancel);
    if (correct !== undefined) inside.text(correct);
    if (trade && set.length) {
      const form = this.formOf(trade, set);
      inside.mask(set);
      if (set.some(id => id === 4 || id === 5)) inside.byte(form === 'wide' ? 0xff : form.prices | form.sizes << 4);
      inside.values(trade, set, form === 'wide' ? form : { ...form, reference: 0n, spread: 0n });
    }
    if (affects) inside.byte(affects.reduce((bits, word) => bits | { last: 1, high_low: 2, volume: 4 }[word as 'last'], 0));
    this.varint(inside.bytes.length).bytes.push(...inside.bytes);
  }

  /** The places that these decimals have, with the first price as reference; or none, where they are not that small. */
  private formOf(message: Json, ids: number[]): Form | 'wide' {
    const texts = (kind: string) => ids.map(id => this.field(id)).filter(field => field.kind === kind).map(({ name }) => message[name] as string);
    const prices = texts('price'), sizes = texts('size'), most = (all: string[]) => Math.max(0, ...all.map(placesOf));
    const form = { prices: most(prices), sizes: most(sizes), reference: 0n, spread: 0n };
    if (form.prices > 14 || form.sizes > 14) return 'wide';
    form.reference = scaled(prices[0] ?? '0', form.prices);
    if (ids[0] === 0 && ids.includes(2)) form.spread = scaled(message.ask as string, form.prices) - form.reference;
    return this.fits(message, ids, form) ? form : 'wide';
  }

  private fits(message: Json, ids: number[], form: Form | 'wide'): boolean {
    return ids.every(id => {
      const { name, kind } = this.field(id), value = message[name] as string;
      if (kind !== 'price' && kind !== 'size') return true;
      const places = form === 'wide' ? -1 : kind === 'price' ? form.prices : form.sizes;
      return placesOf(value) <= places && inWord(scaled(value, places));
    });
  }

  private isPlain(message: Json, form: Form | 'wide'): boolean {
    const { set, withdrawn } = this.fieldsOf(message);
    return !withdrawn.length && !reports(message) && set.every(id => id < 7) && this.fits(message, set, form);
  }

  private field(id: number): { name: string; kind: string } {
    const name = FIELDS[id];
    if (name === undefined) return this.table.find(field => field.id === id) as Configured;
    return { name, kind: isPrice(name) ? 'price' : isSize(name) ? 'size' : name === 'trades' ? 'count' : name === 'side' ? 'side' : 'text' };
  }

  private fieldsOf(message: Json): { set: number[]; withdrawn: number[] } {
    const all = Object.entries(message).filter(([name, value]) => !NO_FIELDS.includes(name) && value !== undefined).map(([name, value]) => {
      const fixed = FIELDS.indexOf(name), id = fixed >= 0 ? fixed : this.table.find(field => field.name === name)?.id;
      if (id === undefined) throw new Error(`no field ${name}`);
      return { id, value };
    }).sort((a, b) => a.id - b.id);
    return { set: all.filter(({ value }) => value !== null).map(({ id }) => id), withdrawn: all.filter(({ value }) => value === null).map(({ id }) => id) };
  }
}

const placesOf = (text: string): number => text.includes('.') ? text.length - text.indexOf('.') - 1 : 0;
const inWord = (units: bigint): boolean => units < 1n << 63n && units > -(1n << 63n);
