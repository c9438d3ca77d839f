// Binary frames against the messages that JSON has: any mixture of messages, integers of every size, and frames with faults.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Decoder } from '../src/binary';
import { BinaryFault } from '../src/bytes';
import { type Configured, FrameWriter, type Json } from './frames';
import { plain } from './plain';

const ORIGIN = 1_795_416_100_000_000;
const TABLE: Configured[] = [
  { id: 14, name: 'mark', kind: 'decimal' }, { id: 15, name: 'open_interest', kind: 'integer' }, { id: 16, name: 'note', kind: 'text' },
  { id: 30, name: 'taker', kind: 'side' }, { id: 83, name: 'later', kind: 'a kind of another time' },
];

function decoder(hasSendTime = false): Decoder {
  const decoder = new Decoder(ORIGIN, hasSendTime);
  decoder.learn(TABLE);
  return decoder;
}
const decode = (frame: Uint8Array, by = decoder()): Json[] => by.decode(frame).map(plain);
const written = (build: (frame: FrameWriter) => void): Uint8Array => {
  const writer = new FrameWriter(ORIGIN, TABLE);
  build(writer);
  return writer.take();
};
/** What the frame is refused for; empty when it is read. */
function fault(frame: Uint8Array): string {
  try {
    decoder().decode(frame);
    return '';
  } catch (error) {
    assert.ok(error instanceof BinaryFault, String(error));
    return (error as BinaryFault).message;
  }
}

let seed = 7;
const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
const pick = <T>(...all: T[]): T => all[random(all.length)] as T;
/** Of up to so many digits and places; without a zero at its end, as decimals are on the wire. */
function decimal(digits: number, sign = ''): string {
  const count = 1 + random(digits), places = random(count + 1);
  const units = Array.from({ length: count }, () => random(10)).join('').padStart(places + 1, '0');
  const text = `${units.slice(0, units.length - places).replace(/^0+(?=\d)/, '')}.${units.slice(units.length - places)}`.replace(/\.?0*$/, '');
  return text === '0' ? text : sign + text;
}

const VALUES: { [name: string]: () => unknown } = {
  bid: () => decimal(pick(6, 6, 18), pick('', '', '', '-')), ask: () => decimal(6), last: () => decimal(pick(6, 18)), open: () => decimal(6), high: () => decimal(6), low: () => decimal(6),
  bid_size: () => decimal(pick(5, 18)), ask_size: () => decimal(5), last_size: () => decimal(5), volume: () => decimal(pick(8, 18, 42)),
  side: () => pick('buy', 'sell', 'unknown'), trades: () => random(1_000_000) * pick(1, 1_000_000), trade_id: () => pick('4744868161', 'é' + random(99), ''),
  mark: () => decimal(18, pick('', '-')), open_interest: () => pick('5', '-9223372036854775808', '9223372036854775807', '-9007199254740993', '9007199254740992'),
  note: () => pick('', 'a "b" \\ \ufeff币', 'post-only'), taker: () => pick('buy', 'sell'), later: () => 'passed on',
};

/** Without a value of a kind that no decoder knows. */
const known = ({ later, ...others }: Json): Json => later === null ? { ...others, later } : others;

function fields(share: number): Json {
  return Object.fromEntries(Object.entries(VALUES).filter(() => random(100) < share).map(([name, value]) => [name, random(8) ? value() : null]));
}

function said(): Json {
  const rx = ORIGIN + random(2_000_000_000) * pick(1, 1, 1_000) - pick(0, 0, 1_000_000), ts = rx - random(2_000_000_000) * pick(1, -1, 30_000);
  const head = { symbol: pick('BTCUSDT', '币安人生USDT', 'S'), ...random(4) ? {} : { as: 'tape' }, seq: random(1_000_000) * pick(1, 1_000, 2_000_000) };
  switch (random(6)) {
    case 0: return { type: 'gap', ...head, from: head.seq, to: head.seq + 3, reason: pick('slow', 'resume', 'epoch'), seq: undefined };
    case 1: return { type: 'snapshot', ...head, ts, rx, ...Object.fromEntries(Object.entries(fields(70)).filter(([, value]) => value !== null)) };
    case 2: return {
      type: 'update', ...head, ts, rx, ...fields(40), ...pick<Json>({ cancel: '17' }, { correct: '17', trade: { last: '5.25', last_size: '0.123456789012345678' } },
        { trade: { last: '-5', last_size: '3', side: 'sell', trade_id: 'x', affects: ['volume'] } }, { trade: { last: '7', last_size: '1', affects: [] } }),
    };
    default: return { type: 'update', ...head, ts, rx, ...fields(pick(10, 30, 60)), ...random(3) ? {} : { n: 2 + random(1000) } };
  }
}

test('a frame has the messages that were written, digit for digit', () => {
  for (let round = 0; round < 200; round++) {
    const writer = new FrameWriter(ORIGIN, TABLE), reader = decoder();
    for (let frame = 0; frame < 3; frame++) {
      const messages: Json[] = [];
      for (let count = random(12); count >= 0; count--) {
        const message = JSON.parse(JSON.stringify(said())) as Json;
        if (random(4) || message.type !== 'update') {
          messages.push(message);
          writer.say(message);
          continue;
        }
        // Ticks of one symbol, one after the other.
        const ticks = Array.from({ length: 1 + random(5) }, (_, at) => ({ ...said(), ...fields(20), type: 'update', n: undefined, as: message.as, symbol: message.symbol, seq: (message.seq as number) + at, ts: message.ts, rx: message.rx }))
          .map(tick => JSON.parse(JSON.stringify(Object.fromEntries(Object.entries(tick).filter(([name]) => !['from', 'to', 'reason'].includes(name))))) as Json);
        messages.push(...ticks);
        writer.run(ticks);
      }
      assert.deepEqual(decode(writer.take(), reader), messages.map(known), `round ${round}`);
    }
  }
});

test('decimals are exact where doubles are not, and have no zeros at their end', () => {
  const told = (build: (frame: FrameWriter) => void) => {
    const { seq, ts, rx, symbol, type, ...values } = decode(written(build))[0] as Json;
    return values;
  };
  const head = (frame: FrameWriter, mask: number[]) => frame.byte(0x90).varint(5).text('A').byte(0xff).varint(1).times(ORIGIN, ORIGIN).byte(0x84).mask(mask);
  const referred = (frame: FrameWriter, scale: number, reference: bigint, mask: number[], spread = 0n) =>
    frame.byte(0x90).varint(5).text('A').byte(scale).zigzag(reference).zigzag(spread).varint(1).times(ORIGIN, ORIGIN).byte(0x80).mask(mask);
  const most = 2n ** 63n - 1n, least = -(2n ** 63n);
  assert.deepEqual(told(frame => head(frame, [0, 1, 2]).byte(0x22).zigzag(872_300).varint(150).zigzag(10)), { bid: '8723', bid_size: '1.5', ask: '8723.1' });
  assert.deepEqual(told(frame => head(frame, [0, 2, 4, 7]).byte(0xe9).zigzag(most).zigzag(-1n).zigzag(-most).varint(most)), { bid: '9223372036.854775807', ask: '9223372036.854775806', last: '0', volume: '92233.72036854775807' });
  assert.deepEqual(told(frame => head(frame, [0, 2]).byte(0x09).zigzag(2n ** 52n).zigzag(2n ** 52n + 1n)), { bid: '4503599.627370496', ask: '9007199.254740993' });
  assert.deepEqual(told(frame => head(frame, [0, 2]).byte(0x00).zigzag(3).zigzag(-5)), { bid: '3', ask: '-2' });
  assert.deepEqual(told(frame => head(frame, [0, 7]).byte(0xff).byte(0x12).byte(0xff).byte(31).text('999999999999999999999999.999999999999999999')),
    { bid: '-0.000000000000000001', volume: '999999999999999999999999.999999999999999999' });
  assert.deepEqual(told(frame => head(frame, [0, 2, 4]).byte(0xff).byte(0xe0).byte(0).byte(0).byte(0).byte(0).byte(0).byte(0).byte(0).byte(0x80).byte(0xa2).byte(0).byte(0).byte(0).byte(0).byte(0).byte(0x80).byte(0x03).byte(0)),
    { bid: '-9223372036854775808', ask: '-1407374883553.28', last: '0' });
  // From a reference, and from a first price, on both sides of what doubles hold.
  assert.deepEqual(told(frame => referred(frame, 0x52, 8_723_201n, [0, 1, 2, 4]).zigzag(-201).varint(7).zigzag(1).zigzag(-10_000_000)), { bid: '87230', bid_size: '0.00007', ask: '87230.01', last: '-12770' });
  assert.deepEqual(told(frame => referred(frame, 0x09, most, [0, 2]).zigzag(5n - most).zigzag(2n)), { bid: '0.000000005', ask: '0.000000007' });
  assert.deepEqual(told(frame => referred(frame, 0x00, least, [0, 2]).zigzag(1).zigzag(2n ** 60n)), { bid: String(least + 1n), ask: String(least + 1n + 2n ** 60n) });
  assert.deepEqual(told(frame => referred(frame, 0x00, 2n ** 53n - 1n, [0, 2]).zigzag(2).zigzag(-2)), { bid: '9007199254740993', ask: '9007199254740991' });
  assert.deepEqual(told(frame => referred(frame, 0x00, -(2n ** 53n) - 1n, [0, 2, 4]).zigzag(0).zigzag(1).zigzag(2)), { bid: '-9007199254740993', ask: '-9007199254740992', last: '-9007199254740991' });
  // Asks from a spread more, also where the ask is the first price.
  assert.deepEqual(told(frame => referred(frame, 0x01, 6_000n, [0, 2, 4], 105n).zigzag(25).zigzag(0).zigzag(-1)), { bid: '602.5', ask: '613', last: '602.4' });
  assert.deepEqual(told(frame => referred(frame, 0x01, 6_000n, [2, 4], 105n).zigzag(25).zigzag(2)), { ask: '613', last: '602.7' });
  assert.deepEqual(told(frame => referred(frame, 0x00, most, [2, 4], -most).zigzag(0).zigzag(-most)), { ask: '0', last: '0' });
  assert.deepEqual(told(frame => referred(frame, 0x00, 0n, [0, 2, 3], 2n ** 53n + 1n).zigzag(1).zigzag(1).varint(4)), { bid: '1', ask: '9007199254740995', ask_size: '4' });
});

test('times and symbols: what carries over from frame to frame is the table of symbols', () => {
  const writer = new FrameWriter(ORIGIN), reader = decoder();
  const tick = { type: 'update', symbol: 'A', seq: 1, ts: ORIGIN + 5, rx: ORIGIN + 90, bid: '1' }, next = { ...tick, seq: 2, ts: ORIGIN + 6 };
  assert.deepEqual(decode(writer.say(tick).say(next).take(), reader), [tick, next]);
  const alone = writer.say(next).take();
  assert.deepEqual(decode(alone, reader), [next]);
  assert.deepEqual(decode(alone, reader), [next], 'and nothing else');
  assert.ok(fault(alone).startsWith('a symbol that was not introduced'));
  assert.equal(alone.length, 8, 'mask, number, seq, two times of 2 bytes, and the price');
});

test('the time at which a frame was sent, where it was asked for', () => {
  const reader = decoder(true), tick = { type: 'update', symbol: 'A', seq: 1, ts: ORIGIN + 5, rx: ORIGIN + 90, bid: '1' };
  assert.deepEqual(decode(written(frame => frame.byte(0x39).byte(0x30).byte(1).say(tick)), reader), [tick]);
  assert.equal(reader.sentAfterUs, 77_881);
  decode(written(frame => frame.byte(0xff).byte(0xff).byte(0xff).say(tick)), reader);
  assert.equal(reader.sentAfterUs, undefined);
});

test('kinds of message, fields and reports of a later version are passed over', () => {
  const tick = { type: 'update', symbol: 'A', seq: 1, ts: ORIGIN, rx: ORIGIN, bid: '1' };
  const later = (frame: FrameWriter) => { for (let head = 0; head < 0x80; head++) if ((head & 15) > 3) frame.byte(0x80 | head).varint(3).byte(1).byte(2).byte(3); };
  assert.deepEqual(decode(written(frame => { later(frame); frame.say(tick); later(frame); })), [tick]);
  assert.deepEqual(decode(written(frame => frame.say({ ...tick, later: 'x' }))), [tick], 'a kind of field');
  // Prices and sizes that the table has beside the fixed ones are told as those are.
  const reader = new Decoder(ORIGIN);
  reader.learn([{ id: 13, name: 'mid', kind: 'price' }, { id: 78, name: 'lot', kind: 'size' }, { id: 79, name: 'orders', kind: 'count' }]);
  const named = (frame: FrameWriter, mask: number[]) => frame.byte(0x90).varint(1).text('A').byte(0x12).zigzag(100).zigzag(7).varint(1).times(ORIGIN, ORIGIN).byte(0x80).mask(mask);
  assert.deepEqual(decode(written(frame => named(frame, [0, 13, 78, 79]).zigzag(2).zigzag(1).varint(15).varint(2n ** 64n - 1n)), reader), [{ ...tick, bid: '1.02', mid: '1.03', lot: '1.5', orders: '18446744073709551615' }]);
  assert.deepEqual(decode(written(frame => named(frame, [13]).zigzag(-1)), reader), [{ type: 'update', symbol: 'A', seq: 1, ts: ORIGIN, rx: ORIGIN, mid: '0.99' }]);
});

test('a frame with a fault is refused as a whole', () => {
  const named = (frame: FrameWriter, kind = 0) => frame.byte(0x90 | kind).varint(1).text('A').byte(0).zigzag(0).zigzag(0);
  const timed = (frame: FrameWriter, kind = 0) => named(frame, kind).varint(1).times(ORIGIN, ORIGIN);
  const masked = (frame: FrameWriter, flags: number, ...ids: number[]) => timed(frame).byte(0x80 | flags).mask(ids);
  const most = 2n ** 63n - 1n;
  const faults: [string, (frame: FrameWriter) => void][] = [
    ['an update without fields', frame => timed(frame).byte(0).byte(0).varint(1)],
    ['an update without fields', frame => timed(frame).byte(0).byte(0x40).varint(1)],
    ['a symbol that was not introduced', frame => frame.byte(0x01).varint(9)],
    ['a symbol that was not introduced', frame => frame.byte(0x80).varint(9)],
    ['a decimal of a symbol without reference', frame => frame.byte(0x90).varint(1).text('A').byte(0xff).varint(1).times(ORIGIN, ORIGIN).byte(1).zigzag(1)],
    ['an integer of more than 64 bits', frame => { frame.byte(1); for (let at = 0; at < 9; at++) frame.byte(0xff); frame.byte(2); }],
    ['an integer of more than 64 bits', frame => { frame.byte(1); for (let at = 0; at < 12; at++) frame.byte(0x80); }],
    ['a length beyond the end', frame => frame.byte(0x90).varint(1).varint(2n ** 64n - 1n)],
    ['a length beyond the end', frame => frame.byte(0x87).varint(1)],
    ['a text that is no UTF-8', frame => frame.byte(0x90).varint(1).varint(2).byte(0xc3).byte(0x28)],
    ['a scale of too many places', frame => frame.byte(0x90).varint(1).text('A').byte(0x0f)],
    ['a flag that there is not', frame => masked(frame, 8)],
    ['a flag that there is not', frame => masked(frame, 0x40)],
    ['a flag that there is not', frame => masked(frame, 2, 0).varint(1).byte(16)],
    ['a mask that is too long', frame => { timed(frame).byte(0x80); for (let at = 0; at < 13; at++) frame.byte(0x80); }],
    ['field 13, which the table does not have', frame => masked(frame, 0, 13).varint(1)],
    ['field 20, which the table does not have', frame => masked(frame, 1, 0).mask([20]).varint(1)],
    ['a scale of too many places', frame => masked(frame, 4, 0).byte(0x0f).varint(1)],
    ['a scale of too many places', frame => masked(frame, 4, 0).byte(0xf0).varint(1)],
    ['a decimal of more than 64 bits', frame => masked(frame, 4, 0, 2).byte(0).zigzag(most).zigzag(1)],
    ['a decimal of more than 64 bits', frame => masked(frame, 4, 1).byte(0).varint(2n ** 63n)],
    ['a decimal of too many places', frame => masked(frame, 4, 0).byte(0xff).byte(19).byte(1)],
    ['a decimal that is none', frame => masked(frame, 4, 7).byte(0xff).byte(31).text('1e9')],
    ['a side that there is not', frame => masked(frame, 0, 6).byte(3)],
    ['truncated', frame => masked(frame, 0, 6)],
    ['a side that there is not', frame => masked(frame, 0, 30).byte(3)],
    ['a reason of a gap that there is not', frame => named(frame, 3).varint(1).varint(2).byte(3)],
    ['a symbol without a name', frame => frame.byte(0x90).varint(1).text('').byte(0xff)],
    ['a time of more than 64 bits', frame => { timed(frame).byte(0); for (let at = 0; at < 2; at++) frame.byte(0x80).varint(1).varint(1).varint(1).zigzag(most).byte(0); }],
    ['an n where none may be', frame => named(frame, 0x41)],
    ['a count of no ticks', frame => named(frame, 2).varint(1).varint(0)],
    ['a count of no ticks', frame => named(frame, 0x40).varint(1).varint(0)],
    ['a flag that there is not', frame => masked(frame, 2, 0).varint(2).byte(8).byte(8)],
    ['truncated', frame => named(frame, 2).varint(1).varint(2n ** 63n).times(ORIGIN, ORIGIN).byte(0).times(ORIGIN, ORIGIN)],
    ['a decimal of a symbol without reference', frame => masked(frame, 2, 0).varint(4).byte(4).mask([0]).byte(0).varint(1)],
    ['a length beyond the end', frame => masked(frame, 2, 0).varint(2).byte(1).text('beyond the report')],
    ['truncated', frame => masked(frame, 2, 0).varint(4).byte(4).mask([4]).byte(0).byte(0x80).byte(1)],
    ['truncated', frame => masked(frame, 2, 0).varint(2).byte(4).mask([6]).byte(1)],
  ];
  for (const [what, build] of faults) assert.ok(fault(written(build)).startsWith(what), `${what}: ${fault(written(build))}`);
});

test('whatever the bytes are, they are read as messages or refused, and nothing beyond them', () => {
  for (let round = 0; round < 300; round++) {
    const messages = Array.from({ length: 4 }, () => JSON.parse(JSON.stringify(said())) as Json);
    const frame = written(frame => { for (const message of messages) frame.say(message); });
    const begin = random(frame.length), kept = frame.slice(0, begin);
    // A prefix has a prefix of the messages, or a fault; what stands behind it in memory changes nothing.
    const behind = new Uint8Array(begin + 64).fill(random(256));
    behind.set(kept);
    const outcome = (bytes: Uint8Array): string => fault(bytes) || JSON.stringify(decode(bytes));
    assert.equal(outcome(behind.subarray(0, begin)), outcome(kept));
    if (!fault(kept)) assert.deepEqual(decode(kept), messages.slice(0, decode(kept).length).map(known));
    for (let flip = 0; flip < 20; flip++) {
      const other = frame.slice();
      other[random(other.length)] = random(256);
      fault(other);
    }
    fault(Uint8Array.from({ length: random(200) }, () => random(256)));
  }
});
