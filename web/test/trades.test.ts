// Trades with names, cancels, corrections, trades that do not move everything, and configured fields: as messages say them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bars, POINTS_MAX } from '../src/bars';
import { Book } from '../src/book';
import type { Affect, Data } from '../src/messages';
import { Picked } from '../src/picked';
import type { Sale } from '../src/sales';
import { decimalsAsText } from './wire';

let seed = 7;
const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;

/** A message as the page reads it off a frame. */
const read = (message: object): Data => (JSON.parse(decimalsAsText(JSON.stringify([message]))) as Data[])[0] as Data;
const update = (seq: number, more: object, rx = seq * 1e6): Data => read({ type: 'update', symbol: 'A', seq, ts: 1, rx, ...more });
const hearing = () => {
  const picked = new Picked(), book = new Book({ data: (row, message, history) => picked.data(message, row, history) });
  picked.choose('A');
  const sales = () => picked.sales.lines.filter((line): line is Sale => line.kind === 'sale');
  return { picked, sales, hear: (seq: number, more: object, rx?: number) => book.data(update(seq, more, rx)), bars: () => picked.bars.grouped(1) };
};
const closes = (bars: { close: number }[]) => bars.map(({ close }) => close);

test('a cancel strikes its trade, a correction shows both, and neither is a trade', () => {
  const { picked, sales, hear, bars } = hearing();
  hear(1, { last: 10, last_size: 1, side: 'buy', trade_id: 'a' });
  hear(2, { last: 30, last_size: 2, side: 'sell', trade_id: 'b' });
  hear(3, { last: 20, last_size: 3, trade_id: 'c' });
  hear(4, { n: 1, bid: 9 });
  // The fields beside are those of the record: the trade before is its last one again.
  hear(5, { cancel: 'c', last: 30, last_size: 2, side: 'sell', trade_id: 'b', high: 30, volume: 3, trades: 2 });
  hear(6, { correct: 'b', trade: { last: 12.5, last_size: 7 }, last: 12.5, last_size: 7, volume: 8 });
  assert.deepEqual(sales().map(({ id, fate, price, size, side, was }) => [id, fate, price, size, side, was]), [
    ['a', '', '10', '1', 'buy', undefined],
    ['b', 'corrected', '12.5', '7', 'sell', { price: '30', size: '2' }],
    ['c', 'cancelled', '20', '3', 'unknown', undefined],
  ]);
  assert.deepEqual(bars(), [[1, 10, 1], [2, 12.5, 7]].map(([time, price, volume]) => ({ time, open: price, high: price, low: price, close: price, volume })));
  hear(7, { correct: 'b', trade: { last: 13 } });
  hear(8, { cancel: 'b' });
  assert.deepEqual([sales()[1]?.fate, sales()[1]?.price, sales()[1]?.was], ['cancelled', '13', { price: '30', size: '2' }]);
  assert.deepEqual(closes(bars()), [10]);
  const { from, to, ticks, merged, lost } = picked.sales;
  assert.deepEqual([from, to, ticks, merged, lost], [1, 8, 8, 0, 0]);
});

test('what is said of a trade that is not there is a line of its own, and changes no bar', () => {
  const { sales, hear, bars } = hearing();
  hear(1, { last: 10, last_size: 1, trade_id: 'a' });
  const before = bars();
  hear(2, { cancel: 'x', volume: 1, high: 10 });
  hear(3, { correct: 'y', trade: { last: 9, last_size: 4, side: 'sell' } });
  hear(4, { correct: '', trade: { last: 9 } });
  assert.deepEqual(sales().map(({ id, fate, isEarlier, price }) => [id, fate, isEarlier, price]),
    [['a', '', false, '10'], ['x', 'cancelled', true, ''], ['y', 'corrected', true, '9'], ['', 'corrected', true, '9']]);
  assert.deepEqual(bars(), before);
});

test('a trade that does not move the last price is on the list, and not in the line of the chart', () => {
  const { sales, hear, bars } = hearing();
  hear(1, { last: 10, last_size: 1 });
  hear(2, { trade: { last: 99, last_size: 5, side: 'buy', trade_id: 'odd', affects: ['volume'] }, volume: 6, trades: 2 });
  hear(3, { trade: { last: 8, last_size: 1, affects: ['high_low'] }, low: 8 });
  hear(4, { trade: { last: 7, last_size: 1, affects: [] } });
  hear(5, { trade: { last: 11, last_size: 2, affects: ['last'] }, last: 11, last_size: 2 });
  assert.deepEqual(sales().map(({ price, affects }) => [price, affects]), [['10', undefined], ['99', ['volume']], ['8', ['high_low']], ['7', []], ['11', ['last']]]);
  assert.deepEqual(bars(), [
    { time: 1, open: 10, high: 10, low: 10, close: 10, volume: 1 }, { time: 2, open: 10, high: 10, low: 10, close: 10, volume: 5 },
    { time: 3, open: 10, high: 10, low: 8, close: 10, volume: 0 }, { time: 4, open: 10, high: 10, low: 10, close: 10, volume: 0 },
    { time: 5, open: 11, high: 11, low: 11, close: 11, volume: 0 },
  ]);
});

interface Told { id: string; second: number; price: number; size: number; affects: Affect[] }
const chart = (trades: readonly Told[]) => {
  const bars = new Bars();
  for (const { second, price, size, affects, id } of trades) bars.add(second, price, affects.includes('volume') ? size : 0, { id, closes: affects.includes('last'), extends: affects.includes('high_low') });
  return bars.grouped(1);
};

test('bars after any cancels and corrections are those of the corrected tape', () => {
  const all: Affect[] = ['last', 'high_low', 'volume'];
  for (let round = 0; round < 200; round++) {
    const { hear, bars } = hearing();
    let tape: Told[] = [], second = 1, seq = 0;
    for (let step = 0; step < 60; step++) {
      seq++;
      second += random(2);
      const rx = second * 1e6, one = tape[random(tape.length || 1)];
      if (one && random(5) === 0) {
        tape = tape.filter(trade => trade !== one);
        hear(seq, { cancel: one.id }, rx);
      } else if (one && random(5) === 0) {
        Object.assign(one, { price: 1 + random(50), size: 1 + random(9) });
        hear(seq, { correct: one.id, trade: { last: one.price, last_size: one.size } }, rx);
      } else {
        const affects = random(3) ? all : all.filter(() => random(2) === 0);
        const told = { id: `t${seq}`, second, price: 1 + random(50), size: 1 + random(9), affects };
        tape.push(told);
        const trade = { last: told.price, last_size: told.size, trade_id: told.id };
        hear(seq, affects.length === 3 ? trade : { trade: { ...trade, affects } }, rx);
      }
      assert.deepEqual(bars(), chart(tape), `round ${round}, step ${step}`);
    }
  }
});

test('a second of which not every price is kept is not put right', () => {
  const bars = new Bars(), many = Math.ceil(POINTS_MAX * 1.2) + 1;
  for (let at = 0; at < many; at++) bars.add(at < 10 ? 1 : 2, 5, 1, { id: `t${at}` });
  bars.add(2, 6, 1, { id: 'late' });
  assert.ok(!bars.revise('late') && !bars.revise('t0') && !bars.revise(''));
  assert.deepEqual(bars.grouped(1).map(({ volume }) => volume), [10, many - 9]);
  for (let at = 0; at < 20 * many; at++) bars.add(3 + at, 5, 1, { id: `u${at}` });
  assert.ok(!bars.revise('u0'));
  assert.ok(bars.revise(`u${20 * many - 1}`));
});

test('what was charted before is not charted again', () => {
  const { picked, hear, bars } = hearing();
  const all = () => {
    hear(1, { last: 10, last_size: 1, trade_id: 'a' }, 1e6);
    hear(2, { last: 11, last_size: 1, trade_id: 'b' }, 1e6);
    hear(3, { cancel: 'a' }, 1e6);
  };
  all();
  picked.choose('B');
  picked.choose('A');
  all();
  assert.deepEqual(bars(), [{ time: 1, open: 11, high: 11, low: 11, close: 11, volume: 1 }]);
});

test('configured fields are of the record: merged, withdrawn, in their order, whatever they are called', () => {
  const book = new Book(), row = () => [...book.row('A').configured];
  const say = (message: object) => book.data(read(message));
  say({ type: 'snapshot', symbol: 'A', seq: 1, ts: 1, rx: 1, bid: 1, as: 'x', mark: '101.123456789012345678', open_interest: 7, note: '<b>&' });
  say({ type: 'update', symbol: 'A', seq: 2, ts: 1, rx: 1, note: 'y', extra: { deep: 1 } });
  assert.deepEqual(row(), [['mark', '101.123456789012345678'], ['open_interest', '7'], ['note', 'y']]);
  say({ type: 'update', symbol: 'A', seq: 3, ts: 1, rx: 1, mark: null });
  say({ type: 'update', symbol: 'A', seq: 4, ts: 1, rx: 1, bid: 2, cancel: 'q', trade: { last: 1 } });
  assert.deepEqual(row(), [['mark', null], ['open_interest', '7'], ['note', 'y']]);
  say(JSON.parse('{"type":"update","symbol":"A","seq":5,"ts":1,"rx":1,"mark":"3","__proto__":"p","constructor":"c"}') as object);
  assert.deepEqual(row(), [['mark', '3'], ['open_interest', '7'], ['note', 'y'], ['__proto__', 'p'], ['constructor', 'c']]);
  say({ type: 'snapshot', symbol: 'A', seq: 6, ts: 1, rx: 1, note: 'z' });
  assert.deepEqual([row(), book.errors], [[['note', 'z']], 0]);
});
