// The page at `/`, driven in real Chromium against a real server. Nothing here waits for a time: each check waits for
// what it expects to see, and fails when that does not come.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';
import { openAlone } from './devtools.mjs';
import { publishTrusted, token, trust } from './trust.mjs';

const WAIT_MS = 30_000;
/** How long a tab is frozen. */
const FROZEN_MS = Number(process.env.PAGE_FROZEN_S ?? 20) * 1_000;
const shots = process.env.PAGE_SHOTS;
let passed = 0;
let failed = 0;

// === The server
const servers = new Set();

/** Starts a server and waits for the line that says where it listens. */
function serve(...options) {
  // A variable that begins like this is a setting of the server's.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TICKCAST_')));
  const child = spawn(process.env.TICKCAST_BIN, ['serve', ...options], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  servers.add(child);
  const ended = new Promise(resolve => child.once('exit', code => { servers.delete(child); resolve(code); }));
  return new Promise((resolve, reject) => {
    let log = '';
    const read = chunk => {
      log += chunk;
      const found = log.match(/listening on (https?):\/\/(127\.0\.0\.1:\d+)/);
      if (found) resolve({ child, ended, address: found[2], url: `${found[1]}://${found[2]}/` });
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    ended.then(code => reject(new Error(`the server ended with ${code}:\n${log}`)));
  });
}

async function publish(server, ...ticks) {
  const body = ticks.map(tick => JSON.stringify(tick)).join('\n');
  const answer = await fetch(server.url + 'v1/publish', { method: 'POST', body });
  assert.equal((await answer.json()).accepted, ticks.length);
}

/** The sum of the metrics whose lines match. */
async function metric(server, pattern) {
  const lines = (await (await fetch(`${server.url}metrics`)).text()).split('\n').filter(line => pattern.test(line));
  assert.ok(lines.length > 0, `${pattern}: no such metric`);
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

// === The page
/** Opens the page, and notes what it says on its console, whom it talks to, what it sends, and the JSON that it is sent. */
async function open(context, server, path = '') {
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  const heard = { console: [], hosts: new Set(), sent: [], received: [], binary: 0 };
  page.on('console', message => { if (['error', 'warning'].includes(message.type())) heard.console.push(message.text()); });
  page.on('pageerror', error => heard.console.push(String(error)));
  page.on('request', request => { if (!request.url().startsWith('data:')) heard.hosts.add(new URL(request.url()).host); });
  page.on('websocket', socket => {
    socket.on('framesent', ({ payload }) => heard.sent.push(JSON.parse(payload)));
    socket.on('framereceived', ({ payload }) => {
      if (typeof payload === 'string') heard.received.push(...JSON.parse(payload));
      else heard.binary++;
    });
  });
  await page.goto(server.url + path);
  return { page, heard };
}

const row = symbol => `#rows .row[data-symbol="${symbol}"]`;
const cell = (page, symbol, name) => page.locator(`${row(symbol)} .c-${name}`).innerText();
const text = (page, id) => page.locator(`#${id}`).innerText();
const shown = page => page.evaluate(() => [...document.querySelectorAll('#rows .row')].filter(row => !row.hidden)
  .sort((a, b) => a.getAttribute('aria-rowindex') - b.getAttribute('aria-rowindex')).map(row => row.dataset.symbol));

/** Waits until `condition(argument)`, evaluated in the page, is true; says what was waited for when it never is. */
async function until(page, what, condition, argument, waitMs = WAIT_MS) {
  await page.waitForFunction(condition, argument, { timeout: waitMs }).catch(async () => {
    const state = await page.evaluate(() => `${document.querySelector('#bar').innerText} | ${document.querySelector('#notice').innerText} | ${document.querySelector('#told').innerText}`);
    throw new Error(`never seen: ${what}; the page says: ${state.replaceAll('\n', ' ')}`);
  });
}
const untilBadge = (page, state) => until(page, `badge ${state}`, state => document.querySelector('#badge').dataset.state === state, state);
const untilCount = (page, count) => until(page, `count: ${count}`, count => document.querySelector('#count').textContent === count, count);
const untilRows = (page, ...symbols) => until(page, `rows ${symbols}`, expected => [...document.querySelectorAll('#rows .row')].filter(row => !row.hidden)
  .sort((a, b) => a.getAttribute('aria-rowindex') - b.getAttribute('aria-rowindex')).map(row => row.dataset.symbol).join() === expected, symbols.join());
const untilCell = (page, symbol, name, expected) => until(page, `${symbol}, ${name}: ${expected}`,
  ([place, expected]) => document.querySelector(place)?.innerText.replaceAll('\n', ' ') === expected, [`${row(symbol)} .c-${name}`, expected]);

/** Waits until what the page has heard or sent is what was expected. */
async function untilHeard(page, what, condition) {
  const deadline = Date.now() + WAIT_MS;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `never heard: ${what}`);
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
}

/** Waits until the prices on screen are others than now, twice. */
async function untilPricesMove(page) {
  const bids = () => [...document.querySelectorAll('#rows .c-bid')].map(bid => bid.textContent).join();
  for (let time = 0; time < 2; time++) {
    const before = await page.evaluate(bids);
    await until(page, 'a price that moves', before => [...document.querySelectorAll('#rows .c-bid')].map(bid => bid.textContent).join() !== before, before);
  }
}

/** The oldest price, in ms, that stood on screen in so many seconds, and the longest time in which the page did not run. */
async function oldest(page, seconds) {
  await page.evaluate(() => {
    const from = performance.now();
    globalThis.oldestMs = globalThis.sampledMs = globalThis.pausedMs = 0;
    const sample = () => {
      const sinceMs = performance.now() - from;
      pausedMs = Math.max(pausedMs, sinceMs - sampledMs);
      sampledMs = sinceMs;
      for (const age of document.querySelectorAll('#rows .row:not([hidden]) .c-age')) {
        const [, number, unit] = age.textContent.match(/^([\d.]+) (ms|s|min|h)$/) ?? [];
        if (!unit) continue;
        oldestMs = Math.max(oldestMs, number * { ms: 1, s: 1e3, min: 6e4, h: 3.6e6 }[unit]);
      }
      requestAnimationFrame(sample);
    };
    sample();
  });
  await until(page, 'all samples', seconds => sampledMs >= seconds * 1_000, seconds);
  return page.evaluate(() => ({ oldestMs, pausedMs }));
}

/** The account of times and sales: `to - from + 1 = ticks + merged + lost`. */
async function account(page) {
  const numbers = (await text(page, 'told')).replaceAll(',', '').match(/\d+/g).map(Number);
  const [from, to, ticks, merged, lost] = numbers;
  assert.equal(to - from + 1, ticks + merged + lost, 'each tick is accounted for');
  return { from, to, ticks, merged, lost };
}
const untilTicks = (page, count) => until(page, `${count} ticks in times and sales`, count => Number(document.querySelector('#told').textContent.replaceAll(',', '').match(/: (\d+) ticks/)?.[1]) >= count, count);

/** What must hold at the end of every check. `refused`: the server was away, and Chromium says so on its console. */
async function assertClean({ page, heard }, server, { refused = false } = {}) {
  assert.equal(await text(page, 'errors'), '0', 'law 4: seq == previous seq + n');
  const said = heard.console.filter(line => !(refused && /^WebSocket connection to .* failed|net::ERR_CONNECTION_REFUSED/.test(line)));
  assert.deepEqual(said, []);
  assert.deepEqual([...heard.hosts], [server.address]);
}

const checks = {
  async 'prices move, under a strict policy, and nothing but the server is asked'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'replay:bundled?loop=true', '--feed', 'sim?symbols=40&rate=400&seed=7');
    const policy = (await fetch(server.url)).headers.get('content-security-policy');
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    const opened = await open(context, server);
    const { page } = opened;
    await untilBadge(page, 'connected');
    await untilCount(page, '43 symbols');
    await untilPricesMove(page);
    await until(page, 'a round trip', () => /^\d+(\.\d)? ms$/.test(document.querySelector('#trip').textContent));
    await until(page, 'an age', () => /^\d+ ms$/.test(document.querySelector('#rows .c-age').textContent));
    await until(page, 'a rate', () => Number(document.querySelector('#updates').textContent) > 0);
    await until(page, 'a trend', () => document.querySelector('#rows polyline').getAttribute('points').split(' ').length > 2);
    await until(page, 'the chart', () => document.querySelectorAll('#chart canvas').length > 2 && document.querySelector('#chart').className === '');
    await until(page, 'trades', () => document.querySelectorAll('#tape tr:not([hidden])').length > 5);
    assert.equal(await page.locator('#rows .row[aria-selected=true]').getAttribute('data-symbol'), 'BTCUSDT');
    await account(page);
    // What is no part of the page does not run.
    assert.ok(await page.evaluate(() => {
      const script = document.createElement('script');
      try { script.text = 'globalThis.intruded = true'; document.body.append(script); } catch { /* refused as it should be */ }
      return !globalThis.intruded;
    }));
    opened.heard.console = opened.heard.console.filter(line => !/TrustedScript|Content Security Policy/.test(line));
    await assertClean(opened, server);
    if (!shots) return;
    await untilTicks(page, 250);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(shots, `dashboard-${colorScheme}.png`) });
    }
    await page.setViewportSize({ width: 390, height: 844 });
    await page.screenshot({ path: join(shots, 'dashboard-phone.png'), fullPage: true });
  },

  async 'decimals are shown digit for digit, ticks that were merged are counted'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'push');
    const opened = await open(context, server);
    const { page } = opened;
    await untilBadge(page, 'connected');
    await publish(server, { symbol: 'A', bid: '9223372036.854775806', bid_size: '12345678.5', ask: '9223372036.854775807', ask_size: '3', last: '100', last_size: '0.25', side: 'sell' });
    await untilRows(page, 'A');
    const expected = { bid: '9,223,372,036.854775806', 'bid-size': '12,345,678.50', ask: '9,223,372,036.854775807', 'ask-size': '3.00', spread: '0.000000001', last: '100.000000000', 'last-size': '0.25 S', change: '0.00 %', volume: '0.25', n: '×1' };
    for (const [name, value] of Object.entries(expected)) assert.equal((await cell(page, 'A', name)).trim(), value, name);
    await publish(server, { symbol: 'A', last: '101.5', last_size: '0.75', side: 'buy' });
    await untilCell(page, 'A', 'change', '+1.50 %');
    assert.equal(await page.locator(`${row('A')} .c-last i`).innerText(), '▲', 'an arrow, for who sees no colours');
    await until(page, 'the trade', () => document.querySelector('#tape tr')?.innerText.replace(/\s+/g, ' ').includes('101.500000000 0.75 ▲ buy'));
    await publish(server, { symbol: 'B', bid: '1' });
    await untilRows(page, 'A', 'B');
    // Not the picked symbol, which comes tick by tick.
    await publish(server, ...Array.from({ length: 50 }, (_, i) => ({ symbol: 'B', bid: String(i + 1) })));
    await untilCell(page, 'B', 'bid', '▲50');
    assert.ok(Number(await cell(page, 'B', 'merged')) > 0, 'ticks were merged');
    await until(page, 'stale', place => document.querySelector(place).dataset.state === 'stale', row('A'));
    assert.match(await cell(page, 'A', 'state'), /stale/);
    await assertClean(opened, server);
  },

  async 'a price is called live as long as it is young, whatever is heard'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'sim?symbols=5&rate=200&zipf=0&seed=7', '--set', 'limits.stale_ms=1000');
    // What the server says is held, or carried late, and always in order: as by a path that is broken, or has large buffers.
    let mute = false, lateMs = 0;
    const sockets = await proxied(context, (frame, send, path) => {
      const at = Date.now() + lateMs;
      const pump = () => {
        while (!mute && path.held.length && path.held[0].at <= Date.now()) path.held.shift().send();
        if (path.held.length) setTimeout(pump, 20);
      };
      path.held ??= [];
      path.held.push({ at, send: () => send(frame) });
      if (path.held.length === 1) pump();
    });
    const looks = await watchLooks(context);
    await context.addInitScript(() => {
      const now = Date.now;
      globalThis.sleptMs = 0;
      Date.now = () => now() + globalThis.sleptMs;
    });
    const opened = await open(context, server);
    const { page } = opened;
    const untilLook = look => until(page, `all ${look}`, look => [...document.querySelectorAll('#rows .row:not([hidden]), #detail')].every(row => row.dataset.state === look), look);
    const untilPace = pattern => until(page, `the badge says ${pattern}`, pattern => new RegExp(pattern).test(document.querySelector('#pace').textContent), pattern);
    await untilCount(page, '5 symbols');
    await untilLook('live');
    await untilPace('^live$');
    // Nothing more is heard, and nobody says so.
    mute = true;
    await untilLook('old');
    await untilPace('^prices [\\d.]+ s old$');
    assert.equal(await page.locator('#rows .c-last').first().evaluate(cell => getComputedStyle(cell).fontStyle), 'italic');
    assert.equal(await page.locator('#pick-last').evaluate(price => getComputedStyle(price).fontStyle), 'italic');
    assert.match(await text(page, 'pick-age'), /^[\d.]+ s old$/);
    // The machine sleeps for an hour; some monotonic clocks do not count it.
    await page.evaluate(() => { globalThis.sleptMs = 3_600_000; });
    await untilPace('^prices (60|61) min old$');
    await page.evaluate(() => { globalThis.sleptMs = 0; });
    mute = false;
    await untilBadge(page, 'connected');
    await untilLook('live');
    // Every tick comes, and comes late, as through the buffers of a proxy.
    lateMs = 2_500;
    const again = sockets.length;
    await sockets.at(-1).close({ code: 4001, reason: 'again' });
    await untilHeard(page, 'another connection', () => sockets.length > again);
    await untilBadge(page, 'connected');
    await page.evaluate(() => looks.clear());
    await untilPricesMove(page);
    await untilPace('^prices [\\d.]+ s old$');
    await untilLook('old');
    assert.deepEqual((await looks(page)).filter(look => ['live', 'stale'].includes(look)), [], 'never live');
    // The first connection whose first answer is late, too: nothing is known of the server's time before.
    const late = await open(context, server);
    await untilCount(late.page, '5 symbols');
    await untilPricesMove(late.page);
    await until(late.page, 'old prices', () => /^prices [\d.]+ s old$/.test(document.querySelector('#pace').textContent));
    assert.deepEqual((await looks(late.page)).filter(look => look === 'live'), [], 'never live');
    await late.page.close();
    lateMs = 0;
    await untilLook('live');
    await untilPace('^live$');
    await assertClean(opened, server);
  },

  async 'on a phone: one line above the prices, no number is cut, no column head'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'push');
    const trade = (symbol, last, more = {}) => ({ symbol, last, last_size: '12.5', side: 'sell', ...more });
    await publish(server, trade('BTC', '87246.01'), trade('SHIB', '0.00000012', { bid: '0.00000011', ask: '0.00000013' }),
      trade('MAX', '-9223372036.854775807', { bid: '-9223372036.854775807', ask: '9223372036.854775807', ask_size: '123456789.123456789' }),
      trade('RISE', '1'), { symbol: 'QUOTES', bid: '123456.123456789', ask: '123456.123456790' }, trade('N'.repeat(64), '5'));
    await publish(server, trade('RISE', '98765.4'), trade('BTC', '87246.02'));
    const opened = await open(context, server, '?symbols=*,NOSUCH');
    const { page } = opened;
    const sizes = [[360, 740], [390, 844], [320, 640], [740, 360], [844, 390], [761, 1000], [1000, 700], [1280, 720], [1900, 1000]];
    for (const [width, height] of sizes) {
      await page.setViewportSize({ width, height });
      await untilRows(page, 'BTC', 'MAX', 'N'.repeat(64), 'QUOTES', 'RISE', 'SHIB', 'NOSUCH');
      const at = `${width} x ${height}`, isPhone = width <= 760 || height <= 480;
      assert.deepEqual(await cutCells(page, '#head .cell, #rows .cell:not(.c-symbol)'), [], at);
      if (width <= 760) assert.deepEqual(await cut(page, '#head .cell, #rows .c-last, #rows .c-age'), [], at);
      assert.deepEqual(await tooWide(page, '#rows .row:not([hidden]) .c-age', ['999 ms', '9.9 s', '59 s', '99 min', '99 h']), [], at);
      for (const symbol of ['BTC', 'MAX', 'SHIB', 'QUOTES', 'N'.repeat(64)]) {
        await page.locator(row(symbol)).click();
        await until(page, `${symbol} picked`, symbol => document.querySelector('#pick').textContent === symbol, symbol);
        assert.deepEqual(await cut(page, '#pick, #pick-last, #pick-age, #facts dd'), [], `${at}, ${symbol}`);
      }
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${at}: nothing sticks out`);
      const above = await page.locator('#grid').evaluate(grid => grid.getBoundingClientRect().top + scrollY);
      if (isPhone) assert.ok(above < height / 10, `${at}: ${above} px stand above the prices`);
    }
    // What is folded away is a button away, by the keyboard too.
    await page.setViewportSize({ width: 360, height: 740 });
    const controls = page.locator('#interval');
    assert.ok(!await controls.isVisible());
    await page.locator('#more').press('Enter');
    assert.ok(await controls.isVisible() && await page.locator('#chips').isVisible() && await page.locator('#errors').isVisible());
    assert.equal(await page.locator('#more').getAttribute('aria-expanded'), 'true');
    await page.locator('#more').press('Enter');
    assert.ok(!await controls.isVisible());
    await assertClean(opened, server);
  },

  async 'feeds stand in the bar with their state; on a phone those that are not well'(context) {
    // Nobody listens at the port of a server that has ended.
    const gone = await serve('--listen', '127.0.0.1:0', '--feed', 'push');
    gone.child.kill('SIGKILL');
    await gone.ended;
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'sim?symbols=3', '--feed', `binance?symbols=BTCUSDT&name=spot&url=ws://${gone.address}`);
    const { page, heard } = await open(context, server);
    await until(page, 'both feeds', () => document.querySelectorAll('#feeds li').length === 2 && document.querySelector('#feeds .bad'));
    const feeds = () => page.evaluate(() => [...document.querySelectorAll('#feeds li')].filter(item => item.getClientRects().length).map(item => item.innerText));
    const [sim, spot] = await feeds();
    assert.equal(sim, 'sim');
    assert.match(spot, /^spot dark: .*refused/);
    assert.match(await page.locator('#feeds .bad').getAttribute('title'), /^binance: dark, 0 ticks/);
    await shootAll(page, 'feeds');
    await page.setViewportSize({ width: 390, height: 844 });
    assert.deepEqual(await feeds(), [spot], 'what is well needs no room on a phone');
    await page.click('#more');
    assert.deepEqual(await feeds(), [sim, spot]);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page is no wider than the screen');
    assert.deepEqual(heard.console, []);
  },

  async 'one clock, UTC, and labelled; the open says since when'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'push');
    const opened = await open(context, server, '?encoding=json');
    const { page, heard } = opened;
    await untilBadge(page, 'connected');
    // The feed's own time is another, as that of a recording is.
    await publish(server, { symbol: 'A', ts: 1742944025399339, last: '200', last_size: '1' });
    await untilRows(page, 'A');
    await publish(server, { symbol: 'A', ts: 1742944025399339, last: '201', last_size: '1' });
    await until(page, 'both trades', () => document.querySelectorAll('#tape tr:not([hidden])').length === 2);
    const taken = heard.received.filter(({ type, last }) => type === 'update' && last !== undefined).map(({ rx }) => new Date(rx / 1_000).toISOString());
    assert.equal(await page.locator('#tape td').first().innerText(), taken.at(-1).slice(11, 23));
    assert.equal(await page.locator('#tape-box th').first().innerText(), 'Time, UTC');
    assert.match(await text(page, 'steps'), /UTC$/);
    assert.equal(await text(page, 'pick-since'), `since open, ${taken.find(time => time <= taken.at(-1)).slice(11, 19)} UTC`);
    assert.equal(await text(page, 'pick-change'), '+0.50 %');
    assert.equal(await page.locator('#head .c-change').innerText(), 'Since open');
    const clock = /^\d\d:\d\d:\d\d UTC$/;
    await until(page, 'a clock', () => / UTC$/.test(document.querySelector('#clock').textContent));
    const [hours, minutes, seconds] = (await text(page, 'clock')).match(/\d+/g).map(Number);
    assert.match(await text(page, 'clock'), clock);
    const off = Math.abs(hours * 3600 + minutes * 60 + seconds - Date.now() / 1_000 % 86_400);
    assert.ok(Math.min(off, 86_400 - off) < 60, `the clock is off by ${off} s`);
    await assertClean(opened, server);
  },

  async 'chart and head show one price; quotes alone show what is between them'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'push', '--set', 'limits.ring_ticks=1');
    const opened = await open(context, server);
    const { page } = opened;
    const agree = price => until(page, `${price} in head and chart`, price => document.querySelector('#pick-last').textContent.replace(/^[▲▼] /, '') === price
      && document.querySelector('#chart').dataset.price === price, price);
    await untilBadge(page, 'connected');
    await publish(server, { symbol: 'Q', bid: '1.0850', ask: '1.0851' });
    await untilRows(page, 'Q');
    await agree('1.08505');
    await untilCell(page, 'Q', 'last', '1.08505 mid');
    assert.equal((await text(page, 'pick-kind')).trim(), 'mid');
    await publish(server, { symbol: 'Q', bid: '1.0849', ask: '1.0852' }, { symbol: 'Q', bid: '1.0851', ask: '1.0853' });
    await agree('1.08520');
    await untilCell(page, 'Q', 'last', '▲1.08520 mid');
    await publish(server, { symbol: 'Q', last: '1.0852', last_size: '1000' });
    await agree('1.0852');
    await untilCell(page, 'Q', 'last', '1.0852');
    // What comes as a base, behind a gap, is the price in both.
    await publish(server, ...Array.from({ length: 400 }, (_, i) => ({ symbol: 'Q', last: String(1000 + i), last_size: '1' })));
    await agree('1,399.0000');
    // Quiet symbols of which there is a base and no tick.
    await publish(server, { symbol: 'R', last: '9223372036.854775807', last_size: '1' }, { symbol: 'R', bid: '7' });
    await untilRows(page, 'Q', 'R');
    await page.locator(row('R')).click();
    await agree('9,223,372,036.854775807');
    await page.locator(row('Q')).click();
    await agree('1,399.0000');
    await until(page, 'stale in both', () => document.querySelector('#detail').dataset.state === 'stale');
    assert.match(await page.locator('#chart').evaluate(chart => getComputedStyle(chart).filter), /grayscale/);
    await assertClean(opened, server);
  },

  async 'trades have the names that their venue gave them, where there is room'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'push');
    const opened = await open(context, server);
    const { page } = opened;
    const name = '<b>&' + 'N'.repeat(28), first = page.locator('#tape tr').first(), last = first.locator('td').last();
    await untilBadge(page, 'connected');
    await publish(server, { symbol: 'A', last: '1', last_size: '2' });
    await until(page, 'the trade', () => document.querySelectorAll('#tape tr:not([hidden])').length === 1);
    assert.ok(!await last.isVisible(), 'no column where no trade has a name');
    await publish(server, { symbol: 'A', last: '1.5', last_size: '0.25', side: 'buy', trade_id: name });
    await until(page, 'the name', name => document.querySelector('#tape td:last-child').textContent === name, name);
    assert.ok(await last.isVisible());
    assert.equal(await first.getAttribute('title'), `A buyer took\nTrade ${name}`);
    await page.setViewportSize({ width: 1000, height: 700 });
    assert.ok(!await last.isVisible());
    await page.setViewportSize({ width: 390, height: 844 });
    assert.ok(!await last.isVisible());
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing sticks out of a small screen');
    await assertClean(opened, server);
  },

  async 'cancels and corrections are seen on the list and put the chart right; odd lots do not move it'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'push');
    const opened = await open(context, server);
    const { page } = opened;
    const lines = () => page.evaluate(() => [...document.querySelectorAll('#tape tr:not([hidden])')].map(line => [...line.querySelectorAll('td')].slice(1)
      .map(cell => (cell.firstChild.textContent && `~${cell.firstChild.textContent.trim()}~`) + cell.lastChild.textContent)));
    const seen = (count, fate) => until(page, `${count} trades, ${fate}`, ([count, fate]) => document.querySelectorAll('#tape tr:not([hidden])').length === count
      && (!fate || document.querySelector(`#tape .${fate}`)), [count, fate]);
    const price = price => until(page, `${price} in head and chart`, price => document.querySelector('#pick-last').textContent.replace(/^[▲▼] /, '') === price
      && document.querySelector('#chart').dataset.price === price, price);
    await untilBadge(page, 'connected');
    const trade = (id, last, more = {}) => ({ symbol: 'A', last, last_size: '2', trade_id: id, ...more });
    await publish(server, { symbol: 'A', bid: '9.5', ask: '13' }, trade('a', '10', { side: 'buy' }), trade('b', '13', { side: 'sell' }), trade('odd', '12', { last_size: '0.5', affects: ['volume'] }), trade('c', '11', { side: 'buy' }));
    await untilRows(page, 'A');
    await seen(4);
    await price('11.0');
    await publish(server, { symbol: 'A', cancel: 'c' });
    await seen(4, 'cancelled');
    await price('13.0');
    await publish(server, { symbol: 'A', correct: 'b', last: '12.5', last_size: '3' });
    await seen(4, 'corrected');
    await price('12.5');
    const expected = [['~11.0~', '~2.0~', '▲ cancelled', 'c'], ['12.0', '0.5', 'not last', 'odd'], ['~13.0~12.5', '~2.0~3.0', '▼ corrected', 'b'], ['10.0', '2.0', '▲ buy', 'a']];
    assert.deepEqual(await lines(), expected);
    const title = at => page.locator('#tape tr').nth(at).getAttribute('title');
    assert.match(await title(1), /Does not move the last price; moves: volume/);
    assert.match(await title(2), /Corrected from 13, size 2/);
    assert.equal(await page.locator('#tape s').first().evaluate(old => getComputedStyle(old).textDecorationLine), 'line-through');
    await untilCell(page, 'A', 'last', '▼12.5');
    await untilCell(page, 'A', 'volume', '5.5');
    const facts = async () => Object.fromEntries(await page.evaluate(() => [...document.querySelectorAll('#facts div:not([hidden])')].map(fact => fact.innerText.split('\n'))));
    const { High, Low, Volume, Trades } = await facts();
    assert.deepEqual([High, Low, Volume, Trades], ['12.5', '10.0', '5.5', '3']);
    // The history tells each of them, too.
    await page.reload();
    await seen(4, 'corrected');
    await price('12.5');
    assert.deepEqual(await lines(), expected);
    await shootAll(page, 'corrections');
    await assertClean(opened, server);
  },

  async 'fields of the configuration stand beside the others, and go when they are withdrawn'(context) {
    const fields = ['mark:decimal:last:*', 'open_interest:integer:last:*', 'note:text:last:*'].flatMap(field => ['--field', field]);
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'push', ...fields);
    const opened = await open(context, server);
    const { page } = opened;
    const facts = expected => until(page, JSON.stringify(expected), expected => JSON.stringify([...document.querySelectorAll('#facts .configured:not([hidden])')]
      .map(fact => [...fact.children].map(part => part.textContent))) === JSON.stringify(expected), expected);
    await untilBadge(page, 'connected');
    await publish(server, { symbol: 'A', last: 5, last_size: 1, open_interest: '9223372036854775807', note: '<i>&\u202e' }, { symbol: 'A', mark: '0.123456789012345678' }, { symbol: 'B', bid: 1 });
    await untilRows(page, 'A', 'B');
    await facts([['mark', '0.123456789012345678'], ['open_interest', '9223372036854775807'], ['note', '<i>&\\u{202e}']]);
    await publish(server, { symbol: 'A', open_interest: null });
    await facts([['mark', '0.123456789012345678'], ['note', '<i>&\\u{202e}']]);
    for (const [width, height] of [[390, 844], [1280, 720]]) {
      await page.setViewportSize({ width, height });
      assert.deepEqual(await cut(page, '#facts dd'), []);
    }
    await shootAll(page, 'configured');
    await page.locator(row('B')).click();
    await facts([]);
    await assertClean(opened, server);
  },

  async 'a name that nobody knows says so'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'push');
    await publish(server, { symbol: 'A', bid: 1 });
    // LATER is answered as a name that a feed has on its list.
    await proxied(context, (frame, send) => {
      const messages = typeof frame === 'string' ? JSON.parse(frame) : [];
      for (const { type, results } of messages) if (type === 'subscribed') for (const result of results) if (result.symbol === 'LATER') delete result.known;
      send(messages.some(({ type }) => type === 'subscribed') ? JSON.stringify(messages) : frame);
    });
    const opened = await open(context, server, '?symbols=*,NOSUCH,LATER&pick=NOSUCH');
    const { page } = opened;
    await untilRows(page, 'A', 'NOSUCH', 'LATER');
    await untilCell(page, 'NOSUCH', 'state', '?unknown');
    await untilCell(page, 'NOSUCH', 'last', 'no such symbol');
    await untilCell(page, 'LATER', 'last', 'no tick yet');
    assert.equal(await text(page, 'pick-last'), 'no such symbol');
    assert.match(await text(page, 'pick-age'), /neither a feed's list nor a past tick/);
    await publish(server, { symbol: 'NOSUCH', last: 5, last_size: 1 });
    await untilCell(page, 'NOSUCH', 'state', '●live');
    await untilCell(page, 'NOSUCH', 'last', '5');
    // The same of one that is searched for.
    await page.fill('#search', 'NEITHER');
    await until(page, 'an offer', () => document.querySelector('#found').textContent === 'NEITHERadd, no tick yet');
    await page.press('#search', 'Enter');
    await untilCell(page, 'NEITHER', 'last', 'no such symbol');
    assert.equal(await text(page, 'pick'), 'NEITHER');
    await assertClean(opened, server);
  },

  async 'symbols with blanks, stars and any script are shown, searched, picked and kept in the address'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'push');
    const option = 'AAPL  250221C00250000', coin = '币安人生USDT', share = 'SAN-I*', odd = '!A\u202eB', names = [option, coin, share, odd];
    await publish(server, ...[...names, 'SAN-IX'].map(symbol => ({ symbol, bid: 1 })));
    const opened = await open(context, server, '?symbols=AAPL++250221C00250000,' + encodeURIComponent(coin));
    const { page, heard } = opened;
    const entries = () => new URL(page.url()).searchParams.get('symbols').split(',');
    await untilRows(page, option, coin);
    // Both blanks are seen.
    assert.equal(await page.locator(`${row(option)} .c-symbol`).evaluate(cell => cell.innerText), option);
    assert.equal(await page.locator(`${row(option)} .c-symbol`).evaluate(cell => getComputedStyle(cell).whiteSpace), 'pre');
    for (const [typed, symbol, shown, entry] of [['SAN-I\\*', share, share, 'SAN-I\\*'], ['A\u202e', odd, '!A\\u{202e}B', '\\!A\u202eB']]) {
      await page.keyboard.press('/');
      await page.keyboard.insertText(typed);
      await page.locator('#found li', { hasText: shown }).first().waitFor();
      await page.keyboard.press('Enter');
      await until(page, `row ${symbol}`, symbol => [...document.querySelectorAll('#rows .row')].some(row => row.dataset.symbol === symbol), symbol);
      assert.ok(entries().includes(entry), page.url());
      await page.keyboard.press('Escape');
    }
    await untilRows(page, option, coin, share, odd);
    for (const symbol of [coin, option, share, odd]) {
      await page.locator(`${row(symbol)} .c-symbol`).click();
      const seen = symbol.replace('\u202e', '\\u{202e}');
      await until(page, `picked ${seen}`, seen => document.querySelector('#pick').textContent === seen, seen);
      assert.equal(new URL(page.url()).searchParams.get('pick'), symbol);
      await publish(server, { symbol, last: 7, last_size: 1 });
      await until(page, `${seen} at 7`, place => document.querySelector(place)?.innerText.endsWith('7'), `${row(symbol)} .c-last`);
    }
    assert.ok(!(await page.locator('#rows').textContent()).includes('\u202e'));
    assert.ok(!heard.sent.some(({ symbols }) => symbols?.includes(share)), 'a star that is not escaped is a glob');
    await page.reload();
    await untilRows(page, option, coin, share, odd);
    await until(page, 'picked again', seen => document.querySelector('#pick').textContent === seen, '!A\\u{202e}B');
    await page.locator(row(share)).hover();
    await page.locator(`${row(share)} .c-remove`).click();
    await untilRows(page, option, coin, odd);
    await assertClean(opened, server);
  },

  async 'search filters, adds and removes; the address keeps the list'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'push');
    await publish(server, ...['BTC-USD', 'BTC-EUR', 'ETH-USD', 'ETH-EUR'].map(symbol => ({ symbol, bid: 1 })));
    const opened = await open(context, server, '?symbols=BTC*');
    const { page } = opened;
    const query = () => new URL(page.url()).searchParams.get('symbols');
    await untilRows(page, 'BTC-EUR', 'BTC-USD');
    await page.keyboard.press('/');
    await page.keyboard.type('eur');
    await untilRows(page, 'BTC-EUR');
    await page.locator('#found li', { hasText: 'ETH-EUR' }).waitFor();
    await page.keyboard.press('Enter');
    await untilRows(page, 'BTC-EUR', 'BTC-USD', 'ETH-EUR');
    assert.equal(query(), 'BTC*,ETH-EUR');
    await page.keyboard.type('ETH*');
    await page.locator('#found li', { hasText: 'also later' }).waitFor();
    await page.keyboard.press('Enter');
    await publish(server, { symbol: 'ETH-JPY', bid: 1 });
    await untilRows(page, 'BTC-EUR', 'BTC-USD', 'ETH-EUR', 'ETH-JPY', 'ETH-USD');
    await page.keyboard.press('Escape');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'grid');
    await page.locator(row('BTC-USD')).hover();
    await page.locator(`${row('BTC-USD')} .c-remove`).click();
    await untilRows(page, 'BTC-EUR', 'ETH-EUR', 'ETH-JPY', 'ETH-USD');
    assert.equal(query(), 'BTC*,ETH-EUR,ETH*,!BTC-USD');
    await publish(server, { symbol: 'BTC-USD', bid: 2 }, { symbol: 'BTC-EUR', bid: 2 });
    await untilCell(page, 'BTC-EUR', 'bid', '▲2');
    const again = await open(context, server, new URL(page.url()).search);
    await untilRows(again.page, 'BTC-EUR', 'ETH-EUR', 'ETH-JPY', 'ETH-USD');
    await again.page.close();
    await page.goBack();
    await untilRows(page, 'BTC-EUR', 'BTC-USD', 'ETH-EUR', 'ETH-JPY', 'ETH-USD');
    await page.locator('#chips button').first().click();
    await untilRows(page, 'ETH-EUR', 'ETH-JPY', 'ETH-USD');
    await assertClean(opened, server);
  },

  async 'everything by the keyboard; dark, light, small, calm'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'push');
    await publish(server, ...['A', 'B', 'C', 'D'].map(symbol => ({ symbol, bid: 1, last: 1, last_size: 1 })));
    const opened = await open(context, server);
    const { page } = opened;
    await untilRows(page, 'A', 'B', 'C', 'D');
    await page.keyboard.press('g');
    for (const [key, symbol] of [['ArrowDown', 'B'], ['ArrowDown', 'C'], ['End', 'D'], ['ArrowUp', 'C'], ['Home', 'A'], ['PageDown', 'D']]) {
      await page.keyboard.press(key);
      await until(page, `${symbol} picked`, symbol => document.querySelector('#pick').textContent === symbol, symbol);
      const active = await page.locator('#grid').getAttribute('aria-activedescendant');
      assert.equal(await page.locator(`#${active}`).getAttribute('data-symbol'), symbol);
    }
    await page.keyboard.press('Delete');
    await untilRows(page, 'A', 'B', 'C');
    await page.keyboard.press('?');
    assert.ok(await page.locator('#help').isVisible());
    await page.keyboard.press('Escape');
    const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.emulateMedia({ colorScheme: 'light' });
    const light = await back();
    await page.keyboard.press('t');
    assert.equal(await text(page, 'theme'), 'dark');
    const dark = await back();
    assert.notEqual(light, dark);
    await page.reload();
    await untilBadge(page, 'connected');
    assert.equal(await back(), dark, 'it is remembered');
    await page.keyboard.press('t');
    assert.equal(await back(), light);
    await page.setViewportSize({ width: 360, height: 740 });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing sticks out of a small screen');
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await untilRows(page, 'A', 'B', 'C');
    await page.evaluate(() => {
      globalThis.flashes = 0;
      new MutationObserver(() => { flashes += document.querySelectorAll('.flash').length; }).observe(document.querySelector('#rows'), { subtree: true, attributes: true, attributeFilter: ['class'] });
    });
    await publish(server, { symbol: 'A', last: 2, last_size: 1 });
    await untilCell(page, 'A', 'last', '▲2');
    assert.equal(await page.evaluate(() => flashes), 0);
    await assertClean(opened, server);
  },

  async 'a page that reads slowly is sent merged ticks and young prices, and recovers'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'sim?symbols=50&rate=5000&zipf=0&seed=7');
    const counts = async () => ({ delivered: await metric(server, /^tickcast_updates_delivered_total/), conflated: await metric(server, /^tickcast_updates_conflated_total/) });
    const opened = await open(context, server, '?interval=0');
    const { page } = opened;
    await untilCount(page, '50 symbols');
    await page.locator('#reads').selectOption('8');
    await until(page, 'pace conflating', () => document.querySelector('#pace').textContent === 'conflating');
    // Answers and bases stand in front of what a new connection is sent: 15 kB, for 2 s. Behind them it conflates as it goes on to.
    await page.evaluate(() => {
      globalThis.mergedNow = () => [...document.querySelectorAll('#rows .row:not([hidden])')].map(row => [row.dataset.symbol, Number(row.querySelector('.c-merged').textContent.replaceAll(',', ''))]);
      globalThis.mergedThen = new Map(mergedNow());
    });
    await until(page, '200 more merged ticks in each row', () => mergedNow().every(([symbol, merged]) => merged >= mergedThen.get(symbol) + 200));
    const before = await counts();
    const { oldestMs } = await oldest(page, 10);
    const after = await counts(), delivered = after.delivered - before.delivered, conflated = after.conflated - before.conflated;
    if (shots) await page.screenshot({ path: join(shots, 'slow.png') });
    const kilobytes = await text(page, 'bytes');
    // Some 400 updates find room in a second of 5,000 ticks. How many one of them stands for changes from frame to frame.
    assert.ok(delivered > 0 && conflated > 3 * delivered, `${conflated} merged into ${delivered}`);
    // The window holds some 250 ms beyond a frame; what the browser and the system could hold takes 40 s at this rate.
    assert.ok(oldestMs > 0 && oldestMs < 3_000, `${oldestMs} ms`);
    await page.locator('#reads').selectOption('0');
    // A client that was sent its frames at intervals is tried with care: each trial that failed doubles the time to the next.
    await until(page, 'pace live', () => document.querySelector('#pace').textContent === 'live', undefined, 4 * WAIT_MS);
    const { merged, lost } = await account(page);
    console.log(`        slow reads: prices at most ${oldestMs} ms old at ${kilobytes}, ${conflated} ticks merged into ${delivered} updates; the picked symbol: ${merged} merged, ${lost} lost, as its gaps say`);
    await assertClean(opened, server);
  },

  async 'prices come in binary frames, and in JSON where the address asks for it'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'sim?symbols=20&rate=400&seed=7');
    for (const [query, subprotocol] of [['', 'tickcast.v1.binary'], ['?encoding=json', 'tickcast.v1.json']]) {
      const opened = await open(context, server, query);
      const { page, heard } = opened;
      const speaks = () => until(page, subprotocol, subprotocol => document.querySelector('#bytes').title === subprotocol, subprotocol);
      await untilCount(page, '20 symbols');
      await untilPricesMove(page);
      await speaks();
      assert.equal(heard.binary > 0, subprotocol === 'tickcast.v1.binary');
      assert.equal(heard.received.some(({ type }) => ['snapshot', 'update', 'gap'].includes(type)), subprotocol === 'tickcast.v1.json');
      await page.locator('#interval').selectOption('250');
      assert.equal(new URL(page.url()).searchParams.get('encoding'), query ? 'json' : null, 'the address keeps it');
      // A stream whose reads are slowed down is another connection.
      await page.locator('#reads').selectOption('128');
      await speaks();
      await untilPricesMove(page);
      await assertClean(opened, server);
      await page.close();
    }
  },

  async 'JSON is compressed where browser and server agree on it, and has the same prices'(context) {
    for (const [bytes, agreed] of [[256, true], [0, false]]) {
      const server = await serve('--listen', '127.0.0.1:0', '--feed', 'push', '--set', `limits.deflate_bytes=${bytes}`);
      const round = at => Array.from({ length: 60 }, (_, i) => ({ symbol: `S-${100 + i}`, bid: `${at}.${String(i).padStart(14, '0')}1`, last: `-${i}.${at}`, last_size: `${at}` }));
      await publish(server, ...round(7));
      const opened = await open(context, server, '?encoding=json&interval=0');
      const { page, heard } = opened;
      await untilCount(page, '60 symbols');
      const devtools = await context.newCDPSession(page), handshakes = [];
      devtools.on('Network.webSocketHandshakeResponseReceived', ({ response }) => handshakes.push(response));
      await devtools.send('Network.enable');
      heard.received = [];
      await page.reload();
      await untilCount(page, '60 symbols');
      // The base of each, so that what follows is an update.
      const has = type => tick => heard.received.some(message => message.type === type && message.symbol === tick.symbol && message.bid === tick.bid);
      await untilHeard(page, 'a base of each symbol', () => round(7).every(has('snapshot')));
      const last = round(9);
      for (const ticks of [round(8), last]) await publish(server, ...ticks);
      // Of all symbols what was heard, of those on screen what is shown.
      await untilHeard(page, 'the last price of each symbol', () => last.every(has('update')));
      const onScreen = await shown(page);
      assert.ok(onScreen.length > 5);
      for (const { symbol, bid, last: price } of last.filter(({ symbol }) => onScreen.includes(symbol))) {
        await untilCell(page, symbol, 'bid', `▲${bid}`);
        assert.equal(Number((await cell(page, symbol, 'last')).replace(/[▲▼\n]/g, '')), Number(price), symbol);
      }
      const header = (headers, name) => Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1] ?? '';
      assert.equal(handshakes.length, 1);
      assert.match(header(handshakes[0].requestHeaders, 'sec-websocket-extensions'), /permessage-deflate/, 'the browser offers it');
      assert.equal(header(handshakes[0].headers, 'sec-websocket-protocol'), 'tickcast.v1.json');
      assert.equal(/permessage-deflate/.test(header(handshakes[0].headers, 'sec-websocket-extensions')), agreed);
      const plain = await metric(server, /^tickcast_deflate_plain_bytes_total/), compressed = await metric(server, /^tickcast_deflate_bytes_total/);
      if (agreed) {
        console.log(`        compressed: ${compressed} bytes for ${plain}`);
        assert.ok(plain > 10_000 && compressed > 0 && compressed < plain / 2, `${compressed} bytes for ${plain}`);
      } else {
        assert.deepEqual([plain, compressed], [0, 0]);
      }
      await assertClean(opened, server);
      await page.close();
    }
  },

  async 'a binary frame that cannot be read: the page comes back with JSON, and says so'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'sim?symbols=20&rate=400&seed=7');
    let isBroken = false;
    await proxied(context, (frame, send) => send(isBroken && typeof frame !== 'string' ? Buffer.from([1, 0xff]) : frame));
    const opened = await open(context, server);
    const { page } = opened;
    const speaks = subprotocol => until(page, subprotocol, subprotocol => document.querySelector('#bytes').title === subprotocol, subprotocol);
    await untilCount(page, '20 symbols');
    await speaks('tickcast.v1.binary');
    isBroken = true;
    await until(page, 'the fault', () => / of a frame \(1006\)$/.test(document.querySelector('#notice').textContent));
    await speaks('tickcast.v1.json');
    await untilPricesMove(page);
    assert.equal(await text(page, 'gaps'), '0', 'it went on where it was');
    await assertClean(opened, server);
  },

  async 'a page whose main thread is busy shows young prices'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'sim?symbols=20&rate=1000&zipf=0&seed=7');
    const opened = await open(context, server, '?interval=0');
    const { page } = opened;
    await untilCount(page, '20 symbols');
    await page.evaluate(() => {
      globalThis.busy = 0;
      // The next one is counted from the end: where timers are late, those of an interval would follow each other at once.
      const work = () => {
        const end = performance.now() + 400;
        while (performance.now() < end);
        busy++;
        setTimeout(work, 600);
      };
      setTimeout(work, 600);
    });
    await until(page, 'the page has been busy', () => busy >= 3);
    const { oldestMs, pausedMs } = await oldest(page, 12);
    const n = await page.evaluate(() => Math.max(...[...document.querySelectorAll('#rows .c-n')].map(n => Number(n.textContent.slice(1).replaceAll(',', '')))));
    const [slow] = await (await fetch(`${server.url}debug/slow`)).json();
    assert.ok(!slow || slow.proof === 'acks', 'what the page has handled is what counts');
    console.log(`        busy for 400 ms of each second, without running for ${pausedMs.toFixed()} ms: prices at most ${oldestMs} ms old, n up to ${n}, ${await text(page, 'bytes')}`);
    // For how much longer than that other work on the machine kept the page from running is not the server's.
    const machineMs = Math.max(0, pausedMs - 500);
    assert.ok(oldestMs > 0 && oldestMs < 1_000 + machineMs, `${oldestMs} ms`);
    assert.equal(await text(page, 'badge'), 'connected');
    await assertClean(opened, server);
  },

  async 'a tab that was frozen: little is under way, the session goes on, the first price is young'() {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'sim?symbols=50&rate=5000&seed=7');
    const page = await openAlone(process.env.CHROMIUM, `${server.url}?interval=0`);
    try {
      // None is listed while all keep up.
      const slowest = async () => (await (await fetch(`${server.url}debug/slow`)).json())[0] ?? { under_way_bytes: 0 };
      const opened = () => metric(server, /^tickcast_sessions_opened_total /);
      const prices = () => page.evaluate(() => [...document.querySelectorAll('#rows .c-bid')].map(bid => bid.textContent).join());
      await page.until('50 symbols', () => document.querySelector('#count')?.textContent === '50 symbols', WAIT_MS);
      await page.until('an age', () => /^\d+ ms$/.test(document.querySelector('#rows .c-age').textContent), WAIT_MS);
      await page.evaluate(() => {
        document.addEventListener('freeze', () => { globalThis.frozen = true; });
        document.addEventListener('resume', () => {
          const thawedMs = performance.now();
          let lastMs = thawedMs, pausedMs = 0;
          const pulse = () => {
            const nowMs = performance.now();
            pausedMs = Math.max(pausedMs, nowMs - lastMs);
            lastMs = nowMs;
            if (!globalThis.firstPrice) setTimeout(pulse);
          };
          pulse();
          new MutationObserver((changes, observer) => {
            const price = changes.map(({ target }) => target.parentElement?.closest('.c-bid, .c-ask, .c-last')).find(Boolean);
            if (!price) return;
            observer.disconnect();
            pulse();
            globalThis.firstPrice = { age: price.closest('.row').querySelector('.c-age').textContent, afterMs: performance.now() - thawedMs, pausedMs };
          }).observe(document.querySelector('#rows'), { subtree: true, childList: true, characterData: true });
        });
      });
      const before = await prices();
      await page.freeze();
      let bytes = 0;
      for (const end = Date.now() + FROZEN_MS; Date.now() < end;) {
        bytes = Math.max(bytes, (await slowest()).under_way_bytes);
        await new Promise(resolve => setTimeout(resolve, 100));
      }
      const { oldest_ms, proof } = await slowest();
      assert.deepEqual([await opened(), await metric(server, /^tickcast_sessions\{/)], [1, 1], 'the session has stayed open');
      await page.thaw();
      await page.until('a price after the thaw', () => globalThis.firstPrice !== undefined, WAIT_MS);
      const { age, afterMs, pausedMs } = await page.evaluate(() => firstPrice);
      console.log(`        frozen for ${FROZEN_MS / 1_000} s: at most ${bytes} bytes under way, the oldest tick waited for ${oldest_ms} ms; the first price, ${afterMs.toFixed()} ms after the thaw, was ${age} old`);
      assert.ok(await page.evaluate(() => frozen), 'it was frozen');
      assert.equal(proof, 'acks');
      assert.ok(bytes > 0 && bytes <= 65_536, `${bytes} bytes under way`);
      // Without what the machine kept it from running since.
      const ageMs = Number(age.match(/^([\d.]+) m?s$/)?.[1]) * (age.endsWith(' ms') ? 1 : 1_000), machineMs = Math.max(0, pausedMs - 100);
      assert.ok(ageMs < 1_000 + machineMs, `the first price was ${age} old, and the page did not run for ${pausedMs} ms`);
      assert.notEqual(await prices(), before);
      // Chromium itself fails the sockets of a page that it freezes, and the page comes back by itself; the server ends none.
      await page.until('badge connected', () => document.querySelector('#badge').dataset.state === 'connected', WAIT_MS);
      assert.equal(await page.evaluate(() => document.querySelector('#errors').textContent), '0');
      assert.equal(await metric(server, /^tickcast_sessions_closed_total\{reason="(?!normal|gone)/), 0);
    } finally {
      await page.close();
    }
  },

  async '2,000 rows: only those on screen come at full rate'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'sim?symbols=2000&rate=5000&zipf=0&seed=7');
    await fetchUntil(`${server.url}v1/symbols`, symbols => symbols.length === 2000);
    const opened = await open(context, server);
    const { page, heard } = opened;
    await untilCount(page, '2,000 symbols');
    await untilPricesMove(page);
    assert.ok((await page.locator('#rows .row').count()) < 80, 'only what is on screen exists');
    const asked = () => heard.sent.filter(({ op, interval_ms }) => op === 'set' && interval_ms === 100).flatMap(({ symbols }) => symbols);
    await page.evaluate(() => {
      globalThis.frames = [];
      let last = performance.now();
      const step = now => { frames.push(now - last); last = now; requestAnimationFrame(step); };
      requestAnimationFrame(step);
    });
    // To the end in 100 steps, as a wheel would.
    for (let step = 1; step <= 100; step++) await page.evaluate(step => new Promise(done => { const grid = document.querySelector('#grid'); grid.scrollTop = step * grid.scrollHeight / 100; requestAnimationFrame(done); }), step);
    await until(page, 'the last row', () => [...document.querySelectorAll('#rows .row')].some(row => row.getAttribute('aria-rowindex') === '2001'));
    const bottom = await shown(page);
    assert.equal(bottom.at(-1), 'SIM-2000');
    await untilHeard(page, 'the last row asked for', () => asked().includes('SIM-2000'));
    await untilPricesMove(page);
    const frames = (await page.evaluate(() => frames)).sort((a, b) => a - b), at = share => frames[Math.floor(share * (frames.length - 1))].toFixed(1);
    console.log(`        2,000 rows at 5,000 ticks/s, scrolled: frames ${frames.length}, median ${at(0.5)} ms, p95 ${at(0.95)} ms, above 50 ms: ${frames.filter(ms => ms > 50).length}`);
    const slower = heard.sent.filter(({ op, interval_ms }) => op === 'set' && interval_ms === 5000).flatMap(({ symbols }) => symbols);
    assert.ok(slower.length > 0 && !slower.includes('SIM-2000'));
    await page.keyboard.press('g');
    await page.keyboard.press('Home');
    await until(page, 'the first row', () => document.querySelector('#grid').scrollTop === 0);
    await assertClean(opened, server);
  },

  async 'symbols of the address, good and bad; the interval'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'push', '--set', 'limits.message_bytes=512');
    await publish(server, ...['A', 'B', 'C'].map(symbol => ({ symbol, bid: 1 })));
    const opened = await open(context, server, '?symbols=A,B,B,LATER,bad%22one');
    const { page, heard } = opened;
    await untilRows(page, 'A', 'B', 'LATER');
    assert.match(await text(page, 'notice'), /^bad"one: /);
    await until(page, 'unknown', place => document.querySelector(place).dataset.state === 'unknown', row('LATER'));
    await publish(server, { symbol: 'LATER', bid: 5 }, { symbol: 'C', bid: 5 });
    await untilCell(page, 'LATER', 'bid', '5');
    await until(page, 'live', place => document.querySelector(place).dataset.state === 'live', row('LATER'));
    await page.locator('#interval').selectOption('1000');
    assert.match(page.url(), /interval=1000/);
    await publish(server, { symbol: 'B', bid: 7 });
    await untilCell(page, 'B', 'bid', '▲7');
    assert.ok(heard.sent.some(({ op, interval_ms, symbols }) => op === 'set' && interval_ms === 1000 && symbols.includes('B')));
    // More names than fit into one message of this server, by far.
    await page.goto(`${server.url}?symbols=${Array.from({ length: 100 }, (_, i) => `MANY-${1000 + i}`)}`);
    await untilCount(page, '100 symbols');
    assert.equal(await text(page, 'notice'), '');
    await assertClean(opened, server);
  },

  async 'a glob that matches too much: a message, and the first 200'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'sim?symbols=3000&rate=3000&zipf=0&seed=7');
    await fetchUntil(`${server.url}v1/symbols`, symbols => symbols.length > 2048);
    const opened = await open(context, server);
    const { page } = opened;
    await untilCount(page, '200 symbols');
    assert.match(await text(page, 'notice'), /matches more symbols[^]*first 200/);
    await untilPricesMove(page);
    await assertClean(opened, server);
  },

  async 'a server that restarts is found again, and what was missed is stated'(context) {
    const feed = 'sim?symbols=20&rate=400&seed=7';
    const first = await serve('--listen', '127.0.0.1:0', '--feed', feed);
    const opened = await open(context, first, '?pick=SIM-0001');
    const { page, heard } = opened;
    await untilCount(page, '20 symbols');
    await untilTicks(page, 20);
    first.child.kill('SIGTERM');
    await untilBadge(page, 'reconnecting');
    await untilCell(page, 'SIM-0001', 'state', '✕offline');
    assert.equal(await first.ended, 0);
    assert.ok(heard.received.some(message => message.type === 'drain'));
    const second = await serve('--listen', first.address, '--feed', feed);
    await untilBadge(page, 'connected');
    await untilPricesMove(page);
    const resumed = heard.sent.filter(command => command.resume && Object.keys(command.resume.last).length > 1);
    assert.equal(Object.keys(resumed[0].resume.last).length, 20);
    assert.ok(heard.sent.some(command => command.as === 'tape' && command.resume?.last['SIM-0001'] > 0), 'and the tape by a command of its own');
    await until(page, 'the gap in times and sales', () => document.querySelector('#tape .loss')?.textContent.includes('epoch'));
    assert.ok((await account(page)).lost > 0);
    await until(page, 'gaps', () => Number(document.querySelector('#gaps').textContent) > 0);
    second.child.kill('SIGKILL');
    await untilBadge(page, 'reconnecting');
    await serve('--listen', first.address, '--feed', feed);
    await untilBadge(page, 'connected');
    await untilPricesMove(page);
    await assertClean(opened, first, { refused: true });
  },

  async 'a connection that breaks is resumed: no trade is lost or merged in times and sales'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'sim?symbols=20&rate=400&seed=7');
    const sockets = await proxied(context);
    const opened = await open(context, server, '?pick=SIM-0001&encoding=json');
    const { page, heard } = opened;
    await untilCount(page, '20 symbols');
    await untilTicks(page, 30);
    const { from } = await account(page);
    for (let time = 0; time < 3; time++) {
      await sockets[time].close({ code: 4008, reason: 'too slow' });
      await until(page, 'the reason', () => document.querySelector('#notice').textContent.includes('too slow (4008)'));
      await untilBadge(page, 'connected');
      await untilTicks(page, (await account(page)).ticks + 30);
    }
    assert.equal(sockets.length, 4);
    const { from: still, merged, lost } = await account(page);
    assert.deepEqual([still, lost], [from, 0]);
    assert.ok(merged > 0, 'quotes between trades are merged');
    // What the page shows it has heard before.
    const lines = (await page.evaluate(() => [...document.querySelectorAll('#tape tr:not([hidden])')].map(line => Number(line.dataset.seq)))).reverse();
    // What was on its way to a connection that had ended was heard twice. The total of each trade is that of the one before and 1.
    const told = heard.received.filter(({ type, as, last_size }) => type === 'update' && as === 'tape' && last_size !== undefined);
    const trades = [...new Map(told.map(({ seq, trades }) => [seq, trades]))].sort(([a], [b]) => a - b);
    assert.deepEqual(trades.map(([, total]) => total), trades.map((_, at) => trades[0][1] + at));
    const newest = trades.findIndex(([seq]) => seq === lines.at(-1)) + 1;
    assert.ok(lines.length > 20);
    assert.deepEqual(lines, trades.slice(newest - lines.length, newest).map(([seq]) => seq));
    assert.equal(await text(page, 'gaps'), '0');
    await assertClean(opened, server);
  },

  async 'after some close codes the page stays away, and says why'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'push');
    const sockets = await proxied(context);
    for (const code of [1002, 1003, 1007, 1009, 4100, 4103, 4199]) {
      const opened = await open(context, server);
      const { page } = opened;
      await untilBadge(page, 'connected');
      const count = sockets.length;
      await sockets.at(-1).close({ code, reason: 'because' });
      await untilBadge(page, 'ended');
      assert.match(await text(page, 'notice'), new RegExp(`because \\(${code}\\)`));
      await page.locator('#again').click();
      await untilBadge(page, 'connected');
      assert.equal(sockets.length, count + 1, 'only when it was told to');
      await assertClean(opened, server);
      await page.close();
    }
  },

  async 'over TLS a token is asked for, kept in this tab alone, and asked for again when it ends'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'push', '--set', 'limits.auth_ms=600000', ...trusted.options);
    const publish = async (...ticks) => assert.equal((await publishTrusted(server.url, trusted.pem, ticks)).accepted, ticks.length);
    await publish({ symbol: 'A', bid: '1.50', ask: '1.52' }, { symbol: 'B', bid: '7' });
    const urls = [], tokens = [];
    context.on('request', request => urls.push(request.url()));
    const opened = await open(context, server, '?symbols=A,B');
    const { page, heard } = opened;
    page.on('websocket', socket => urls.push(socket.url()));
    const field = page.locator('#token-text'), form = page.locator('#token');
    const give = async text => {
      tokens.push(text);
      await field.fill(text);
      await field.press('Enter');
      assert.equal(await field.inputValue(), '', 'it does not stay on screen');
    };
    const stored = () => page.evaluate(() => sessionStorage.getItem('tickcast-token'));
    const untilNotice = pattern => until(page, `a notice: ${pattern}`, pattern => new RegExp(pattern).test(document.querySelector('#notice').textContent), pattern.source);
    const assertFits = async at => {
      const parts = ['#token', '#token-text', '#token button'];
      const sticksOut = await page.evaluate(parts => parts.filter(part => {
        const { left, right, width, height } = document.querySelector(part).getBoundingClientRect();
        return left < 0 || right > innerWidth || width < 40 || height < 20;
      }), parts);
      assert.deepEqual(sticksOut, [], at);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${at}: nothing sticks out`);
    };

    await form.waitFor();
    await untilNotice(/A: .*token/);
    for (const [width, height] of [[390, 844], [320, 640], [1280, 720]]) {
      await page.setViewportSize({ width, height });
      await assertFits(`${width} x ${height}`);
      if (shots && width !== 320) await page.screenshot({ path: join(shots, `token-${width === 390 ? 'phone' : 'desktop'}.png`) });
    }
    assert.equal(await field.getAttribute('type'), 'password');
    // What is no token is not sent.
    await field.fill('two words');
    await field.press('Enter');
    assert.equal(await stored(), null);

    await give(token({ read: ['A'] }));
    await untilCell(page, 'A', 'bid', '1.50');
    await untilNotice(/^B: /);
    assert.match(await text(page, 'notice'), /token|entitled|not allow/);
    assert.equal(await stored(), tokens[0]);
    if (shots) await page.screenshot({ path: join(shots, 'token-refused-symbol.png') });
    await page.reload();
    await untilCell(page, 'A', 'bid', '1.50');

    // Its end is told before, and seen.
    await form.waitFor({ state: 'hidden' });
    await page.evaluate(() => sessionStorage.clear());
    await page.reload();
    await form.waitFor();
    await give(token({ read: ['*'] }, 5));
    await untilCell(page, 'B', 'bid', '7');
    await untilNotice(/The token ends at \d\d:\d\d:\d\d UTC: give another one/);
    await form.waitFor();
    await untilBadge(page, 'ended');
    await untilNotice(/4102/);
    if (shots) {
      await page.screenshot({ path: join(shots, 'token-expired.png') });
      await page.setViewportSize({ width: 390, height: 844 });
      await page.screenshot({ path: join(shots, 'token-expired-phone.png') });
      await page.setViewportSize({ width: 1280, height: 720 });
    }
    await publish({ symbol: 'B', bid: '8' });
    await give(token({ read: ['*'] }));
    await untilBadge(page, 'connected');
    await untilCell(page, 'B', 'bid', '▲8');
    await until(page, 'the form to go', () => document.querySelector('#token').hidden && !document.querySelector('#notice').textContent);

    // A list of patterns alone is refused nothing, and the stream waits for long: the page asks all the same.
    const patterns = await open(context, server, '');
    await patterns.page.locator('#token').waitFor();
    await patterns.page.fill('#token-text', tokens.at(-1));
    await patterns.page.press('#token-text', 'Enter');
    await untilCell(patterns.page, 'B', 'bid', '8');
    await patterns.page.locator('#token').waitFor({ state: 'hidden' });

    // Another tab has no token, and none is in an address, a cookie or what outlives the tab.
    const other = await open(context, server, '?symbols=A');
    await other.page.locator('#token').waitFor();
    assert.equal(await page.evaluate(() => localStorage.getItem('tickcast-token') ?? document.cookie), '');
    for (const given of tokens) assert.ok(![page.url(), ...urls].some(url => url.includes(given)), 'a token in an address');
    assert.ok(urls.some(url => url.startsWith('wss://')) && !urls.some(url => /^(http|ws):/.test(url)), 'everything is encrypted');
    assert.ok(heard.sent.some(({ op }) => op === 'auth'), 'given on the connection that is up');
    await assertClean(opened, server);
  },

  async 'what breaks a law is seen, what is announced is counted'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'push');
    let asked;
    const picked = new Promise((resolve, reject) => { asked = resolve; setTimeout(reject, WAIT_MS, new Error('the page never picked A')); });
    // It is waited for below; a check that failed before is told by its own error.
    picked.catch(() => {});
    const sockets = await proxied(context, (frame, send) => {
      // Frames that the server did not send are not acknowledged to it.
      send(typeof frame === 'string' ? frame.replace(/"target_delay_ms":\d+,/, '') : frame);
      if (String(frame).includes('"symbol":"A"')) asked();
    });
    const { page } = await open(context, server);
    // The answer to the first ping: what the page asked at its begin has been answered.
    await until(page, 'a round trip', () => document.querySelector('#trip').textContent.endsWith('ms'));
    const say = (...messages) => sockets[0].send(JSON.stringify(messages));
    // Of now: a price that is old is called so.
    const head = () => ({ symbol: 'A', ts: 1, rx: Date.now() * 1000 });
    say({ type: 'snapshot', ...head(), seq: 7, bid: '1' }, { type: 'update', ...head(), seq: 10, n: 3, bid: '2' });
    await untilCell(page, 'A', 'bid', '▲2');
    // The page picks the first symbol that there is, and passes over what is said of it until the server has answered.
    await picked;
    say({ type: 'gap', symbol: 'A', from: 11, to: 19, reason: 'slow' }, { type: 'snapshot', ...head(), seq: 19, ask: '3' },
      { type: 'status', symbol: 'A', state: 'halted' }, { type: 'status', pace: 'conflating' }, { type: 'unheard-of' },
      { type: 'heartbeat', ts: 1, asof: 1, dirty: 4, oldest_ms: 1500 }, { type: 'error', code: 'bad_value', message: 'no such mode' });
    await untilCell(page, 'A', 'state', '■halted');
    assert.equal((await cell(page, 'A', 'ask')).trim(), '3', 'a snapshot is the whole record');
    assert.deepEqual([await cell(page, 'A', 'merged'), await cell(page, 'A', 'gaps')], ['2', '1']);
    assert.equal(await text(page, 'pace'), 'conflating');
    assert.equal(await text(page, 'behind'), '4 wait, the oldest for 1.5 s');
    assert.equal(await text(page, 'notice'), 'bad_value: no such mode');
    assert.equal(await text(page, 'errors'), '0');
    say({ type: 'update', ...head(), seq: 22, n: 2, ask: '4' });
    await until(page, 'the error', () => document.querySelector('#errors').textContent === '1' && document.querySelector('#errors').className === 'wrong');
    say({ type: 'update', ...head(), seq: 22, ask: '5' }, { type: 'snapshot', ...head(), seq: 21 }, { type: 'gap', symbol: 'A', from: 25, to: 26, reason: 'slow' });
    await until(page, 'all errors', () => document.querySelector('#errors').textContent === '4');
    // As long as it was told to, and not sooner: the first pause of its own would be under 250 ms.
    say({ type: 'drain', retry_ms: 86_400_000 });
    await untilBadge(page, 'draining');
    await sockets[0].close({ code: 1001 });
    await until(page, 'the pause', () => document.querySelector('#badge').textContent === 'reconnecting in 24 h');
  },

  async 'a page of another origin reads and publishes nothing, unless it is allowed'(context) {
    // Another host and port than the server's: of another site, and like it on this machine.
    const elsewhere = createServer((_, answer) => answer.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>'));
    await new Promise(resolve => elsewhere.listen(0, '127.0.0.1', resolve));
    const origin = `http://localhost:${elsewhere.address().port}`;
    try {
      const page = await context.newPage();
      await page.goto(origin);
      const closed = await serve('--listen', '127.0.0.1:0', '--feed', 'push');
      await publish(closed, { symbol: 'A', bid: 1 });
      assert.deepEqual(await attempts(page, closed.url), {
        symbols: 'refused', snapshot: 'refused', publish: 'refused', blind: 'sent', stream: 4103, events: 'ended', image: 'no image',
      });
      const symbols = await (await fetch(closed.url + 'v1/symbols')).json();
      assert.deepEqual(symbols.map(({ symbol, seq }) => [symbol, seq]), [['A', 1]], 'nothing was published');
      assert.match(await (await fetch(closed.url + 'metrics')).text(), /^tickcast_handshakes_rejected_total\{reason="origin"\} [1-9]/m);

      const open = await serve('--listen', '127.0.0.1:0', '--feed', 'push', '--allow-origin', origin);
      await publish(open, { symbol: 'A', bid: 1 });
      assert.deepEqual(await attempts(page, open.url), {
        symbols: '200 [{"symbol":"A","seq"', snapshot: '200 [{"type":"snapshot",', publish: '200 {"accepted":1,"rejec', blind: 'sent',
        stream: 'welcome', events: 'message', image: 'no image',
      });
    } finally {
      elsewhere.close();
    }
  },

  async 'a name that may be anyone\'s is not for browsers, until it is said to be the service\'s own'(context) {
    const page = await context.newPage();
    const at = server => `http://rebound.example:${new URL(server.url).port}/`;
    const unknown = await serve('--listen', '127.0.0.1:0', '--feed', 'push');
    await publish(unknown, { symbol: 'A', bid: 1 });
    assert.equal((await page.goto(at(unknown))).status(), 403);
    const refused = '403 {"error":{"code":"or';
    assert.deepEqual(await attempts(page, at(unknown)), {
      symbols: refused, snapshot: refused, publish: refused, blind: 'sent', stream: 4103, events: 'ended', image: 'no image',
    });
    assert.equal((await (await fetch(unknown.url + 'v1/symbols')).json())[0].seq, 1, 'nothing was published');

    const own = await serve('--listen', '127.0.0.1:0', '--feed', 'push', '--allow-origin', 'http://rebound.example');
    await publish(own, { symbol: 'A', bid: 1 });
    assert.equal((await page.goto(at(own))).status(), 200);
    assert.deepEqual(await attempts(page, at(own)), {
      symbols: '200 [{"symbol":"A","seq"', snapshot: '200 [{"type":"snapshot",', publish: '403 {"error":{"code":"fo', blind: 'sent',
      stream: 'welcome', events: 'message', image: 'no image',
    });
  },
};

/** Puts a proxy between page and server that can say things of its own; returns the page's ends, in order. `carry(frame, send, path)`: how it passes on what the server says; `path` is the connection's own. */
async function proxied(context, carry = (frame, send) => send(frame)) {
  const sockets = [];
  await context.routeWebSocket(/\/v1\/stream$/, socket => {
    const server = socket.connectToServer(), path = {};
    socket.onMessage(message => server.send(message));
    server.onMessage(message => carry(message, frame => socket.send(frame), path));
    sockets.push(socket);
  });
  return sockets;
}

/** Notes every word that a row of the table, the head of the chosen symbol or the badge ever had for how fresh it is. */
async function watchLooks(context) {
  await context.addInitScript(() => {
    globalThis.looks = new Set();
    const see = () => {
      for (const row of document.querySelectorAll('#rows .row:not([hidden]), #detail:not([hidden])')) looks.add(row.dataset.state);
      looks.add(document.querySelector('#pace')?.textContent.replace(/[\d.,]+ (ms|s|min|h)/, 'N'));
    };
    new MutationObserver(see).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  });
  return page => page.evaluate(() => [...looks].filter(Boolean));
}

/** Screenshots, where they are wanted: at a desk and on a phone, light and dark. */
async function shootAll(page, name) {
  for (const [kind, size] of shots ? [['desk', { width: 1280, height: 720 }], ['phone', { width: 390, height: 844 }]] : []) {
    await page.setViewportSize(size);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(shots, `${name}-${kind}-${colorScheme}.png`), fullPage: kind === 'phone' });
    }
  }
}

/** Texts that do not fit into their boxes. */
const cut = (page, places) => page.evaluate(places => [...document.querySelectorAll(places)]
  .filter(box => box.getClientRects().length && box.innerText && (box.scrollWidth > box.clientWidth || box.getBoundingClientRect().right > innerWidth))
  .map(box => `${box.className || box.id}: ${box.innerText}`), places);
/** Those of numbers, wherever they stand, that are cut within their cells; the table itself may be wider than its box. */
const cutCells = (page, places) => page.evaluate(places => [...document.querySelectorAll(places)]
  .filter(box => box.getClientRects().length && box.innerText && box.scrollWidth > box.clientWidth).map(box => `${box.className}: ${box.innerText}`), places);

/** Those of some texts that would reach into the space between a cell and the next, or beyond. */
const tooWide = (page, place, texts) => page.evaluate(([place, texts]) => {
  const cell = document.querySelector(place), node = cell.firstChild, shown = node.data, style = getComputedStyle(cell), range = document.createRange();
  const room = cell.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const found = texts.map(text => {
    node.data = text;
    range.selectNodeContents(node);
    return [text, range.getBoundingClientRect().width];
  }).filter(([, width]) => width > room).map(([text, width]) => `${text}: ${width} px, and not ${room}`);
  node.data = shown;
  return found;
}, [place, texts]);

/** What a page gets that asks the server at `base` in each way that pages have. */
const attempts = (page, base) => page.evaluate(async base => {
  const ask = (path, options) => fetch(base + path, options).then(async answer => `${answer.status} ${(await answer.text()).slice(0, 20)}`, () => 'refused');
  const json = { 'content-type': 'application/json' };
  const tick = '{"symbol":"A","bid":2}';
  return {
    symbols: await ask('v1/symbols'),
    // With a preflight.
    snapshot: await ask('v1/snapshot', { method: 'POST', headers: json, body: '{"symbols":["A"]}' }),
    publish: await ask('v1/publish', { method: 'POST', body: tick }),
    // As a form does: the answer is not for the page, but the request may have done its work.
    blind: await fetch(base + 'v1/publish', { method: 'POST', mode: 'no-cors', body: tick }).then(() => 'sent', () => 'not sent'),
    stream: await new Promise(resolve => {
      const socket = new WebSocket(base.replace('http', 'ws') + 'v1/stream');
      socket.onmessage = () => { resolve('welcome'); socket.close(); };
      socket.onclose = ({ code }) => resolve(code);
    }),
    events: await new Promise(resolve => {
      const events = new EventSource(base + 'v1/sse?symbols=A');
      events.onmessage = () => { resolve('message'); events.close(); };
      events.onerror = () => { resolve(events.readyState === EventSource.CLOSED ? 'ended' : 'comes back'); events.close(); };
    }),
    // A stream that is answered never ends, nor does the wait for it.
    image: await new Promise(resolve => {
      const image = new Image();
      image.onerror = () => resolve('no image');
      image.src = base + 'v1/symbols';
    }),
  };
}, base);

async function fetchUntil(url, condition) {
  const deadline = Date.now() + WAIT_MS;
  while (!condition(await (await fetch(url)).json())) assert.ok(Date.now() < deadline, `${url} never had what was waited for`);
}

// === The run
if (shots) mkdirSync(shots, { recursive: true });
const trusted = trust();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
    // A certificate that no authority has signed.
    `--ignore-certificate-errors-spki-list=${trusted.spki}`,
    // A name that somebody made resolve to this machine.
    '--host-resolver-rules=MAP rebound.example 127.0.0.1'],
});
const only = process.argv[2];
for (const [name, check] of Object.entries(checks).filter(([name]) => !only || name.includes(only))) {
  // Somewhere else than UTC, which the page's times are in.
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, timezoneId: 'America/New_York' });
  try {
    await check(context);
    passed++;
    console.log(`ok      ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}\n${error.stack}`);
  }
  await context.close();
  for (const server of servers) server.kill('SIGKILL');
}
await browser.close();
if (passed + failed === 0) { console.log('no check ran'); failed++; }
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
