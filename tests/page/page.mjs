// The page at `/`, driven in real Chromium against a real server. Nothing here waits for a time: each check waits for
// what it expects to see, and fails when that does not come.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const WAIT_MS = 30_000;
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
      const found = log.match(/listening on http:\/\/(127\.0\.0\.1:\d+)/);
      if (found) resolve({ child, ended, address: found[1], url: `http://${found[1]}/` });
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

// === The page
/** Opens the page, and notes what it says on its console, whom it talks to, and what it sends. */
async function open(context, server, path = '') {
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  const heard = { console: [], hosts: new Set(), sent: [], received: [] };
  page.on('console', message => { if (['error', 'warning'].includes(message.type())) heard.console.push(message.text()); });
  page.on('pageerror', error => heard.console.push(String(error)));
  page.on('request', request => { if (!request.url().startsWith('data:')) heard.hosts.add(new URL(request.url()).host); });
  page.on('websocket', socket => {
    socket.on('framesent', ({ payload }) => heard.sent.push(JSON.parse(payload)));
    socket.on('framereceived', ({ payload }) => heard.received.push(...JSON.parse(payload)));
  });
  await page.goto(server.url + path);
  return { page, heard };
}

const row = symbol => `#rows tr[data-symbol="${symbol}"]`;
const texts = (page, symbol) => page.locator(`${row(symbol)} > *`).allInnerTexts();
const text = (page, id) => page.locator(`#${id}`).innerText();

/** Waits until `condition(argument)`, evaluated in the page, is true; says what was waited for when it never is. */
async function until(page, what, condition, argument) {
  await page.waitForFunction(condition, argument, { timeout: WAIT_MS }).catch(async () => {
    const state = await page.evaluate(() => `${document.querySelector('header').innerText} | ${document.querySelector('#notice').innerText}`);
    throw new Error(`never seen: ${what}; the page says: ${state.replaceAll('\n', ' ')}`);
  });
}
const untilBadge = (page, state) => until(page, `badge ${state}`, state => document.querySelector('#badge').dataset.state === state, state);
const untilRows = (page, count) => until(page, `${count} rows`, count => document.querySelectorAll('#rows tr').length === count, count);
const untilCell = (page, symbol, cell, expected) => until(page, `${symbol}, cell ${cell}: ${expected}`,
  ([row, cell, expected]) => document.querySelector(row)?.cells[cell].textContent === expected, [row(symbol), cell, expected]);

/** Waits until the price of some row is another than now, twice. */
async function untilPricesMove(page) {
  for (let time = 0; time < 2; time++) {
    await until(page, 'a price that moves', before => [...document.querySelectorAll('#rows tr')].slice(0, 20).map(row => row.cells[1].textContent).join() !== before,
      await page.evaluate(() => [...document.querySelectorAll('#rows tr')].slice(0, 20).map(row => row.cells[1].textContent).join()));
  }
}

/** What must hold at the end of every check. `refused`: the server was away, and Chromium says so on its console. */
async function assertClean({ page, heard }, server, { refused = false } = {}) {
  assert.equal(await text(page, 'errors'), '0', 'law 4: seq == previous seq + n');
  const said = heard.console.filter(line => !(refused && /^WebSocket connection to .* failed/.test(line)));
  assert.deepEqual(said, []);
  assert.deepEqual([...heard.hosts], [server.address]);
}

const checks = {
  async 'prices move, under a strict policy, and nothing but the server is asked'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'sim?symbols=40&rate=400&seed=7');
    const answer = await fetch(server.url);
    const policy = answer.headers.get('content-security-policy');
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    const opened = await open(context, server);
    const { page } = opened;
    await untilBadge(page, 'connected');
    await untilRows(page, 40);
    await untilPricesMove(page);
    await until(page, 'every row live', () => [...document.querySelectorAll('#rows tr')].every(row => row.cells[10].textContent === 'live'));
    await until(page, 'a round trip', () => /^\d+(\.\d)? ms$/.test(document.querySelector('#trip').textContent));
    await until(page, 'an age', () => /^\d+ ms$/.test(document.querySelector('#rows tr').cells[7].textContent));
    await until(page, 'a rate', () => Number(document.querySelector('#updates').textContent) > 0);
    assert.equal(await text(page, 'pace'), 'live');
    // What is no part of the page does not run.
    assert.ok(await page.evaluate(() => {
      const script = document.createElement('script');
      try { script.text = 'globalThis.intruded = true'; document.body.append(script); } catch { /* refused as it should be */ }
      return !globalThis.intruded;
    }));
    opened.heard.console = opened.heard.console.filter(line => !/TrustedScript|Content Security Policy/.test(line));
    await assertClean(opened, server);
    for (const colorScheme of shots ? ['light', 'dark'] : []) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(shots, `page-${colorScheme}.png`) });
    }
  },

  async 'decimals are shown as they were sent, ticks that were merged are counted'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'push');
    const opened = await open(context, server);
    const { page } = opened;
    await untilBadge(page, 'connected');
    await publish(server, { symbol: 'A', bid: '0.000000001', bid_size: '12345678.5', ask: '87000.10', ask_size: '3', last: '100', last_size: '0.25', side: 'sell' });
    await untilRows(page, 1);
    assert.deepEqual((await texts(page, 'A')).slice(0, 7).map(cell => cell.trim()),
      ['A', '0.000000001 × 12345678.50', '87000.100000000 × 3.00', '100.000000000 × 0.25', '0.00 %', '0.25', '1']);
    assert.equal(await page.locator(`${row('A')} td:nth-of-type(3) span.down`).count(), 1, 'sold: in the colour of a sale');
    await publish(server, { symbol: 'A', last: '101.5', last_size: '0.75', side: 'buy' });
    await untilCell(page, 'A', 4, '+1.50 %');
    await untilCell(page, 'A', 5, '1');
    assert.equal(await page.locator(`${row('A')} td:nth-of-type(3) i.up`).count(), 1, 'an arrow, for who sees no colours');
    await publish(server, ...Array.from({ length: 50 }, (_, i) => ({ symbol: 'A', bid: String(i + 1) })));
    await until(page, 'the last bid', row => document.querySelector(row).cells[1].textContent.startsWith('50.000000000'), row('A'));
    assert.ok(Number((await texts(page, 'A'))[8]) > 0, 'ticks were merged');
    await untilCell(page, 'A', 10, 'stale');
    assert.equal(await page.locator(row('A')).getAttribute('class'), 'dim');
    await assertClean(opened, server);
  },

  async 'the filter hides rows, and the keyboard reaches it'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'push');
    await publish(server, ...['BTC-USD', 'BTC-EUR', 'ETH-USD'].map(symbol => ({ symbol, bid: 1 })));
    const opened = await open(context, server);
    const { page } = opened;
    const shown = () => page.locator('#rows tr:visible th').allInnerTexts();
    await untilRows(page, 3);
    assert.deepEqual(await shown(), ['BTC-EUR', 'BTC-USD', 'ETH-USD']);
    await page.keyboard.press('/');
    await page.keyboard.type('btc');
    assert.deepEqual(await shown(), ['BTC-EUR', 'BTC-USD']);
    assert.equal(await text(page, 'count'), 'symbols 2 of 3');
    await page.locator('#filter').fill('*-usd');
    assert.deepEqual(await shown(), ['BTC-USD', 'ETH-USD']);
    await publish(server, { symbol: 'SOL-USD', bid: 1 }, { symbol: 'SOL-EUR', bid: 1 });
    await untilRows(page, 5);
    assert.deepEqual(await shown(), ['BTC-USD', 'ETH-USD', 'SOL-USD'], 'symbols that are born are filtered too');
    await page.keyboard.press('Escape');
    assert.equal((await shown()).length, 5);
    assert.equal(await page.evaluate(() => document.activeElement.id), '');
    await assertClean(opened, server);
  },

  async 'the interval changes what the server sends'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'sim?symbols=10&rate=500&seed=7');
    const opened = await open(context, server, '?symbols=*,NOT-YET');
    const { page, heard } = opened;
    await untilRows(page, 10);
    await page.locator('#interval').selectOption('0');
    await until(page, 'more than 150 updates/s', () => Number(document.querySelector('#updates').textContent) > 150);
    await page.locator('#interval').selectOption('1000');
    await until(page, 'at most 15 updates/s', () => { const rate = Number(document.querySelector('#updates').textContent); return rate > 0 && rate <= 15; });
    const acks = heard.received.filter(message => message.type === 'set');
    assert.equal(acks.length, 2);
    assert.ok(acks.every(ack => ack.results.every(result => result.status === 'ok')));
    await assertClean(opened, server);
  },

  async 'symbols of the address, good and bad'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'push', '--set', 'limits.message_bytes=512');
    await publish(server, ...['A', 'B', 'C'].map(symbol => ({ symbol, bid: 1 })));
    const opened = await open(context, server, '?symbols=A,B,B,LATER,bad%20one');
    const { page } = opened;
    await untilRows(page, 3);
    assert.match(await text(page, 'notice'), /^bad one: /);
    await untilCell(page, 'LATER', 10, 'pending');
    await publish(server, { symbol: 'LATER', bid: 5 }, { symbol: 'C', bid: 5 });
    await untilCell(page, 'LATER', 1, '5');
    await untilCell(page, 'LATER', 10, 'live');
    assert.deepEqual(await page.locator('#rows th').allInnerTexts(), ['A', 'B', 'LATER']);
    // More names than fit into one message of this server, by far.
    const names = Array.from({ length: 100 }, (_, i) => `MANY-${1000 + i}`);
    await page.goto(`${server.url}?symbols=${names.join()}`);
    await untilRows(page, 100);
    assert.equal(await text(page, 'notice'), '');
    await assertClean(opened, server);
  },

  async 'a glob that matches too much: a message, and the first 200'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'sim?symbols=3000&rate=3000&seed=7');
    await fetchUntil(`${server.url}v1/symbols`, symbols => symbols.length > 2048);
    const opened = await open(context, server);
    const { page } = opened;
    await untilRows(page, 200);
    assert.match(await text(page, 'notice'), /matches \d+ symbols[^]*first 200/);
    await untilPricesMove(page);
    await page.locator('#interval').selectOption('250');
    await assertClean(opened, server);
  },

  async 'a server that restarts is found again'(context) {
    const first = await serve('--listen', '127.0.0.1:0', '--feed', 'sim?symbols=20&rate=400&seed=7');
    const again = ['--listen', first.address, '--feed', 'sim?symbols=15&rate=400&seed=8'];
    const opened = await open(context, first);
    const { page, heard } = opened;
    await untilRows(page, 20);
    first.child.kill('SIGTERM');
    await untilBadge(page, 'reconnecting');
    assert.equal((await texts(page, await page.locator('#rows th').first().innerText()))[10], 'not connected');
    assert.equal(await first.ended, 0);
    assert.ok(heard.received.some(message => message.type === 'drain'));
    const second = await serve(...again);
    await untilBadge(page, 'connected');
    await untilRows(page, 15);
    await untilPricesMove(page);
    const resumed = heard.sent.filter(command => command.resume);
    assert.equal(resumed.length, 1);
    assert.equal(Object.keys(resumed[0].resume.last).length, 20);
    await until(page, 'each gap that the server announced', count => document.querySelector('#gaps').textContent === count,
      String(heard.received.filter(message => message.type === 'gap').length));
    second.child.kill('SIGKILL');
    await untilBadge(page, 'reconnecting');
    await serve(...again);
    await untilBadge(page, 'connected');
    await untilPricesMove(page);
    await assertClean(opened, first, { refused: true });
  },

  async 'a connection that breaks is resumed, without a gap'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'sim?symbols=20&rate=400&seed=7');
    const sockets = await proxied(context);
    const opened = await open(context, server);
    const { page } = opened;
    await untilRows(page, 20);
    await untilPricesMove(page);
    await sockets[0].close({ code: 4008, reason: 'too slow' });
    await until(page, 'the reason', () => document.querySelector('#notice').textContent.includes('too slow (4008)'));
    await untilBadge(page, 'connected');
    await untilPricesMove(page);
    assert.equal(sockets.length, 2);
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

  async 'what breaks a law is seen, what is announced is counted'(context) {
    const server = await serve('--listen', '127.0.0.1:0', '--feed', 'push');
    const sockets = await proxied(context);
    const { page } = await open(context, server);
    // The answer to the first ping: what the page asked at its begin has been answered.
    await until(page, 'a round trip', () => document.querySelector('#trip').textContent.endsWith('ms'));
    const say = (...messages) => sockets[0].send(JSON.stringify(messages));
    const head = { symbol: 'A', ts: 1, rx: Date.now() * 1000 };
    say({ type: 'snapshot', ...head, seq: 7, bid: 1 }, { type: 'update', ...head, seq: 10, n: 3, bid: 2 });
    await untilCell(page, 'A', 1, '2');
    say({ type: 'gap', symbol: 'A', from: 11, to: 19, reason: 'slow' }, { type: 'snapshot', ...head, seq: 19, ask: 3 },
      { type: 'status', symbol: 'A', state: 'halted' }, { type: 'status', pace: 'conflating' }, { type: 'unheard-of' },
      { type: 'heartbeat', ts: 1, asof: 1, dirty: 4, oldest_ms: 1500 }, { type: 'error', code: 'rate_limited', message: 'slow down' });
    await untilCell(page, 'A', 10, 'halted');
    assert.deepEqual((await texts(page, 'A')).slice(1, 3).map(cell => cell.trim()), ['', '3'], 'a snapshot is the whole record');
    assert.deepEqual((await texts(page, 'A')).slice(8, 10), ['2', '1']);
    assert.equal(await text(page, 'pace'), 'conflating');
    assert.equal(await text(page, 'behind'), '4 symbols wait, the oldest for 1.5 s');
    assert.equal(await text(page, 'notice'), 'rate_limited: slow down');
    assert.equal(await text(page, 'errors'), '0');
    say({ type: 'update', ...head, seq: 22, n: 2, ask: 4 });
    await until(page, 'the error', () => document.querySelector('#errors').textContent === '1' && document.querySelector('#errors').className === 'wrong');
    say({ type: 'update', ...head, seq: 22, ask: 5 }, { type: 'snapshot', ...head, seq: 21 }, { type: 'gap', symbol: 'A', from: 25, to: 26, reason: 'slow' });
    await until(page, 'all errors', () => document.querySelector('#errors').textContent === '4');
    // As long as it was told to, and not sooner: the first pause of its own would be under 250 ms.
    say({ type: 'drain', retry_ms: 86_400_000 });
    await untilBadge(page, 'draining');
    await sockets[0].close({ code: 1001 });
    await until(page, 'the pause', () => document.querySelector('#badge').textContent === 'reconnecting in 1440 min');
  },
};

/** Puts a proxy between page and server that can say things of its own; returns the page's ends, in order. */
async function proxied(context) {
  const sockets = [];
  await context.routeWebSocket(/\/v1\/stream$/, socket => {
    const server = socket.connectToServer();
    socket.onMessage(message => server.send(message));
    server.onMessage(message => socket.send(message));
    sockets.push(socket);
  });
  return sockets;
}

async function fetchUntil(url, condition) {
  const deadline = Date.now() + WAIT_MS;
  while (!condition(await (await fetch(url)).json())) assert.ok(Date.now() < deadline, `${url} never had what was waited for`);
}

// === The run
if (shots) mkdirSync(shots, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
const only = process.argv[2];
for (const [name, check] of Object.entries(checks).filter(([name]) => !only || name.includes(only))) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
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
