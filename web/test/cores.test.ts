// The small pure parts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bars, BARS_MAX } from '../src/bars';
import { Book, priceOf, type Row } from '../src/book';
import { LocalClock, ServerClock } from '../src/clock';
import { between, changeHundredths, compare, grouped, padded, percent, places, scaled, spread, unscaled, written } from '../src/decimal';
import { duration, short } from '../src/dom';
import { freshness, type Look, lookOf } from '../src/look';
import type { State } from '../src/messages';
import { comesBack, pauseMs } from '../src/retry';
import { SECONDS_MAX, SecondRing } from '../src/ring';
import { Sales, SALES_MAX } from '../src/sales';
import { entryOf, entryOfGlob, formatView, legible, matches, parseView, sent, type View, Watchlist } from '../src/watchlist';

let seed = 1;
const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
const pickOf = <T>(values: readonly T[]): T => values[random(values.length)] as T;

test('decimals come out as they went in, and are compared exactly', () => {
  for (let round = 0; round < 2_000; round++) {
    const units = BigInt(random(2) ? 1 : -1) * (BigInt(random(2_000_000_000)) * BigInt(random(2_000_000_000)) + BigInt(random(1_000)));
    assert.equal(scaled(unscaled(units)), units);
    const other = units + BigInt(random(3) - 1);
    assert.equal(compare(unscaled(other), unscaled(units)), other < units ? -1 : other > units ? 1 : 0);
    assert.equal(scaled(spread(unscaled(units), unscaled(other))), other - units);
  }
  assert.equal(unscaled(9223372036854775807000000000n), '9223372036.854775807');
  assert.equal(unscaled(-500000000000000000n), '-0.5');
  assert.equal(compare('1.0', '1'), 0);
});

test('between two prices, exactly', () => {
  for (let round = 0; round < 500; round++) {
    const [bid, ask] = [random(2_000_000_000), random(2_000_000_000)].map(units => BigInt(units) * BigInt(1 + random(1_000))) as [bigint, bigint];
    const mid = between(unscaled(bid), unscaled(ask));
    assert.equal(scaled(mid, 19), (bid + ask) * 5n);
    assert.equal(compare(mid, unscaled(bid)), bid < ask ? 1 : bid > ask ? -1 : 0, 'with its nineteenth place');
  }
  assert.deepEqual([between('1.0850', '1.0851'), between('-1', '1'), between('0.000000001', '0.000000002')], ['1.08505', '0', '0.0000000015']);
  assert.deepEqual([priceOf({ bid: '1', ask: '2', last: '3' }), priceOf({ bid: '1', ask: '2' }), priceOf({ ask: '2' }), priceOf({})],
    [{ text: '3', kind: 'last' }, { text: '1.5', kind: 'mid' }, { text: '2', kind: 'ask' }, undefined]);
});

test('a row is live only where its price is known to be young', () => {
  const row = (rxMs: number, state: State, known = true): Row => Object.assign(new Book().row('A'), { rxMs, state, known });
  const cases: [Row, boolean, number | undefined, Look][] = [
    [row(1_000, 'live'), true, 1_000, 'live'], [row(1_000, 'live'), true, 6_000, 'live'], [row(1_000, 'live'), true, 6_001, 'old'],
    [row(1_000, 'live'), true, 32_000, 'old'], [row(1_000, 'stale'), true, 32_000, 'stale'], [row(1_000, 'stale'), true, 1_200, 'live'],
    [row(1_000, 'halted'), true, 1_000, 'halted'], [row(1_000, 'closed'), true, 1_000, 'closed'],
    [row(1_000, 'live'), true, undefined, 'checking'], [row(1_000, 'live'), false, 1_000, 'offline'],
    [row(0, 'pending'), true, 1_000, 'pending'], [row(0, ''), true, 1_000, 'pending'], [row(0, 'pending', false), true, 1_000, 'unknown'], [row(0, 'pending', false), false, 1, 'offline'],
  ];
  for (const [row, online, serverMs, look] of cases) assert.equal(lookOf(row, online, serverMs, 5_000), look);
  assert.deepEqual(freshness([row(1_000, 'live'), row(9_000, 'live'), row(0, 'pending')], true, 9_500, 5_000), { prices: 2, old: 1, youngestMs: 500 });
  assert.deepEqual(freshness([row(1_000, 'live')], true, undefined, 5_000), { prices: 1, old: 1, youngestMs: undefined });
});

test('formats', () => {
  assert.deepEqual([written('87227.9', 2), written('0.00000012', 8), written('-1234567', 1), written(undefined, 2)], ['87,227.90', '0.00000012', '-1,234,567.0', '']);
  assert.deepEqual(['1', '1.5', '1.50', '0.000000001'].map(places), [0, 1, 2, 9]);
  assert.deepEqual([padded('87000.1', 2), padded('5', 2), padded('5', 0), padded('1.25', 1)], ['87000.10', '5.00', '5', '1.25']);
  assert.deepEqual(['1', '999', '1000', '1234567.8901', '-1234'].map(grouped), ['1', '999', '1,000', '1,234,567.8901', '-1,234']);
  assert.deepEqual([['101.5', '100'], ['99.995', '100'], ['99.9951', '100'], ['1', '0'], ['100', '100'], ['-1', '-2']].map(([last, open]) => changeHundredths(last as string, open as string)),
    [150, -1, 0, undefined, 0, 5000]);
  assert.deepEqual([150, -2, 0, -1234].map(percent), ['+1.50', '-0.02', '0.00', '-12.34']);
});

test('what rounds up to the next unit is written in it', () => {
  const S = 1_000, MIN = 60 * S, H = 60 * MIN;
  const cases: [number, string][] = [
    [0, '0 ms'], [999.4, '999 ms'], [999.6, '1.0 s'], [999.5, '1.0 s'], [9.949 * S, '9.9 s'], [9.96 * S, '10 s'], [59.4 * S, '59 s'], [59.6 * S, '1 min'],
    [59 * MIN + 59.4 * S, '59 min'], [59 * MIN + 59.7 * S, '60 min'], [99 * MIN + 59.4 * S, '99 min'], [99 * MIN + 59.7 * S, '1 h'], [24 * H - 0.4 * S, '24 h'],
  ];
  for (const [ms, text] of cases) assert.equal(duration(ms), text, `${ms} ms`);
  assert.deepEqual([0, 9.94, 9.96, 99.6].map(short), ['0.0', '9.9', '10', '100']);
  // A number of a unit is smaller than the next unit is, and longer times are never shorter ones.
  const units: Record<string, number> = { ms: 1, s: S, min: MIN, h: H };
  let before = 0;
  for (let ms = 1; ms < 200 * H; ms *= 1.0001) {
    const [number = '', unit = ''] = duration(ms).split(' '), most = { ms: 1_000, s: 60, min: 100 }[unit] ?? Infinity;
    assert.ok(Number(number) < most, `${ms} ms: ${number} ${unit}`);
    const shown = Number(number) * (units[unit] ?? NaN);
    assert.ok(shown >= before || before - shown <= 40 * MIN && unit === 'h', `${ms} ms: ${number} ${unit}`);
    before = shown;
  }
});

test('globs match as a plain reading of the rule says, and quickly', () => {
  const slow = (glob: string, text: string): boolean => glob === '' ? text === ''
    : glob[0] === '*' ? slow(glob.slice(1), text) || text !== '' && slow(glob, text.slice(1))
      : text !== '' && glob[0] === text[0] && slow(glob.slice(1), text.slice(1));
  for (let round = 0; round < 5_000; round++) {
    const word = (letters: string[], most: number): string => Array.from({ length: random(most) }, () => pickOf(letters)).join('');
    const glob = word(['a', 'b', '*'], 7), text = word(['a', 'b'], 8);
    assert.equal(matches(glob, text), slow(glob, text), `${glob} ${text}`);
  }
  assert.equal(matches('*a'.repeat(30) + '*b', 'a'.repeat(64)), false);
});

test('an escaped star is a star, and a name may begin with !', () => {
  const cases: [string, string, boolean][] = [
    ['SAN-I\\*', 'SAN-I*', true], ['SAN-I\\*', 'SAN-IX', false], ['SAN-I*', 'SAN-IX', true], ['*\\*', 'SAN-I*', true], ['*\\*', 'SAN-I', false],
    ['AAPL  *', 'AAPL  250221C00250000', true], ['币*', '币安人生USDT', true], ['A?', 'AB', false],
  ];
  for (const [glob, text, expected] of cases) assert.equal(matches(glob, text), expected, `${glob} ${text}`);
  const names = ['SAN-I*', '!A', '!*', 'AAPL  250221C00250000', '币安人生USDT'];
  const list = new Watchlist([...names.map(entryOf), entryOfGlob('!B*'), '!' + sent(entryOf('!C'))]);
  assert.deepEqual(list.targets(), { names, globs: ['!B*'] });
  assert.deepEqual(['SAN-I*', '!A', '!BX', 'A', 'BX', 'SAN-IX'].map(symbol => list.has(symbol)), [true, true, true, false, false, false]);
  assert.deepEqual(list.without(entryOf('!A')).targets().names, names.filter(name => name !== '!A'));
  assert.deepEqual(new Watchlist(['*']).without(entryOf('!A')).entries, ['*', '!!A']);
  assert.equal(new Watchlist(['*', '!!A', '!SAN-I\\*']).has('!A'), false);
  assert.deepEqual(new Watchlist(['*', '!!A']).with(entryOf('!A')).entries, ['*']);
  assert.equal(new Watchlist(['*', '!SAN-I\\*']).has('SAN-I*'), false);
  assert.equal(new Watchlist(['*', '!SAN-I\\*']).has('SAN-IX'), true);
  assert.equal(legible('A\u202eB\u200bC\u{e0041} 币'), 'A\\u{202e}B\\u{200b}C\\u{e0041} 币');
});

test('a view survives the address', () => {
  const names = ['BTC-USD', 'ETH/EUR', 'A:B', 'X@Y', 'Z^1', 'Q=F', 'H#1', 'P+Q', 'AAPL  250221C00250000', '币安人生USDT', 'SAN-I\\*', '\\!A', '*', 'ETH*', '!SOL', '!B*'];
  for (let round = 0; round < 500; round++) {
    const entries = [...new Set(Array.from({ length: 1 + random(5) }, () => pickOf(names)))];
    const view: View = { entries, pick: pickOf(['', ...names.slice(0, 12)]), intervalMs: pickOf([0, 100, 250, 1000]), sort: pickOf(['', 'change', '-volume']), isJson: random(2) === 0 };
    assert.deepEqual(parseView(formatView(view)), view);
  }
  assert.equal(formatView(parseView('')), '');
  assert.equal(formatView(parseView('?symbols=BTC-USD,ETH*&interval=250')), '?symbols=BTC-USD,ETH*&interval=250');
  assert.deepEqual(parseView('?symbols=A,,B&symbols=B,!&interval=7').entries, ['A', 'B']);
  assert.equal(parseView('?interval=7').intervalMs, 100);
  assert.deepEqual(parseView('?symbols=').entries, [], 'an empty list is a list');
});

test('the watchlist', () => {
  const list = new Watchlist(['B', 'ETH*', '!ETHX', '*', '!Q*']);
  assert.deepEqual(['B', 'ETHA', 'ETHX', 'A', 'QQ'].map(symbol => list.place(symbol)), [0, 1, undefined, 3, undefined]);
  assert.deepEqual(list.targets(), { names: [], globs: ['ETH*', '*'] });
  assert.deepEqual(new Watchlist(['A', 'ETHB', 'ETH*']).targets(), { names: ['A'], globs: ['ETH*'] });
  assert.deepEqual(list.without('B').entries, ['ETH*', '!ETHX', '*', '!Q*', '!B'], 'the glob has it too');
  assert.deepEqual(new Watchlist(['A', 'B']).without('A').entries, ['B']);
  assert.deepEqual(new Watchlist(['*', '!A']).with('A').entries, ['*']);
  assert.deepEqual(new Watchlist(['A']).with('B').with('B').entries, ['A', 'B']);
  assert.deepEqual(new Watchlist(['*']).with('A').with('A').entries, ['*', 'A'], 'a person asks for one that the glob did not bring');
  assert.deepEqual(new Watchlist(['*', '!A']).without('!A').entries, ['*']);
});

test('coming back', () => {
  assert.deepEqual([1001, 1006, 1008, 1011, 4001, 4008, 4009, 4099, 4200].map(comesBack), Array(9).fill(true));
  assert.deepEqual([1000, 1002, 1003, 1007, 1009, 4100, 4103, 4129, 4199].map(comesBack), Array(9).fill(false));
  assert.deepEqual([0, 1, 2, 5, 6, 7, 60].map(failures => pauseMs(failures, 1)), [250, 500, 1000, 8000, 15000, 15000, 15000]);
  assert.equal(pauseMs(0, 0), 125);
  assert.equal(pauseMs(9, 0.5, 1730), 1730);
});

test('the clock believes the quickest ping, and forgets slowly', () => {
  const clock = new ServerClock();
  assert.equal(clock.at(0), undefined);
  clock.pong(0, 100, 1050);
  assert.equal(clock.at(0), 1000);
  clock.pong(1000, 1002, 2501);
  assert.equal(clock.at(0), 1500);
  clock.pong(2000, 3000, 9999);
  assert.equal(clock.at(0), 1500, 'a slow one says less');
  clock.pong(1e9, 1e9 + 100, 1e9 + 1050);
  assert.equal(clock.at(1e9), 1e9 + 1000, 'clocks drift');
});

test('what is not known well of the server\'s time makes a price older, never younger', () => {
  const slow = new ServerClock();
  // The answer took 30 s: it was written anywhere in between.
  slow.pong(0, 30_000, 100_000);
  assert.equal(slow.at(30_000), 130_000);
  slow.pong(30_000, 30_010, 100_105);
  assert.equal(Math.round((slow.at(30_010) ?? 0) - 100_110), 0, 'a quick one knows better');
  slow.jumped(3_600_000);
  assert.equal(Math.round((slow.at(3_630_010) ?? 0) - 3_700_110), 0, 'a machine that slept');
  slow.pong(3_630_020, 3_630_030, 105_000);
  assert.equal(slow.at(3_630_030), 105_005, 'a clock that was set: the next answer tells');
});

test('this machine\'s time never goes back, and knows of sleep', () => {
  let monotonicMs = 100, wallMs = 1_000_000;
  const jumps: number[] = [], clock = new LocalClock(() => monotonicMs, () => wallMs, ms => jumps.push(ms));
  const pass = (ms: number, wall = ms) => { monotonicMs += ms; wallMs += wall; return clock.nowMs(); };
  assert.equal(clock.nowMs(), 1_000_000);
  assert.equal(pass(500), 1_000_500);
  assert.equal(pass(10, 60_010), 1_060_510, 'the monotonic clock stood still');
  assert.equal(pass(10, -60_000), 1_060_520, 'set back: not looked at');
  assert.equal(pass(10, 60_020), 1_060_530, 'and forth again');
  assert.deepEqual(jumps, [60_000]);
});

test('a trend holds two minutes, however long', () => {
  const ring = new SecondRing();
  assert.equal(ring.points(90, 20), '');
  for (let second = 1_000; second < 1_400; second += 1 + random(3)) ring.add(second, second);
  ring.fill(1_400);
  const values = [...ring];
  assert.equal(values.length, SECONDS_MAX);
  assert.deepEqual(values, [...values].sort((a, b) => a - b));
  assert.ok((values[0] ?? 0) >= 1_400 - SECONDS_MAX - 2);
  ring.add(1_300, 7);
  assert.equal([...ring].at(-1), 7, 'time does not go back');
  ring.fill(99_999);
  assert.deepEqual([...new Set(ring)], [7]);
  assert.equal(ring.points(90, 20).split(' ').length, SECONDS_MAX);
});

test('bars: longer ones are made of the seconds', () => {
  const bars = new Bars();
  for (let at = 0; at < 2 * BARS_MAX; at++) bars.add(at, at % 7, 1);
  const seconds = bars.grouped(1), minutes = bars.grouped(60);
  assert.ok(seconds.length <= BARS_MAX * 1.1);
  for (const minute of minutes.slice(1)) {
    const inside = seconds.filter(({ time }) => time >= minute.time && time < minute.time + 60);
    assert.deepEqual(minute, { time: minute.time, open: inside[0]?.open, close: inside.at(-1)?.close, high: 6, low: 0, volume: inside.length });
  }
  assert.deepEqual(bars.grouped(60, minutes.at(-2)?.time), minutes.slice(-2));
});

test('times and sales account for each tick', () => {
  for (let round = 0; round < 200; round++) {
    const sales = new Sales('A');
    let seq = random(100), trades = 0;
    const head = () => ({ symbol: 'A', seq, ts: 1, rx: 1 });
    sales.data({ type: 'snapshot', ...head() });
    for (let step = 0; step < 50; step++) {
      const n = 1 + random(3);
      if (random(8) === 0) {
        sales.gap({ type: 'gap', symbol: 'A', from: seq + 1, to: seq + n, reason: 'slow' });
        seq += n;
        sales.data({ type: 'snapshot', ...head() });
      } else {
        seq += n;
        const isTrade = random(2) === 0;
        if (isTrade) trades++;
        sales.data({ type: 'update', ...head(), n, ...isTrade ? { last: '5', last_size: '1', side: 'buy' } : { bid: '5' } });
      }
    }
    assert.equal(sales.to - sales.from + 1, sales.ticks + sales.merged + sales.lost);
    assert.equal(sales.lines.filter(({ kind }) => kind === 'sale').length, trades);
  }
  const sales = new Sales('A');
  for (let seq = 1; seq < 5_000; seq++) sales.data({ type: 'update', symbol: 'A', seq, ts: 1, rx: 1, last: '1', last_size: '1' });
  assert.ok(sales.lines.length <= SALES_MAX * 1.2);
});
