// `tickcast.v1.binary`: from the bytes of a data frame to the messages that a JSON frame has. docs/PROTOCOL.md has the layout.
//
// Control messages are JSON, and not read here. A message keeps its decimals as integers; their text is made when it is asked
// for. Invariants: nothing but the table of symbols carries over from frame to frame; a frame with a fault throws a
// `BinaryFault`, and none of its messages is told.

import { bigDecimalText, Bytes, decimalText, DOUBLES_END, TRUNCATED, unzigzag } from './bytes';
import { type Affect, type Configured, CONFIGURED, type Data, type FieldEntry, type Gap, type Side, type Trade } from './messages';

// === The fixed fields: their ids are of the protocol

const BID = 0, BID_SIZE = 1, ASK = 2, ASK_SIZE = 3, LAST = 4, LAST_SIZE = 5, SIDE = 6, VOLUME = 7, TRADES = 8, TRADE_ID = 9, OPEN = 10, HIGH = 11, LOW = 12;
const NAMES = ['bid', 'bid_size', 'ask', 'ask_size', 'last', 'last_size', 'side', 'volume', 'trades', 'trade_id', 'open', 'high', 'low'] as const;
const FIXED = NAMES.length;
const bits = (...ids: number[]): number => ids.reduce((mask, id) => mask | 1 << id, 0);
const PRICES = bits(BID, ASK, LAST, OPEN, HIGH, LOW);
const SIZES = bits(BID_SIZE, ASK_SIZE, LAST_SIZE, VOLUME);
const DECIMALS = PRICES | SIZES;
const VARINTS = DECIMALS | bits(TRADES);
/** The decimals of a trade. */
const IN_TRADE = bits(LAST, LAST_SIZE);
const SIDES: readonly Side[] = ['unknown', 'buy', 'sell'];
const WIDE = 0xff, NO_REFERENCE = -1;
const PLACES_MAX = 14;
/** Reference, spread, and the differences of two prices: below this size they have a sum that doubles hold. */
const ADDENDS_END = DOUBLES_END / 4;

// === The head of a message

const LONG = 0x80, SHORT_MASK = 0x3f, KIND = 0x0f, INTRODUCES = 0x10, HAS_NAME = 0x20, HAS_N = 0x40;
const UPDATE = 0, SNAPSHOT = 1, RUN = 2, GAP = 3;
// Of a body, and of a report.
const WITHDRAWS = 1, REPORTS = 2, HAS_SCALE = 4, BODY_FLAGS = 7;
const CANCELS = 1, CORRECTS = 2, HAS_TRADE = 4, HAS_AFFECTS = 8, REPORT_FLAGS = 15;
const REASONS = ['slow', 'resume', 'epoch'];
const AFFECTS: readonly Affect[] = ['last', 'high_low', 'volume'];
const MASK_GROUPS_MAX = 12;
const TIMES_END = 2 ** 63;
const NONE: readonly number[] = [];
const NO_TOPIC = 'a symbol that was not introduced', NO_SIDE = 'a side that there is not', NO_FLAG = 'a flag that there is not', TOO_LARGE = 'a decimal of more than 64 bits',
  NO_SCALE = 'a decimal of a symbol without reference';
const NO_SEND_TIME = 0xff_ffff;

/** As many values as are allocated at once, as doubles: a first one that is whole would have the engine begin with integers. */
const BLANKS: readonly number[] = Array.from({ length: 512 }, () => 0.5);
/** How many values are times. */
const TIMES = 2;
/** How many bits of a mask of fixed fields are set. */
const ONES = Uint8Array.from({ length: 1 << FIXED }, (_, mask) => mask.toString(2).replaceAll('0', '').length);

type Text = string | null | undefined;

/** What prices are told from: a price, and by how much asks lie above it. Beside each the same, where doubles do not hold it. */
interface Reference { price: number; spread: number; isLarge: boolean; exactPrice: bigint; exactSpread: bigint }

const ZERO: Reference = { price: 0, spread: 0, isLarge: false, exactPrice: 0n, exactSpread: 0n };

/** A symbol as it was introduced, with the places of its prices and sizes, or `NO_REFERENCE`. */
interface Topic { symbol: string; scale: number; reference: Reference }

/** What few messages have. */
class More {
  /** Fixed fields. */
  withdrawn = 0;
  tradeId: string | undefined;
  /** Of decimals that no double holds exactly, by field. */
  texts: string[] | undefined;
  configured: [string, string | null][] | undefined;
  cancel: string | undefined;
  correct: string | undefined;
  trade: Trade | undefined;
}

const NOTHING: Configured = [];

/** A snapshot or an update. In `values`, from `begin` on, stand `rx`, `rx - ts`, and the values of the fields in `mask`, in the order of their ids. */
export class BinaryData implements Data {
  constructor(
    readonly type: 'snapshot' | 'update', readonly symbol: string, readonly as: string | undefined, readonly seq: number, readonly n: number,
    private readonly mask: number, private readonly scale: number, private readonly values: readonly number[], private readonly begin: number, private readonly more: More | undefined,
  ) {}

  get rx(): number { return this.values[this.begin] as number; }
  get ts(): number { return this.rx - (this.values[this.begin + 1] as number); }
  get bid(): Text { return this.decimal(BID); }
  get bid_size(): Text { return this.decimal(BID_SIZE); }
  get ask(): Text { return this.decimal(ASK); }
  get ask_size(): Text { return this.decimal(ASK_SIZE); }
  get last(): Text { return this.decimal(LAST); }
  get last_size(): Text { return this.decimal(LAST_SIZE); }
  get volume(): Text { return this.decimal(VOLUME); }
  get open(): Text { return this.decimal(OPEN); }
  get high(): Text { return this.decimal(HIGH); }
  get low(): Text { return this.decimal(LOW); }
  get side(): Side | null | undefined { return this.mask & 1 << SIDE ? SIDES[this.value(SIDE)] : this.absent(SIDE); }
  get trades(): number | null | undefined { return this.mask & 1 << TRADES ? this.value(TRADES) : this.absent(TRADES); }
  get trade_id(): Text { return this.mask & 1 << TRADE_ID ? this.more?.tradeId : this.absent(TRADE_ID); }
  get cancel(): string | undefined { return this.more?.cancel; }
  get correct(): string | undefined { return this.more?.correct; }
  get trade(): Trade | undefined { return this.more?.trade; }
  get [CONFIGURED](): Configured { return this.more?.configured ?? NOTHING; }

  private value(id: number): number {
    return this.values[this.begin + TIMES + (ONES[this.mask & (1 << id) - 1] as number)] as number;
  }

  private absent(id: number): null | undefined {
    return this.more !== undefined && this.more.withdrawn & 1 << id ? null : undefined;
  }

  private decimal(id: number): Text {
    if (!(this.mask & 1 << id)) return this.absent(id);
    return this.more?.texts?.[id] ?? decimalText(this.value(id), PRICES & 1 << id ? this.scale & 15 : this.scale >> 4);
  }
}

export class Decoder {
  /** How long after the newest `rx` in the frame it was sent, in us; none when it was longer than can be told. */
  sentAfterUs: number | undefined;
  private readonly bytes = new Bytes();
  /** By their numbers, of which there may be few and high ones. */
  private readonly topics: (Topic | undefined)[] = [];
  private readonly fields = new Map<number, FieldEntry>();
  // Of the frame; `rx` and `rx - ts` of the message before.
  private messages: (Data | Gap)[] = [];
  private rxUs = 0;
  private lagUs = 0;
  // Of the message: whose it is, and what was read last of masks (fields that are not fixed) and values.
  private topic: Topic = { symbol: '', scale: NO_REFERENCE, reference: ZERO };
  private as: string | undefined;
  private others: readonly number[] = NONE;
  private scale = 0;
  private reference = ZERO;
  /** What the next price is told from; `exactBase`, where doubles do not hold it. */
  private base = 0;
  private exactBase = 0n;
  private isFirst = true;
  private begin = 0;
  /** Of many messages; as many as are `used`. */
  private values = BLANKS.slice();
  private used = 0;

  /** `originUs`: that of `welcome`. `hasSendTime`: `tx` was asked for. */
  constructor(private readonly originUs: number, private readonly hasSendTime = false) {}

  /** The table of `subscribed`. */
  learn(table: readonly FieldEntry[]): void {
    for (const field of table) this.fields.set(field.id, field);
  }

  /** The messages of a frame, in their order. */
  decode(frame: Uint8Array): (Data | Gap)[] {
    const { bytes } = this;
    bytes.begin(frame);
    this.messages = [];
    this.rxUs = this.originUs;
    this.lagUs = 0;
    if (this.hasSendTime) {
      const us = bytes.byte() | bytes.byte() << 8 | bytes.byte() << 16;
      this.sentAfterUs = us === NO_SEND_TIME ? undefined : us;
    }
    while (bytes.at < bytes.end) {
      const head = bytes.byte();
      if (head < LONG) this.short(head);
      else this.long(head);
    }
    return this.messages;
  }

  /** An update of the quote and the last trade, as most are. */
  private short(head: number): void {
    const { bytes } = this, mask = head & SHORT_MASK;
    if (!mask) bytes.fault('an update without fields');
    this.topic = this.topics[bytes.varint()] ?? bytes.fault(NO_TOPIC);
    this.as = undefined;
    const seq = bytes.varint(), n = head & HAS_N ? this.count() : 1;
    this.times();
    this.tell('update', seq, n, mask, this.referenceValues(mask, undefined));
  }

  private long(head: number): void {
    const { bytes } = this, kind = head & KIND;
    if (kind > GAP) return bytes.skip(bytes.length());
    if (head & HAS_N && kind !== UPDATE) bytes.fault('an n where none may be');
    const number = bytes.varint();
    if (head & INTRODUCES) this.topics[number] = this.introduction();
    this.topic = this.topics[number] ?? bytes.fault(NO_TOPIC);
    this.as = head & HAS_NAME ? bytes.text() : undefined;
    const seq = bytes.varint();
    if (kind === GAP) return this.gap(seq);
    if (kind === RUN) return this.run(seq);
    const n = head & HAS_N ? this.count() : 1;
    this.times();
    this.body(kind === SNAPSHOT ? 'snapshot' : 'update', seq, n);
  }

  private introduction(): Topic {
    const { bytes } = this, symbol = bytes.text() || bytes.fault('a symbol without a name'), scale = this.readScale();
    if (scale === WIDE) return { symbol, scale: NO_REFERENCE, reference: ZERO };
    const price = bytes.zigzag(), exactPrice = bytes.big, spread = bytes.zigzag(), exactSpread = bytes.big;
    const isLarge = Math.abs(price) >= ADDENDS_END || Math.abs(spread) >= ADDENDS_END;
    return { symbol, scale, reference: { price, spread, isLarge, exactPrice, exactSpread } };
  }

  private gap(from: number): void {
    const to = this.bytes.varint(), reason = REASONS[this.bytes.byte()] ?? this.bytes.fault('a reason of a gap that there is not');
    this.messages.push({ type: 'gap', as: this.as, symbol: this.topic.symbol, from, to, reason });
  }

  /** Ticks one after the other. However many are announced, each has bytes of its own. */
  private run(first: number): void {
    const count = this.count();
    for (let index = 0; index < count; index++) {
      this.times();
      this.body('update', first + index, 1);
    }
  }

  /** How many ticks. */
  private count(): number {
    return this.bytes.varint() || this.bytes.fault('a count of no ticks');
  }

  private body(type: 'snapshot' | 'update', seq: number, n: number): void {
    const { bytes } = this, head = bytes.byte();
    if (head < LONG) return this.tell(type, seq, n, head, this.referenceValues(head, undefined));
    const flags = head & ~LONG;
    if (flags & ~BODY_FLAGS) bytes.fault(NO_FLAG);
    const mask = this.mask(), others = this.others;
    let more = flags & (WITHDRAWS | REPORTS) ? this.extras(flags) : undefined;
    more = flags & HAS_SCALE ? this.scaledValues(mask, more) : this.referenceValues(mask, more);
    this.tell(type, seq, n, mask, others.length ? this.otherValues(others, more) : more);
  }

  private tell(type: 'snapshot' | 'update', seq: number, n: number, mask: number, more: More | undefined): void {
    this.messages.push(new BinaryData(type, this.topic.symbol, this.as, seq, n, mask, this.scale, this.values, this.begin, more));
  }

  /** The lowest bit of the first integer: whether `rx` is another one. */
  private times(): void {
    const { bytes } = this, coded = bytes.varint();
    if (coded < 0x4000_0000) {
      if (coded & 1) this.rxUs += bytes.zigzag();
      this.lagUs += coded >>> 2 ^ -(coded >>> 1 & 1);
    } else {
      const exact = coded < DOUBLES_END ? BigInt(coded) : bytes.big;
      if (exact & 1n) this.rxUs += bytes.zigzag();
      this.lagUs += Number(unzigzag(exact >> 1n));
    }
    if (Math.abs(this.rxUs) >= TIMES_END || Math.abs(this.lagUs) >= TIMES_END) bytes.fault('a time of more than 64 bits');
  }

  /** The fixed fields of a mask; the ids of the others are left in `others`. */
  private mask(): number {
    const { bytes } = this, first = bytes.byte();
    this.others = NONE;
    if (first < 0x80) return first;
    let group = bytes.byte();
    const fixed = first & 0x7f | (group & 0x3f) << 7;
    if (group < 0x40) return fixed;
    const others: number[] = [];
    if (group & 0x40) others.push(FIXED);
    for (let index = 2; group >= 0x80; index++) {
      if (index === MASK_GROUPS_MAX) bytes.fault('a mask that is too long');
      group = bytes.byte();
      for (let bit = 0; bit < 7; bit++) if (group & 1 << bit) others.push(index * 7 + bit);
    }
    this.others = others;
    return fixed;
  }

  /** Which fields are withdrawn, and what is reported of a trade. */
  private extras(flags: number): More {
    const more = new More();
    if (flags & WITHDRAWS) {
      more.withdrawn = this.mask();
      more.configured = this.others.map(id => [this.field(id).name, null]);
    }
    if (flags & REPORTS) this.report(more);
    return more;
  }

  private report(more: More): void {
    const { bytes } = this, length = bytes.length(), frameEnd = bytes.end;
    bytes.end = bytes.at + length;
    const flags = bytes.byte();
    if (flags & ~REPORT_FLAGS) bytes.fault(NO_FLAG);
    if (flags & CANCELS) more.cancel = bytes.text();
    if (flags & CORRECTS) more.correct = bytes.text();
    if (flags & HAS_TRADE) more.trade = this.trade();
    if (flags & HAS_AFFECTS) {
      const moved = bytes.byte();
      if (moved >> AFFECTS.length) bytes.fault(NO_FLAG);
      more.trade = { ...more.trade, affects: AFFECTS.filter((_, bit) => moved & 1 << bit) };
    }
    bytes.at = bytes.end;
    bytes.end = frameEnd;
  }

  private trade(): Trade {
    const mask = this.mask(), { others } = this;
    if (mask & DECIMALS && !(mask & IN_TRADE)) this.bytes.fault(NO_SCALE);
    let more = mask & IN_TRADE ? this.scaledValues(mask, undefined) : this.fixedValues(mask, NO_REFERENCE, ZERO, undefined);
    if (others.length) more = this.otherValues(others, more);
    const { last, last_size, side, trade_id } = new BinaryData('update', '', undefined, 0, 1, mask, this.scale, this.values, this.begin, more);
    return { ...last != null && { last }, ...last_size != null && { last_size }, ...side != null && { side }, ...trade_id != null && { trade_id } };
  }

  private field(id: number): FieldEntry {
    return this.fields.get(id) ?? this.bytes.fault(`field ${id}, which the table does not have`);
  }

  /** Fields that the table tells of; one of a kind that is not known here is left out. */
  private otherValues(ids: readonly number[], more = new More()): More {
    const set: [string, string | null][] = [];
    for (const id of ids) {
      const { name, kind } = this.field(id), value = this.otherValue(kind);
      if (value !== undefined) set.push([name, value]);
    }
    more.configured = more.configured ? set.concat(more.configured) : set;
    return more;
  }

  private otherValue(kind: string): string | undefined {
    const { bytes } = this;
    switch (kind) {
      case 'decimal': return bytes.decimal();
      case 'integer': return bytes.integerText();
      case 'count': return bytes.countText();
      case 'text': return bytes.text();
      case 'side': return SIDES[bytes.byte()] ?? bytes.fault(NO_SIDE);
      case 'price': return this.otherDecimal(PRICES);
      case 'size': return this.otherDecimal(SIZES);
      default: return bytes.skip(bytes.length());
    }
  }

  private otherDecimal(kind: number): string {
    if (this.scale === WIDE) return this.bytes.decimal();
    if (this.scale === NO_REFERENCE) this.bytes.fault(NO_SCALE);
    return this.exactText(kind, this.bytes.varint());
  }

  /** Decimals told from the symbol's reference. */
  private referenceValues(mask: number, more: More | undefined): More | undefined {
    const { scale, reference } = this.topic;
    if (scale === NO_REFERENCE && mask & DECIMALS) this.bytes.fault(NO_SCALE);
    return this.fixedValues(mask, scale, reference, more);
  }

  /** Decimals behind a scale of their own. */
  private scaledValues(mask: number, more: More | undefined): More | undefined {
    return this.fixedValues(mask, this.readScale(), ZERO, more);
  }

  /**
   * The values of the fixed fields of a mask: in `values`, at `begin` and behind. Most of the time goes by here, so the place in
   * the frame is a local variable, and integers of up to 4 bytes are read without a call. What is read beyond the frame is
   * `undefined`, which is no byte of any of them.
   */
  private fixedValues(mask: number, scale: number, reference: Reference, more: More | undefined): More | undefined {
    const { bytes } = this, { data } = bytes, values = this.room();
    const { spread } = reference;
    let to = this.begin, at = bytes.at, base = reference.price, isFirst = true, isLarge = reference.isLarge, value: number;
    this.scale = scale;
    this.reference = reference;
    this.exactBase = reference.exactPrice;
    values[to++] = this.rxUs;
    values[to++] = this.lagUs;
    for (let rest = mask; rest; rest &= rest - 1) {
      const bit = rest & -rest;
      if (bit & VARINTS && scale !== WIDE) {
        let coded = data[at] as number;
        if (coded < 0x80) {
          at++;
        } else {
          const second = data[at + 1] as number, third = data[at + 2] as number, fourth = data[at + 3] as number;
          if (second < 0x80) {
            coded = coded & 0x7f | second << 7;
            at += 2;
          } else if (third < 0x80) {
            coded = coded & 0x7f | (second & 0x7f) << 7 | third << 14;
            at += 3;
          } else if (fourth < 0x80) {
            coded = coded & 0x7f | (second & 0x7f) << 7 | (third & 0x7f) << 14 | fourth << 21;
            at += 4;
          } else {
            bytes.at = at;
            coded = bytes.longVarint();
            at = bytes.at;
          }
        }
        value = coded;
        if (bit & PRICES) {
          value = base + (coded & 1 ? -(coded + 1) / 2 : coded / 2);
          if (isFirst) base = value;
          if (bit === 1 << ASK) value += spread;
        }
        if ((isLarge || coded >= ADDENDS_END) && bit & DECIMALS) {
          isLarge = true;
          this.isFirst = isFirst;
          if (!isFirst) this.base = base;
          else if (bit & PRICES) this.base = reference.price;
          more = withText(more, bit, this.exactText(bit, coded));
          if (isFirst && bit & PRICES) base = this.base;
        }
        if (bit & PRICES) isFirst = false;
      } else if (bit === 1 << SIDE) {
        value = data[at++] as number;
        if (!(value < SIDES.length)) bytes.fault(at > bytes.end ? TRUNCATED : NO_SIDE);
      } else {
        bytes.at = at;
        value = bit === 1 << TRADES ? bytes.varint() : 0;
        if (bit & DECIMALS) more = withText(more, bit, bytes.decimal());
        else if (bit === 1 << TRADE_ID) (more ??= new More()).tradeId = bytes.text();
        at = bytes.at;
      }
      values[to++] = value;
    }
    if (at > bytes.end) bytes.fault(TRUNCATED);
    bytes.at = at;
    this.used = to;
    this.base = base;
    this.isFirst = isFirst;
    return more;
  }

  /** Where the values of a message find room: at `begin`. */
  private room(): number[] {
    if (this.used + TIMES + FIXED > BLANKS.length) {
      // Messages may still have those before.
      this.values = BLANKS.slice();
      this.used = 0;
    }
    this.begin = this.used;
    return this.values;
  }

  /** The text of a price or size that doubles may not hold. */
  private exactText(kind: number, coded: number): string {
    const exact = coded < DOUBLES_END ? BigInt(coded) : this.bytes.big;
    if (kind & SIZES) return this.inWord(exact, this.scale >> 4);
    const price = exactly(this.base, this.exactBase) + unzigzag(exact);
    if (this.isFirst) {
      this.isFirst = false;
      this.base = Number(price);
      this.exactBase = price;
    }
    const { spread, exactSpread } = this.reference;
    return this.inWord(kind === 1 << ASK ? price + exactly(spread, exactSpread) : price, this.scale & 15);
  }

  private inWord(units: bigint, places: number): string {
    return BigInt.asIntN(64, units) === units ? bigDecimalText(units, places) : this.bytes.fault(TOO_LARGE);
  }

  private readScale(): number {
    const scale = this.bytes.byte();
    if (scale !== WIDE && ((scale & 15) > PLACES_MAX || scale >> 4 > PLACES_MAX)) this.bytes.fault('a scale of too many places');
    return scale;
  }
}

const exactly = (rounded: number, exact: bigint): bigint => Math.abs(rounded) < DOUBLES_END ? BigInt(rounded) : exact;

/** With the text of a decimal that doubles may not hold. */
function withText(more = new More(), bit: number, text: string): More {
  more.texts ??= [];
  more.texts[31 - Math.clz32(bit)] = text;
  return more;
}
