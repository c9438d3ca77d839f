// Messages, as the server would write them, against a session and its book: no page, no socket.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Book, priceOf, type Row } from '../src/book';
import type { Encoding, Link, LinkEvents } from '../src/link';
import { lookOf } from '../src/look';
import { Picked } from '../src/picked';
import { Session } from '../src/session';
import { Watchlist } from '../src/watchlist';
import { FrameWriter } from './frames';
import { decimalsAsText } from './wire';

type Sent = { op: string; id: number; seen?: number; symbols?: string[]; as?: string; mode?: string; interval_ms?: number; numbers?: string; resume?: { epoch: string; last: Record<string, number> } };

/** A session with a server that is played by the test. */
function play(entries: string[]) {
  const picked = new Picked();
  const book = new Book(), tape = new Book({
    data: (row, message, history) => { if (row.symbol === picked.symbol) picked.data(message, row, history); },
    again: row => { if (row.symbol === picked.symbol) picked.begin(); },
    gap: (row, message, history) => { if (row.symbol === picked.symbol && !history) picked.gap(message); },
  });
  const links: { events: LinkEvents; sent: Sent[]; link: Link; rate: number; encoding: Encoding }[] = [];
  const timers: { ms: number; call: () => void }[] = [];
  const behind: (() => void)[] = [];
  let nowMs = 1_000;
  const session = new Session({
    open(encoding, rate, events) {
      const sent: Sent[] = [];
      const link: Link = { throttles: rate !== Infinity, rate, send: text => { sent.push(JSON.parse(text) as Sent); }, close: () => undefined };
      links.push({ events, sent, link, rate, encoding });
      return link;
    },
    nowMs: () => nowMs,
    later(ms, call) { const timer = { ms, call }; timers.push(timer); return () => { timers.splice(timers.indexOf(timer), 1); }; },
    behindFrames: call => { behind.push(call); },
    chance: () => 1,
    symbols: () => Promise.resolve(['A', 'B', 'C']),
    changed: () => undefined,
    listCut: () => undefined,
  }, book, tape, new Watchlist(entries), 100);
  const newest = () => links.at(-1) as (typeof links)[0];
  const hear = (...messages: object[]) => newest().events.frame(decimalsAsText(JSON.stringify(messages)));
  const settle = () => { for (const call of behind.splice(0)) call(); };
  const say = (...messages: object[]) => {
    hear(...messages);
    settle();
  };
  const welcome = (epoch = 'e1', limits: object = {}, origin?: number) => say({ type: 'welcome', protocol: 1, session: '1', epoch, origin, heartbeat_ms: 5000,
    limits: { subscriptions: 2048, message_bytes: 65536, interval_ms: 60000, ring_ticks: 1024, commands_burst: 200, ...limits } });
  const sent = (op: string) => newest().sent.filter(command => command.op === op);
  const answer = (command: Sent | undefined, status: string) =>
    say({ type: 'subscribed', id: command?.id, results: command?.symbols?.map(symbol => ({ symbol, as: command.as, status })) });
  session.connect();
  return { session, book, tape, picked, links, timers, hear, settle, say, welcome, sent, answer, newest, pass: (ms: number) => { nowMs += ms; } };
}
const tick = (symbol: string, seq: number, more: object = {}) => ({ type: 'update', symbol, seq, ts: seq * 1e6, rx: seq * 1e6, bid: String(seq), ...more });
const base = (symbol: string, seq: number, more: object = {}) => ({ ...tick(symbol, seq, more), type: 'snapshot' });
/** The same, of the picked symbol's own subscription. */
const traded = (symbol: string, seq: number, more: object = {}) => tick(symbol, seq, { as: 'tape', ...more });
const tapeBase = (symbol: string, seq: number, more: object = {}) => base(symbol, seq, { as: 'tape', ...more });
const isTape = ({ as }: Sent) => as === 'tape';

test('each tick is shown, merged or lost, for any mixture of messages', () => {
  let seed = 1;
  const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  for (let round = 0; round < 300; round++) {
    const book = new Book();
    book.epoch = 'e';
    let seq = 1 + random(50), shown = 0;
    const first = seq;
    book.data(base('A', seq) as never);
    for (let step = 0; step < 60; step++) {
      const n = 1 + random(4);
      if (random(5) === 0) {
        book.gap({ type: 'gap', symbol: 'A', from: seq + 1, to: seq + n, reason: 'slow' });
        seq += n;
        book.data(base('A', seq) as never);
      } else {
        seq += n;
        shown++;
        book.data(tick('A', seq, { n }) as never);
      }
    }
    const row = book.row('A');
    assert.equal(book.errors, 0);
    assert.equal(seq - first, shown + row.merged + row.lost + 0, `round ${round}`);
  }
});

test('what breaks law 4 is counted', () => {
  const book = new Book();
  book.data(base('A', 7) as never);
  book.data(tick('A', 10, { n: 3 }) as never);
  assert.equal(book.errors, 0);
  book.data(tick('A', 13, { n: 2 }) as never);
  book.data(tick('A', 13) as never);
  book.data(base('A', 12) as never);
  book.gap({ type: 'gap', symbol: 'A', from: 15, to: 16, reason: 'slow' });
  assert.equal(book.errors, 4);
});

test('a snapshot is the whole record, an update the fields that it has', () => {
  const { session, book, say, welcome } = play(['A']);
  welcome();
  say(base('A', 1, { bid: 1, ask: 2 }), tick('A', 2, { bid: 1.5 }));
  assert.deepEqual(book.row('A').fields, { bid: '1.5', ask: '2' });
  assert.equal(book.row('A').moved.bid, 'up');
  say(base('A', 3, { bid: 1 }));
  assert.deepEqual(book.row('A').fields, { bid: '1' });
  assert.ok(session.online);
});

test('what an update withdraws is shown no more, and comes back with its next value', () => {
  const { book, picked, say, welcome } = play(['A']);
  const row = () => book.row('A');
  const shown = () => [row().fields.bid, row().fields.ask, priceOf(row().fields)?.text];
  welcome();
  say(base('A', 1, { bid: 1, ask: 2 }));
  assert.deepEqual(shown(), ['1', '2', '1.5']);
  say(tick('A', 2, { bid: null, trades: null, side: null }));
  assert.deepEqual(shown(), [undefined, '2', '2']);
  say(tick('A', 3, { bid: null, ask: null }));
  assert.deepEqual(row().fields, {});
  say(tick('A', 5, { n: 2, bid: 3, ask: null, last: 4, last_size: 1, volume: 1, trades: 1 }));
  assert.deepEqual(shown(), ['3', undefined, '4']);
  say(tick('A', 6, { bid: undefined, last: null, last_size: null }));
  assert.deepEqual(shown(), ['3', undefined, '3']);
  assert.equal(book.errors, 0);

  // The chosen symbol's bars pass over it.
  picked.choose('A');
  const tape = new Book({ data: (row, message, history) => picked.data(message, row, history) });
  const hear = (message: object) => tape.data(message as never);
  hear(base('A', 1, { bid: '1', last: '5', open: '5', volume: '9', trades: 4 }));
  hear(tick('A', 3, { n: 2, last: '6', last_size: '1', volume: '10', trades: 5 }));
  hear(tick('A', 4, { bid: null, last: null, last_size: null, open: null, volume: null, trades: null }));
  assert.equal(picked.bars.newest?.close, 6);
  hear(tick('A', 6, { n: 2, bid: undefined, last: '8', last_size: '2', open: '7', volume: '3', trades: 2 }));
  assert.deepEqual(picked.sales.lines.map(line => line.kind === 'sale' && line.size), ['1', '2']);
  assert.equal(picked.bars.newest?.close, 8);
});

test('the bars end with the price that is shown, whatever it came with', () => {
  const { session, book, tape, picked, say, welcome, sent, answer } = play(['*']);
  picked.choose('Q');
  session.pick('Q');
  welcome();
  const close = () => { picked.settle(session.detail('Q') as Row); return picked.bars.newest?.close; };
  say(base('Q', 5, { bid: 10, ask: 11 }));
  assert.equal(sent('subscribe').find(isTape)?.mode, 'every', 'where nothing is traded, each quote');
  answer(sent('subscribe').find(isTape), 'resumed');
  for (let seq = 1; seq <= 5; seq++) {
    assert.ok(!session.isWhole('Q') && session.detail('Q') === book.row('Q'));
    say(traded('Q', seq, { bid: 10, ask: 11 }));
  }
  assert.ok(session.isWhole('Q') && session.detail('Q') === tape.row('Q'));
  assert.equal(close(), 10.5, 'quotes alone: between them');
  say(traded('Q', 6, { bid: 12, ask: 13 }));
  assert.equal(close(), 12.5);
  say({ type: 'gap', as: 'tape', symbol: 'Q', from: 7, to: 19, reason: 'slow' }, tapeBase('Q', 19, { bid: 20, ask: 21 }));
  assert.equal(close(), 20.5, 'a base is no event, and yet the price');
  say(tapeBase('Q', 20, { bid: 20, ask: 21, last: 7 }));
  assert.equal(close(), 7);
  assert.deepEqual([book.row('Q').seq, book.errors, tape.errors], [5, 0, 0], 'the row of the watchlist is another subscription');
});

test('a history of quotes that name one side each makes no bar before both are known', () => {
  const { session, picked, say, welcome, sent, answer } = play(['*']);
  const lows = () => picked.bars.grouped(1).map(({ low, high }) => [low, high]);
  picked.choose('Q');
  session.pick('Q');
  welcome();
  say(base('Q', 2000, { bid: 10, ask: 12 }));
  answer(sent('subscribe').find(isTape), 'resumed');
  const quote = (seq: number, more: object) => say(traded('Q', seq, { bid: undefined, ...more }));
  quote(1105, { ask: 14 });
  assert.deepEqual(lows(), [], 'what the bid was is not known');
  quote(1106, { bid: 12 });
  quote(1107, { ask: 16 });
  assert.deepEqual(lows(), [[13, 13], [14, 14]]);
  quote(2000, { n: 893, bid: null, ask: 12 });
  assert.deepEqual(lows().at(-1), [12, 12], 'there is none');
  // Behind the history the record is known: it has what no message named.
  quote(2001, { ask: 13 });
  assert.deepEqual(lows().at(-1), [11.5, 11.5]);
});

test('when the open was is said where it was seen', () => {
  const { session, picked, say, welcome, sent, answer } = play(['*']);
  picked.choose('A');
  session.pick('A');
  welcome();
  say(base('A', 3, { open: 5, last: 6 }));
  answer(sent('subscribe').find(isTape), 'resumed');
  say(traded('A', 1, { bid: 5 }), traded('A', 2, { open: 5, last: 5, last_size: 1 }), traded('A', 3, { last: 6, last_size: 1 }));
  assert.equal(picked.openedMs, 2_000);
  assert.deepEqual([picked.sales.from, picked.sales.to, picked.sales.ticks], [1, 3, 3], 'the account is of the ticks, not of the base before them');
  say(traded('A', 9, { n: 6, open: 8, last: 8 }));
  assert.equal(picked.openedMs, undefined, 'another open, and no trade that was it');
  say(traded('A', 10, { open: 3, last: 3, last_size: 1 }));
  assert.equal(picked.openedMs, 10_000);
  say(traded('A', 11, { open: 2, last: 3 }));
  assert.equal(picked.openedMs, undefined, 'the feed says so, and not since when');
});

test('a name that nobody knows is a row that says so, also beside a glob', () => {
  const { book, say, welcome, sent } = play(['A', 'X', '*']);
  welcome();
  const first = sent('subscribe').flatMap(({ symbols }) => symbols);
  assert.deepEqual(first, ['*'], 'the glob may have them');
  say(base('A', 1), { type: 'list', subscriptions: [{ symbol: 'A', state: 'live' }], globs: ['*'] });
  const asked = sent('subscribe').slice(1);
  assert.deepEqual(asked.map(({ symbols }) => symbols), [['X']]);
  say({ type: 'subscribed', id: asked[0]?.id, results: [{ symbol: 'X', status: 'pending', known: false }] });
  assert.deepEqual([book.row('X').state, book.row('X').known], ['pending', false]);
  say({ type: 'list', subscriptions: [{ symbol: 'A', state: 'live' }], globs: ['*'] });
  assert.equal(sent('subscribe').length, 2, 'it is asked for once');
  say({ type: 'subscribed', id: asked[0]?.id, results: [{ symbol: 'X', status: 'pending' }] }, tick('X', 1));
  assert.deepEqual([book.row('X').state, book.row('X').known], ['live', true]);
});

test('a break is resumed from what is held, and the tape from what it holds', () => {
  const { session, book, tape, picked, timers, say, welcome, sent, answer, newest } = play(['*']);
  picked.choose('A');
  session.pick('A');
  welcome();
  say(base('A', 2000, { last: 5, high: 7 }), base('B', 5));
  const history = sent('subscribe').find(isTape);
  assert.deepEqual([history?.mode, history?.interval_ms], ['trades', 100]);
  assert.deepEqual(sent('subscribe').map(({ numbers }) => numbers), ['string', 'string'], 'decimals as text');
  assert.deepEqual(history?.resume, { epoch: 'e1', last: { A: 2000 - 896 } }, 'what the ring has of it, less an eighth');
  say(traded('A', 2001));
  assert.equal(tape.row('A').seq, 2000, 'of a subscription before');
  answer(history, 'resumed');
  for (let seq = 1106; seq <= 2002; seq += 2) say(traded('A', seq, { n: 2, last: seq, last_size: 1 }));
  assert.deepEqual([book.errors, tape.errors, book.row('A').seq, tape.row('A').seq], [0, 0, 2000, 2002]);
  assert.deepEqual([picked.sales.ticks, picked.sales.merged, picked.sales.lost, picked.sales.lines.length], [449, 449, 0, 449]);
  assert.deepEqual(session.detail('A')?.fields, { bid: '2002', last: '2002', last_size: '1', high: '7' }, 'what no message named is that of the watchlist');

  newest().events.closed(4008, 'slow');
  assert.equal(session.state, 'reconnecting');
  timers.pop()?.call();
  welcome();
  const [all, followed] = sent('subscribe');
  assert.deepEqual(all?.resume, { epoch: 'e1', last: { A: 2000, B: 5 } });
  assert.deepEqual(followed?.resume, { epoch: 'e1', last: { A: 2002 } });
  answer(all, 'ok');
  say(tick('A', 2004, { n: 4 }));
  answer(followed, 'resumed');
  say(traded('A', 2003), traded('A', 2004), tick('B', 9, { n: 4 }));
  assert.deepEqual([book.errors, tape.errors, picked.sales.ticks, picked.sales.lost, book.row('B').merged], [0, 0, 451, 0, 3]);
});

test('another epoch is a stated gap', () => {
  const { session, book, tape, picked, timers, say, welcome, sent, answer, newest } = play(['A']);
  picked.choose('A');
  session.pick('A');
  welcome();
  say(base('A', 10));
  answer(sent('subscribe').find(isTape), 'resumed');
  for (let seq = 1; seq <= 10; seq++) say(traded('A', seq));
  newest().events.closed(1001, '');
  timers.pop()?.call();
  welcome('e2');
  const followed = sent('subscribe').find(isTape);
  assert.deepEqual(followed?.resume, { epoch: 'e1', last: { A: 10 } });
  answer(followed, 'gap');
  const gap = { type: 'gap', symbol: 'A', from: 1, to: 4, reason: 'epoch' };
  say(gap, base('A', 4), tick('A', 5), { ...gap, as: 'tape' }, tapeBase('A', 4), traded('A', 5));
  for (const { errors, gaps, rows } of [book, tape]) assert.deepEqual([errors, gaps, rows.get('A')?.lost, rows.get('A')?.seq], [0, 1, 4, 5]);
  const { from, to, ticks, merged, lost } = picked.sales;
  assert.equal(to - from + 1, ticks + merged + lost);
  assert.equal(lost, 4);
});

test('history that the ring has lost is no loss', () => {
  const { session, tape, picked, say, welcome, sent, answer } = play(['A']);
  picked.choose('A');
  session.pick('A');
  welcome();
  say(base('A', 5000));
  answer(sent('subscribe').find(isTape), 'gap');
  say({ type: 'gap', as: 'tape', symbol: 'A', from: 4105, to: 5003, reason: 'resume' }, tapeBase('A', 5003), traded('A', 5004));
  assert.deepEqual([tape.errors, tape.gaps, tape.row('A').merged, picked.sales.lost], [0, 0, 2, 0]);
});

test('the tape is a subscription of its own: another pick ends it, the interval is its too, the list does not touch it', () => {
  const { session, book, tape, picked, say, welcome, sent, answer } = play(['*']);
  const pick = (symbol: string) => { picked.choose(symbol); session.pick(symbol); };
  welcome();
  say(base('A*', 3, { last: 1 }), base('B', 3, { last: 1 }));
  pick('A*');
  answer(sent('subscribe').at(-1), 'resumed');
  session.setInterval(250);
  pick('B');
  assert.deepEqual(sent('set').map(({ symbols, as, interval_ms }) => [symbols, as, interval_ms]), [[['A\\*'], 'tape', 250]]);
  assert.deepEqual(sent('unsubscribe').map(({ symbols, as }) => [symbols, as]), [[['A\\*'], 'tape']]);
  say(traded('A*', 4), traded('B', 4), tick('A*', 4), { type: 'status', as: 'tape', symbol: 'A*', state: 'halted' });
  assert.deepEqual([[...tape.rows.keys()], tape.row('B').seq, book.row('A*').seq, book.row('A*').state], [['B'], 3, 4, 'live'], 'what was on its way');
  // Back again, before the answer: what is told of the subscription before is not taken for the new one's.
  pick('A*');
  const [first, second] = [sent('subscribe').at(-1), (pick('B'), pick('A*'), sent('subscribe').at(-1))];
  answer(first, 'resumed');
  say(traded('A*', 1));
  assert.ok(!session.isWhole('A*'));
  answer(second, 'resumed');
  say(...[1, 2, 3, 4].map(seq => traded('A*', seq, { last: seq, last_size: 1 })), { type: 'status', as: 'tape', symbol: 'A*', state: 'halted' });
  assert.deepEqual([session.detail('A*')?.state, book.row('A*').state, picked.sales.lines.length], ['halted', 'live', 4]);
  say({ type: 'list', subscriptions: [{ symbol: 'A*', state: 'live' }, { symbol: 'A*', as: 'tape', state: 'live' }, { symbol: 'B', as: 'other', state: 'live' }], globs: ['*'] });
  assert.deepEqual([[...book.rows.keys()], session.detail('A*')?.state], [['A*'], 'live'], 'a row is what is listed without a name');
  assert.deepEqual([book.errors, tape.errors], [0, 0]);
});

test('where the server has no room for a tape, the row is shown; and it is asked for again when the list is another', () => {
  const { session, book, tape, say, welcome, sent, answer } = play(['*']);
  session.pick('A');
  welcome();
  say(base('A', 3, { last: 1 }));
  const refused = { symbol: 'A', as: 'tape', status: 'error', code: 'too_many_subscriptions', message: 'no room' };
  say({ type: 'subscribed', id: sent('subscribe').find(isTape)?.id, results: [refused] });
  say(tick('A', 4, { last: 2 }));
  assert.equal(session.notice, 'Times and sales of A: no room');
  assert.deepEqual([session.isWhole('A'), session.detail('A')], [false, book.row('A')]);
  assert.equal(sent('subscribe').filter(isTape).length, 1);
  session.setList(session.watchlist.without('B'));
  say(tick('A', 5));
  assert.equal(sent('subscribe').filter(isTape).length, 2);
  answer(sent('subscribe').at(-1), 'resumed');
  assert.deepEqual([tape.errors, sent('subscribe').at(-1)?.resume], [0, { epoch: 'e1', last: { A: 0 } }], 'with its history');
});

test('only rows on screen are asked for at the interval of the page', () => {
  const { session, say, welcome, sent } = play(['*']);
  welcome();
  say(...['A', 'B', 'C'].map(symbol => base(symbol, 1)));
  session.setSeen(new Set(['A', 'B']));
  session.setSeen(new Set(['B', 'C']));
  session.setInterval(250);
  assert.deepEqual(sent('set').map(({ symbols, interval_ms }) => [symbols, interval_ms]),
    [[['A', 'B'], 100], [['A'], 5000], [['C'], 100], [['B', 'C'], 250]]);
});

test('a name that a glob would bring is asked for by name when nothing has come of it', () => {
  const { session, book, say, welcome, sent } = play(['*']);
  welcome();
  say(base('A', 3));
  session.setList(session.watchlist.with('NOSUCH'));
  assert.deepEqual(sent('subscribe').map(({ symbols }) => symbols), [['*'], ['NOSUCH']]);
  say({ type: 'subscribed', id: 9, results: [{ symbol: 'NOSUCH', status: 'pending', known: false }] });
  assert.ok(book.rows.has('NOSUCH'), 'and its row says that nobody knows it');
  session.setList(session.watchlist.with('A'));
  assert.equal(sent('subscribe').length, 2, 'one that is there goes on');
});

test('the list changes without a word more than needed', () => {
  const { session, book, say, welcome, sent } = play(['A', 'B']);
  welcome();
  say(base('A', 3), base('B', 4));
  session.setList(session.watchlist.with('C'));
  session.setList(session.watchlist.without('A'));
  assert.deepEqual(sent('subscribe').map(({ symbols }) => symbols), [['A', 'B'], ['C']]);
  assert.deepEqual(sent('unsubscribe').map(({ symbols }) => symbols), [['A']]);
  assert.ok(!book.rows.has('A'));
  say(tick('A', 4));
  assert.ok(!book.rows.has('A'), 'what was on its way');
  session.setList(new Watchlist(['B', '*', '!A']));
  session.setList(new Watchlist(['B', '!A']));
  assert.deepEqual(sent('subscribe').slice(-2).map(({ symbols, resume }) => [symbols, resume?.last]), [[['*'], { B: 4 }], [['B'], { B: 4 }]]);
  assert.deepEqual(sent('unsubscribe').slice(-2).map(({ symbols }) => symbols), [['A'], ['*']]);
  session.setList(new Watchlist(['*', '!A']));
  session.setList(new Watchlist(['*']));
  assert.deepEqual(sent('subscribe').slice(-2).map(({ symbols }) => symbols), [['*'], ['*']], 'what is no longer left out comes with its glob');
});

test('reads that are slowed down are resumed on another link, once', () => {
  const { session, links, say, welcome } = play(['A']);
  welcome();
  say(base('A', 3));
  session.setReadRate(8_000);
  assert.deepEqual(links.map(({ rate }) => rate), [Infinity, 8_000]);
  welcome();
  assert.deepEqual(links[1]?.sent.find(({ op }) => op === 'subscribe')?.resume?.last, { A: 3 });
  session.setReadRate(Infinity);
  assert.equal(links.length, 2);
  assert.equal(links[1]?.link.rate, Infinity);
});

test('silence is an end, a drain has its own time, and some codes are final', () => {
  const { session, timers, say, welcome, newest, pass } = play(['A']);
  welcome();
  for (let second = 0; second < 16; second++) {
    assert.equal(session.state, 'connected');
    pass(1_000);
    session.tick();
  }
  assert.equal(session.state, 'reconnecting');
  timers.pop()?.call();
  welcome();
  say({ type: 'drain', retry_ms: 1234 });
  assert.equal(session.state, 'draining');
  newest().events.closed(1001, '');
  assert.equal(timers.at(-1)?.ms, 1234);
  timers.pop()?.call();
  welcome();
  newest().events.closed(4129, 'too many');
  assert.equal(session.state, 'ended');
  assert.equal(timers.length, 0);
});

const ORIGIN = 1_795_416_000_000_000;
/** As a binary frame has it. */
const binaryTick = (symbol: string, seq: number, more: object = {}) => ({ ...tick(symbol, seq, more), ts: ORIGIN + seq, rx: ORIGIN + seq });

test('binary frames change rows as JSON frames do, between control messages that are JSON', () => {
  const table = [{ id: 14, name: 'mark', kind: 'decimal' }], frames = new FrameWriter(ORIGIN, table);
  const { session, book, tape, picked, newest, say, welcome, sent, answer } = play(['*']);
  const hear = (...messages: object[]) => {
    for (const message of messages) frames.say(message as never);
    newest().events.frame(frames.take());
  };
  picked.choose('A');
  session.pick('A');
  welcome('e1', {}, ORIGIN);
  assert.deepEqual([newest().encoding, session.written], ['binary', 'binary']);
  say({ type: 'subscribed', id: 1, results: [{ symbol: '*', status: 'ok', matched: 2 }], fields: table });
  hear({ ...binaryTick('A', 3, { ask: '8.5', mark: '7' }), type: 'snapshot' }, { ...binaryTick('B', 9), type: 'snapshot' });
  answer(sent('subscribe').find(isTape), 'resumed');
  hear(binaryTick('A', 4, { bid: '0.100000000000000001' }), binaryTick('A', 6, { n: 2, bid: null, mark: null }), { ...binaryTick('A', 3, { as: 'tape', bid: undefined, last: '5', last_size: '0.5', side: 'buy', n: 3 }) },
    { type: 'gap', symbol: 'B', from: 10, to: 12, reason: 'slow' }, { ...binaryTick('B', 12), type: 'snapshot' });
  const row = book.row('A');
  assert.deepEqual([row.seq, row.fields, [...row.configured], row.rxMs, row.merged], [6, { ask: '8.5' }, [['mark', null]], (ORIGIN + 6) / 1_000, 1]);
  assert.deepEqual([book.row('B').lost, book.gaps, book.errors, tape.errors], [3, 1, 0, 0]);
  assert.deepEqual(picked.sales.lines.map(line => line.kind === 'sale' && [line.price, line.size, line.side]), [['5', '0.5', 'buy']]);
});

test('a binary frame that cannot be read ends the connection, and the next one is JSON', () => {
  for (const bytes of [[0x01, 0x09], [0xff]]) {
    const { session, book, newest, links, timers, say, welcome } = play(['A']);
    welcome('e1', {}, ORIGIN);
    say(base('A', 3));
    newest().events.frame(Uint8Array.from(bytes));
    assert.deepEqual([session.state, book.row('A').seq], ['reconnecting', 3]);
    assert.ok(/byte \d+ of a frame/.test(session.notice), session.notice);
    timers.pop()?.call();
    welcome();
    assert.deepEqual([links.map(({ encoding }) => encoding), session.written], [['binary', 'json'], 'json']);
    assert.deepEqual(newest().sent.find(({ op }) => op === 'subscribe')?.resume?.last, { A: 3 });
  }
  // Nor can one that comes before its welcome, or where frames are JSON.
  const { session, newest, welcome } = play(['A']);
  welcome();
  newest().events.frame(Uint8Array.of());
  assert.equal(session.state, 'reconnecting');
});

test('frames that were handled are acknowledged, soon and not each by itself', () => {
  const { newest, timers, hear, settle, say, welcome, sent, pass } = play(['A']);
  let seq = 0;
  const frames = (count: number) => { for (let frame = 0; frame < count; frame++) say(tick('A', ++seq)); };
  const acked = () => sent('ack').map(({ seen, ...others }) => (assert.deepEqual(others, { op: 'ack' }), seen));
  welcome('e1', { target_delay_ms: 250 });
  assert.deepEqual(acked(), [0], 'before any frame: the browser has read ahead by the time that the page handles one');
  frames(1);
  assert.deepEqual(acked(), [0, 1], 'the first one at once');
  pass(20);
  frames(7);
  assert.deepEqual([acked(), timers.map(({ ms }) => ms)], [[0, 1], [30]]);
  pass(31);
  timers.pop()?.call();
  assert.deepEqual(acked(), [0, 1, 8], 'and no frame stays behind');
  // A timer that is late, as those of a hidden page are, is not waited for.
  frames(2);
  pass(50);
  frames(1);
  assert.deepEqual([acked(), timers.length], [[0, 1, 8, 11], 0]);
  // What is no market data is none of them.
  pass(1_000);
  say({ type: 'heartbeat', dirty: 0, oldest_ms: 0 }, { type: 'status', pace: 'live' });
  assert.deepEqual([acked().length, timers.length], [4, 0]);
  say({ type: 'gap', symbol: 'A', from: ++seq, to: seq, reason: 'slow' }, base('A', seq));
  assert.deepEqual(acked(), [0, 1, 8, 11, 12]);
  // Those that have waited for a busy page are one, though it took a while to handle them.
  pass(400);
  for (let frame = 0; frame < 5; frame++, pass(20)) hear(tick('A', ++seq));
  assert.deepEqual(acked().length, 5);
  settle();
  assert.deepEqual([acked().slice(5), timers.length], [[17], 0]);
  frames(1);
  pass(60);
  hear(tick('A', ++seq));
  timers.pop()?.call();
  settle();
  assert.deepEqual(acked().slice(6), [19], 'by the timer that was late, once');
  pass(60);
  hear(tick('A', ++seq));
  newest().events.closed(4008, 'slow');
  settle();
  assert.equal(acked().length, 7, 'not behind its end');
  assert.deepEqual(timers.map(({ ms }) => ms > 50), [true], 'only the pause before the next connection');
  timers.pop()?.call();
  welcome('e1', { target_delay_ms: 250 });
  frames(1);
  assert.deepEqual(acked(), [0, 1], 'of this connection');
  newest().events.closed(4008, 'slow');
  timers.pop()?.call();
  welcome();
  frames(20);
  assert.deepEqual([acked(), timers.length], [[], 0], 'a server that does not say that it takes them is sent none');
});

test('a page that did not run for long goes on with its session, and what it was sent before is no news', () => {
  const { session, book, timers, newest, say, welcome, sent, pass } = play(['A', 'B']);
  const row = (symbol: string) => [book.row(symbol).seq, book.row(symbol).isBacklog, session.isCatchingUp];
  welcome();
  say(base('A', 3), base('B', 3));
  pass(600_000);
  session.tick();
  assert.equal(session.state, 'connected');
  const ping = sent('ping').at(-2)?.id;
  say(tick('A', 4), tick('B', 4));
  assert.deepEqual([row('A'), row('B')], [[4, true, true], [4, true, true]], 'it was under way');
  say({ type: 'pong', id: sent('ping').at(-3)?.id, ts: 1 }, tick('A', 5));
  assert.deepEqual(row('A'), [5, true, true], 'the answer to an older ping');
  say({ type: 'pong', id: ping, ts: 1 }, tick('A', 6));
  assert.deepEqual([row('A'), row('B')], [[6, false, true], [4, true, true]]);
  pass(1_000);
  session.tick();
  assert.deepEqual(row('B'), [4, false, false], 'there is no newer one');
  // As well when the browser has ended the connection meanwhile.
  pass(600_000);
  session.woke();
  say(tick('A', 7), tick('B', 5));
  newest().events.closed(1006, '');
  assert.deepEqual([row('A'), row('B')], [[7, true, true], [5, true, true]]);
  timers.pop()?.call();
  welcome();
  say(tick('A', 9, { n: 2 }));
  assert.deepEqual([row('A'), row('B')], [[9, false, true], [5, true, true]]);
  pass(1_000);
  session.tick();
  assert.deepEqual(row('B'), [5, false, false]);
  // A connection that is gone is not waited for much longer than before.
  pass(600_000);
  for (let second = 0; second < 7; second++) {
    session.tick();
    pass(1_000);
  }
  assert.deepEqual([session.state, session.isCatchingUp], ['reconnecting', true]);
  pass(4_000);
  session.tick();
  assert.ok(!session.isCatchingUp);
});

test('a token is asked for where one would help, and a new one is used on the connection that is up', () => {
  const { session, say, welcome, sent, newest, links } = play(['A', 'B']);
  welcome();
  const refused = (symbol: string) => ({ symbol, status: 'error', code: 'not_entitled', message: `your token does not allow ${symbol}` });
  say({ type: 'subscribed', id: sent('subscribe')[0]?.id, results: [{ symbol: 'A', status: 'pending' }, refused('B')] });
  assert.deepEqual([session.wantsToken, session.notice], [false, 'B: your token does not allow B']);
  say({ type: 'subscribed', results: [refused('A'), refused('B')] });
  assert.ok(session.wantsToken);
  session.renew('t2');
  assert.equal((sent('auth')[0] as unknown as { token: string }).token, 't2');
  const asked = sent('subscribe').length;
  say({ type: 'auth', expires: 1795416160000000 });
  assert.deepEqual([session.wantsToken, session.notice, sent('subscribe').length], [false, '', asked + 1], 'what it allows is asked for');
  say({ type: 'status', expires: 1795416160000000 });
  assert.ok(session.wantsToken);
  assert.ok(session.notice.startsWith('The token ends at 06:42:40 UTC'));
  say({ type: 'auth', expires: 1795419760000000 });
  say({ type: 'error', code: 'bad_token', message: 'the signature is wrong' });
  assert.deepEqual([session.wantsToken, session.notice], [true, 'bad_token: the signature is wrong']);
  for (const [code, wants] of [[4101, true], [4102, true], [4104, true], [4105, false], [4103, false]] as const) {
    session.connectAgain();
    session.wantsToken = false;
    newest().events.closed(code, 'so it is');
    assert.deepEqual([session.state, session.wantsToken], ['ended', wants], String(code));
  }
  const before = links.length;
  session.renew('t3');
  assert.deepEqual([links.length, session.state], [before + 1, 'reconnecting'], 'on a new connection');
});

test('what is shown delayed is live by that later, and goes to the other market and back with a snapshot', () => {
  const { book, say, welcome } = play(['A']);
  welcome();
  const told = (more: object) => ({ type: 'subscribed', results: [{ symbol: 'A', status: 'ok', ...more }] });
  say(told({}), base('A', 900));
  // Another token: the symbol goes back by a quarter of an hour.
  say(told({ delay_ms: 900_000, notice: 'by 15 minutes' }));
  assert.equal(book.row('A').rxMs, 0, 'what was shown is of real time');
  say(base('A', 3, { delay_ms: 900_000 }), tick('A', 5, { n: 2, delay_ms: 900_000 }));
  const row = book.row('A');
  assert.equal(book.errors, 0);
  assert.deepEqual([row.delayMs, row.legend], [900_000, 'by 15 minutes']);
  const look = (serverMs: number) => lookOf(row, true, serverMs, 5_000);
  assert.deepEqual([look(905_000), look(911_000)], ['live', 'old']);
  // Its answer comes again, and changes nothing.
  say(told({ delay_ms: 900_000, notice: 'by 15 minutes', status: 'resumed' }), tick('A', 6));
  say(told({}), base('A', 901));
  assert.deepEqual([book.row('A').delayMs, book.row('A').legend, book.errors], [0, '', 0]);
});
