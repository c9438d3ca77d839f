// The bytes of one frame, read in their order: integers, texts, decimals. What they mean is told by binary.ts.
//
// Invariant: nothing is read beyond the end, whatever the bytes are; what cannot be read throws a `BinaryFault`.

import { unscaled } from './decimal';

/** A frame that breaks the protocol. Nothing of the frame is told, and the connection is of no more use. */
export class BinaryFault extends Error {
  constructor(what: string, readonly at: number) {
    super(`${what}, byte ${at} of a frame`);
  }
}

/** From here on doubles have gaps; what is below is counted by doubles, and all else by `BigInt`. */
export const DOUBLES_END = 2 ** 53;
export const TRUNCATED = 'truncated';
const PLACES_MAX = 18;
const AS_TEXT = 31;
const DECIMAL_TEXT = /^-?\d{1,64}(\.\d{1,64})?$/;
/** Below this size an integer of the general form is counted by doubles. */
const DOUBLE_BYTES = 6;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class Bytes {
  at = 0;
  end = 0;
  /** Exactly the integer that was read last, when that is not below `DOUBLES_END` in size. */
  big = 0n;
  data: Uint8Array = new Uint8Array();

  begin(bytes: Uint8Array): void {
    this.data = bytes;
    this.at = 0;
    this.end = bytes.length;
  }

  fault(what: string): never {
    throw new BinaryFault(what, this.at);
  }

  byte(): number {
    if (this.at >= this.end) this.fault(TRUNCATED);
    return this.data[this.at++] as number;
  }

  /** An unsigned integer of up to 64 bits. From `DOUBLES_END` on it is rounded, and exact in `big`. */
  varint(): number {
    const { data, at } = this;
    // Nearly all are short, and do not stand at the very end.
    if (at + 3 < this.end) {
      const first = data[at] as number;
      if (first < 0x80) {
        this.at = at + 1;
        return first;
      }
      const second = data[at + 1] as number;
      if (second < 0x80) {
        this.at = at + 2;
        return first & 0x7f | second << 7;
      }
      const third = data[at + 2] as number;
      if (third < 0x80) {
        this.at = at + 3;
        return first & 0x7f | (second & 0x7f) << 7 | third << 14;
      }
    }
    return this.longVarint();
  }

  /** Each half has 28 bits, which integers of the engine hold. */
  longVarint(): number {
    let low = 0, high = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return low;
    }
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      high |= (byte & 0x7f) << shift;
      if (byte < 0x80) return this.joined(low, high, 0);
    }
    let byte = this.byte(), top = byte & 0x7f;
    if (byte >= 0x80) {
      byte = this.byte();
      if (byte > 1) this.fault('an integer of more than 64 bits');
      top |= byte << 7;
    }
    return this.joined(low, high, top);
  }

  private joined(low: number, high: number, top: number): number {
    const value = (top * 0x1000_0000 + high) * 0x1000_0000 + low;
    if (value < DOUBLES_END) return value;
    this.big = (BigInt(top) << 56n) + (BigInt(high) << 28n) + BigInt(low);
    return Number(this.big);
  }

  /** A signed integer of 64 bits; `big` as with `varint`. */
  zigzag(): number {
    const coded = this.varint();
    if (coded < 0x4000_0000) return coded >>> 1 ^ -(coded & 1);
    if (coded < DOUBLES_END) return coded % 2 ? -(coded + 1) / 2 : coded / 2;
    this.big = unzigzag(this.big);
    return Number(this.big);
  }

  /** A length that the bytes behind it have. */
  length(): number {
    const length = this.varint();
    if (length > this.end - this.at) this.fault('a length beyond the end');
    return length;
  }

  skip(length: number): undefined {
    this.at += length;
  }

  text(): string {
    const length = this.length(), { data } = this, begin = this.at;
    this.at += length;
    let text = '';
    for (let at = begin; at < this.at; at++) {
      const byte = data[at] as number;
      if (byte >= 0x80) return this.decoded(data.subarray(begin, this.at));
      text += String.fromCharCode(byte);
    }
    return text;
  }

  private decoded(bytes: Uint8Array): string {
    try {
      return utf8.decode(bytes);
    } catch {
      return this.fault('a text that is no UTF-8');
    }
  }

  /** A decimal that says itself how many places it has. */
  decimal(): string {
    const code = this.byte(), places = code & 31, size = (code >> 5) + 1;
    if (places === AS_TEXT) {
      const text = this.text();
      return DECIMAL_TEXT.test(text) ? text : this.fault('a decimal that is none');
    }
    if (places > PLACES_MAX) this.fault('a decimal of too many places');
    if (size > this.end - this.at) this.fault(TRUNCATED);
    if (size > DOUBLE_BYTES) {
      let units = 0n;
      for (let index = 0; index < size; index++) units |= BigInt(this.byte()) << BigInt(8 * index);
      return bigDecimalText(BigInt.asIntN(8 * size, units), places);
    }
    let units = 0, unit = 1;
    for (let index = 0; index < size; index++, unit *= 256) units += this.byte() * unit;
    return decimalText(units < unit / 2 ? units : units - unit, places);
  }

  /** An unsigned integer in text, exactly. */
  countText(): string {
    const value = this.varint();
    return value < DOUBLES_END ? String(value) : String(this.big);
  }

  /** A signed one. */
  integerText(): string {
    const value = this.zigzag();
    return Math.abs(value) < DOUBLES_END ? String(value) : String(this.big);
  }
}

export const unzigzag = (coded: bigint): bigint => coded & 1n ? -(coded + 1n >> 1n) : coded >> 1n;

// === The text of a decimal

/** Prices come again and again: the text of each is kept, until another takes its place. */
const KEPT = 4096;
const KEPT_SHIFT = 32 - 12;
/** Units times 16 and places, so that both are one double. */
const keys = new Float64Array(KEPT).fill(NaN);
const texts: string[] = new Array<string>(KEPT).fill('');
const KEPT_UNITS_END = DOUBLES_END / 16;

/** The shortest text of so many units of 10^-places: no zero at its end. `units` is exact, `places` below 16 or not kept. */
export function decimalText(units: number, places: number): string {
  if (places > 15 || units >= KEPT_UNITS_END || units <= -KEPT_UNITS_END) return spelledOut(units, places);
  const key = units * 16 + places, slot = Math.imul(key | 0, 0x9E37_79B1) >>> KEPT_SHIFT;
  if (keys[slot] === key) return texts[slot] as string;
  keys[slot] = key;
  return texts[slot] = spelledOut(units, places);
}

/** The same of integers of any size. */
export function bigDecimalText(units: bigint, places: number): string {
  return places ? unscaled(units, places) : String(units);
}

function spelledOut(units: number, places: number): string {
  while (places && units % 10 === 0) {
    units /= 10;
    places--;
  }
  if (!places) return String(units);
  const digits = String(Math.abs(units)).padStart(places + 1, '0'), point = digits.length - places;
  return `${units < 0 ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
}
