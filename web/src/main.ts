// The page: all parts joined. Messages change rows; what is on screen is painted once a frame.

import { Bars } from './bars';
import { Book, placesOf, priceOf, type Row } from './book';
import { Chart } from './chart';
import { LocalClock } from './clock';
import { grouped, written } from './decimal';
import { ARROWS, byId, duration, Label, make, mark, short, utc } from './dom';
import { Feeds, type Feed } from './feeds';
import { ageText, changeText, COLUMNS, Grid, kindText, mainPriceText, priceText, sizeText, spreadText } from './grid';
import { canThrottle, openLink } from './link';
import { lookOf } from './look';
import { Picked } from './picked';
import { finder, Search } from './search';
import { Session } from './session';
import { Tape } from './tape';
import { nextTheme, setTheme, storedTheme } from './theme';
import { storedToken, storeToken } from './token';
import { entryOf, formatView, isGlob, isLeftOut, legible, parseView, sent, symbolOf, type View, Watchlist } from './watchlist';

const AGES_MS = 200;
const SECOND_MS = 1_000;
/** While the table is scrolled, what is on screen changes with each frame. */
const SEEN_MS = 120;
/** While rows are passed over with the keyboard, not each one's history is asked for. */
const PICK_MS = 120;
const CHIPS_MAX = 10;

let view = parseView(location.search);
let filterText = '';
let orderIsOld = true;
let framed = false;
/** What the chart shows, and of how many decimal places. */
let charted: Bars | undefined;
let chartedPlaces = -1;
const NO_BARS = new Bars();
let seen: ReadonlySet<string> = new Set();
const timers = { seen: 0, pick: 0 };
const before = { atMs: 0, messages: 0, bytes: 0 };

const clock = new LocalClock(() => performance.now(), () => Date.now(), ms => session.clock.jumped(ms));
const nowMs = (): number => clock.nowMs();

async function ask<T>(path: string): Promise<T> {
  const token = storedToken();
  const answer = await fetch(path, token ? { headers: { Authorization: `Bearer ${token}` } } : {});
  // The stream waits for a token for a while before it says so.
  if (answer.status === 401 && token === storedToken()) session.wantsToken = true;
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return await answer.json() as T;
}

const symbols = async (): Promise<string[]> => (await ask<{ symbol: string }[]>('/v1/symbols')).map(({ symbol }) => symbol);

// === The parts

const picked = new Picked();
const book = new Book({ born: () => { orderIsOld = true; } });
/** Of the picked symbol, each trade. */
const trades = new Book({
  data: (row, message, history) => { if (row.symbol === picked.symbol) picked.data(message, row, history); },
  // That older ticks are no longer in the ring is no loss.
  again: row => { if (row.symbol === picked.symbol) picked.begin(); },
  gap: (row, message, history) => { if (row.symbol === picked.symbol && !history) picked.gap(message); },
});
// A message of the page to itself is a task of its own.
const channel = new MessageChannel(), waiting: (() => void)[] = [];
channel.port1.onmessage = () => { for (const call of waiting.splice(0)) call(); };
const session = new Session({
  open: (encoding, rate, events) => openLink(location.origin.replace(/^http/, 'ws') + '/v1/stream', encoding, rate, events, storedToken()),
  nowMs,
  later: (ms, call) => { const timer = setTimeout(call, ms); return () => clearTimeout(timer); },
  behindFrames(call) { waiting.push(call); channel.port2.postMessage(null); },
  chance: Math.random,
  symbols,
  changed: soon,
  listCut: list => { keep({ entries: [...list.entries] }); paintChips(); orderIsOld = true; },
}, book, trades, new Watchlist(view.entries), view.intervalMs);
const grid = new Grid(byId('grid'), byId('head'), byId('rows'), {
  pick,
  remove: symbol => change(session.watchlist.without(entryOf(symbol))),
  sort: key => sortBy(view.sort === key ? '-' + key : view.sort === '-' + key ? '' : key),
  seen: shown => { seen = shown; tellSeen(); },
});
const chart = new Chart(byId('chart'));
const tape = new Tape(byId('tape-table'), byId('tape'), byId('told'));
const feeds = new Feeds(byId('feeds'), () => ask<Feed[]>('/v1/feeds'));
const search = new Search({
  symbols,
  watched: symbol => book.rows.has(symbol),
  filter: text => { filterText = text.trim(); orderIsOld = true; soon(); },
  go: pick,
  add(entry) { change(session.watchlist.with(entry)); if (!isGlob(entry) && !isLeftOut(entry)) pick(symbolOf(entry)); },
  leave: () => byId('grid').focus(),
});

// === What a person does

function keep(changes: Partial<View>, asStep = false): void {
  view = { ...view, ...changes };
  const address = location.pathname + formatView(view);
  if (asStep) history.pushState(null, '', address);
  else history.replaceState(null, '', address);
}

function change(list: Watchlist): void {
  keep({ entries: [...list.entries] }, true);
  apply(list);
}

function apply(list: Watchlist): void {
  session.setList(list);
  orderIsOld = true;
  paintChips();
}

function pick(symbol: string): void {
  choose(symbol);
  keep({ pick: symbol });
  grid.reveal(symbol);
  soon();
}

function choose(symbol: string): void {
  if (picked.symbol === symbol) return;
  picked.choose(symbol);
  grid.pick(symbol);
  clearTimeout(timers.pick);
  timers.pick = setTimeout(() => session.pick(picked.symbol), PICK_MS);
}

function sortBy(sort: string): void {
  keep({ sort });
  orderIsOld = true;
  soon();
}

function tellSeen(): void {
  clearTimeout(timers.seen);
  timers.seen = setTimeout(() => session.setSeen(document.hidden ? new Set() : seen), SEEN_MS);
}

const interval = byId<HTMLSelectElement>('interval');
interval.value = String(view.intervalMs);
interval.addEventListener('change', () => {
  keep({ intervalMs: Number(interval.value) });
  session.setInterval(view.intervalMs);
});

const reads = byId<HTMLSelectElement>('reads');
reads.disabled = !canThrottle();
reads.title = canThrottle()
  ? 'Slows down how this page, and no other client, takes bytes off the network: see ?'
  : "This browser has no WebSocketStream, whose reads a page can slow down (or the page is not served from a secure context). "
    + "curl -N --limit-rate 8k '…/v1/sse?symbols=*' shows the same.";
reads.addEventListener('change', () => {
  const kilobytes = Number(reads.value);
  session.setReadRate(kilobytes ? kilobytes * 1_000 : Infinity);
  document.body.classList.toggle('slow', kilobytes > 0);
});

const themeButton = byId('theme');
function theme(chosen = nextTheme(storedTheme())): void {
  setTheme(chosen);
  themeButton.textContent = chosen;
  themeButton.setAttribute('aria-label', `Colours: ${chosen}`);
  chart.restyle();
}
theme(storedTheme());
themeButton.addEventListener('click', () => theme());
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => chart.restyle());

const help = byId<HTMLDialogElement>('help');
byId('keys').addEventListener('click', () => help.showModal());
byId('again').addEventListener('click', () => session.connectAgain());
byId('token').addEventListener('submit', event => {
  event.preventDefault();
  const input = byId<HTMLInputElement>('token-text'), token = input.value.trim();
  input.value = '';
  storeToken(token);
  session.renew(token);
});
// On a small screen what is not needed at every moment is folded away.
const more = byId('more');
more.addEventListener('click', () => {
  const open = byId('top').classList.toggle('open');
  more.setAttribute('aria-expanded', String(open));
});

addEventListener('keydown', event => {
  const typing = (event.target as Element).matches('input, select, dialog *');
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === '/') search.focus();
  else if (event.key === '?') help.showModal();
  else if (event.key === 't') theme();
  else if (event.key === 'g') byId('grid').focus();
  else return;
  event.preventDefault();
});
addEventListener('popstate', () => {
  view = parseView(location.search);
  interval.value = String(view.intervalMs);
  session.setInterval(view.intervalMs);
  apply(new Watchlist(view.entries));
  if (view.pick) choose(view.pick);
});
document.addEventListener('visibilitychange', () => {
  tellSeen();
  // What was shown when the page was left has aged.
  if (!document.hidden) paintTime();
});
// A tab that the browser freezes shows what it knows, so that the next change on it is news. When it runs again, it is told
// before it hears anything.
document.addEventListener('freeze', () => paint());
document.addEventListener('resume', () => session.woke());
byId('grid').addEventListener('scroll', () => soon(), { passive: true });
new ResizeObserver(() => soon()).observe(byId('grid'));

// === What is shown

function paintChips(): void {
  const entries = session.watchlist.entries, chips = byId('chips');
  chips.replaceChildren(...entries.slice(0, CHIPS_MAX).map(entry => {
    const isOut = isLeftOut(entry), target = isOut ? entry.slice(1) : sent(entry), name = legible(isGlob(target) ? target : symbolOf(target));
    const chip = make('li', isOut ? 'out' : ''), remove = make('button', '', '×');
    remove.type = 'button';
    remove.setAttribute('aria-label', isOut ? `Show ${name} again` : `Remove ${name} from the watchlist`);
    remove.addEventListener('click', () => change(session.watchlist.without(entry)));
    chip.append(make('span', '', isOut ? `not ${name}` : name), remove);
    return chip;
  }));
  if (entries.length > CHIPS_MAX) chips.append(make('li', 'more', `and ${entries.length - CHIPS_MAX} more`));
}

function order(): void {
  orderIsOld = false;
  const finds = finder(filterText), list = session.watchlist;
  const rows = [...book.rows.values()].filter(row => finds(row.symbol));
  const place = new Map(rows.map(row => [row, list.place(row.symbol) ?? Infinity]));
  const down = view.sort.startsWith('-'), key = down ? view.sort.slice(1) : view.sort;
  const rank = COLUMNS.find(column => column.key === key)?.rank;
  const bySymbol = (a: Row, b: Row): number => a.symbol < b.symbol ? -1 : a.symbol > b.symbol ? 1 : 0;
  const byPlace = (a: Row, b: Row): number => ((place.get(a) ?? 0) - (place.get(b) ?? 0) || 0) || bySymbol(a, b);
  if (rank) {
    const ranks = new Map(rows.map(row => [row, rank(row)]));
    rows.sort((a, b) => {
      const [left = 0, right = 0] = [ranks.get(a), ranks.get(b)];
      return (left === right ? 0 : left < right === down ? -1 : 1) || bySymbol(a, b);
    });
  } else if (key === 'symbol') {
    rows.sort((a, b) => down ? bySymbol(a, b) : bySymbol(b, a));
  } else {
    rows.sort(byPlace);
  }
  grid.setRows(rows);
  grid.setSort(view.sort);
  const all = book.rows.size, some = rows.length;
  labels.count.put(`${some < all ? `${grouped(String(some))} of ` : ''}${grouped(String(all))} ${all === 1 ? 'symbol' : 'symbols'}${[...new Set(Array.from(session.book.rows.values(), row => row.legend))].filter(Boolean).map(legend => ` · ${legible(legend)}`).join('')}`);
  const empty = byId('empty');
  empty.hidden = some > 0;
  empty.textContent = all ? `No row matches “${filterText}”` : list.entries.length ? 'No symbol yet' : 'The watchlist is empty: press / and add a symbol, or * for all';
  // There is always a symbol to look at.
  const wished = view.pick || picked.symbol;
  if (book.rows.has(wished)) choose(wished);
  else if (rows[0]) choose(rows[0].symbol);
  byId('detail').hidden = !book.rows.has(picked.symbol);
}

function label(id: string): Label {
  const element = byId(id);
  element.textContent = '';
  return new Label(element);
}
const labels = Object.fromEntries(['badge', 'pace', 'trip', 'updates', 'bytes', 'merged', 'gaps', 'errors', 'behind', 'notice', 'count', 'pick', 'pick-last', 'pick-kind', 'pick-age', 'pick-change', 'pick-since', 'clock']
  .map(id => [id, label(id)])) as Record<string, Label> & { count: Label };
const put = (id: string, text: string): void => labels[id]?.put(text);

const FACTS: readonly [string, (row: Row) => string][] = [
  ['Bid', row => [priceText(row, 'bid'), sizeText(row, 'bid_size')].filter(Boolean).join(' × ')],
  ['Ask', row => [priceText(row, 'ask'), sizeText(row, 'ask_size')].filter(Boolean).join(' × ')],
  ['Spread', spreadText],
  ['Open', row => priceText(row, 'open')],
  ['High', row => priceText(row, 'high')],
  ['Low', row => priceText(row, 'low')],
  ['Volume', row => written(row.fields.volume, row.sizePlaces)],
  ['Trades', row => row.fields.trades === undefined ? '' : grouped(String(row.fields.trades))],
  ['seq', row => grouped(String(row.seq))],
];
const facts = FACTS.map(([name, text]) => {
  const box = make('div'), value = make('dd');
  box.append(make('dt', '', name), value);
  byId('facts').append(box);
  return { box, label: new Label(value), text };
});

interface Fact { box: HTMLElement; name: Label; value: Label }
/** For the fields of the server's configuration, as many as a symbol had so far. */
const configured: Fact[] = [];

function paintConfigured(row: Row): void {
  const shown = [...row.configured].filter((field): field is [string, string] => field[1] !== null);
  while (configured.length < shown.length) {
    const box = make('div', 'configured'), name = make('dt'), value = make('dd');
    box.append(name, value);
    byId('facts').append(box);
    configured.push({ box, name: new Label(name), value: new Label(value) });
  }
  configured.forEach(({ box, name, value }, at) => {
    const field = shown[at];
    if (field) {
      name.put(legible(field[0]));
      value.put(legible(field[1]));
    }
    if (box.hidden !== !field) box.hidden = !field;
  });
}

function paintPicked(): void {
  const row = session.detail(picked.symbol);
  if (!row || grid.waits(row)) return;
  const price = priceOf(row.fields), way = row.moved[price?.kind === 'mid' ? 'mid' : 'last'];
  put('pick', legible(row.symbol));
  put('pick-last', `${way ? ARROWS[way] + ' ' : ''}${mainPriceText(row)}`);
  put('pick-kind', kindText(row));
  mark(byId('pick-last'), way ?? '');
  const moved = changeText(row);
  put('pick-change', moved);
  mark(byId('pick-change'), moved.startsWith('+') ? 'up' : moved.startsWith('-') ? 'down' : '');
  put('pick-since', moved && `since open${picked.openedMs === undefined ? '' : `, ${utc(picked.openedMs)} UTC`}`);
  for (const { box, label, text } of facts) {
    const fact = text(row);
    label.put(fact);
    if (box.hidden !== !fact) box.hidden = !fact;
  }
  paintConfigured(row);
  tape.paint(picked.sales, row);
  paintChart(row);
  paintPickedLook(row);
}

/** The chart ends with the price that stands above it; until its history is there, it shows nothing. */
function paintChart(row: Row): void {
  const price = priceOf(row.fields);
  const isWhole = session.isWhole(row.symbol);
  if (isWhole) picked.settle(row);
  const bars = isWhole ? picked.bars : NO_BARS, places = price ? placesOf(row, price) : row.pricePlaces;
  if (charted !== bars) chart.show(bars, places);
  else if (chartedPlaces !== places) chart.setPlaces(places);
  charted = bars;
  chartedPlaces = places;
  chart.paint(Number(price?.text), mainPriceText(row));
}

/** What follows the time alone. */
function paintPickedLook(row: Row): void {
  const look = lookOf(row, session.online, grid.serverNowMs, grid.staleMs), detail = byId('detail');
  if (detail.dataset.state !== look) detail.dataset.state = look;
  const age = row.rxMs ? `${ageText(row, grid.serverNowMs)} old` : look === 'unknown' ? "neither a feed's list nor a past tick has this name" : '';
  put('pick-age', [age, row.delayMs && `${duration(row.delayMs)} delayed. ${legible(row.legend)}`].filter(Boolean).join(', '));
}

function soon(): void {
  if (framed) return;
  framed = true;
  requestAnimationFrame(paint);
}

function paint(): void {
  framed = false;
  const atMs = nowMs();
  if (grid.online !== session.online) {
    grid.online = session.online;
    mark(document.body, `${session.online ? '' : 'offline'} ${reads.value === '0' ? '' : 'slow'}`.trim());
  }
  if (orderIsOld || book.rows.size !== rowsOrdered) {
    rowsOrdered = book.rows.size;
    order();
  }
  takeTime(atMs);
  grid.paint(atMs);
  paintPicked();
  paintBar();
}
let rowsOrdered = 0;

function takeTime(atMs: number): void {
  grid.serverNowMs = session.clock.at(atMs);
  grid.staleMs = session.staleMs;
  grid.isCatchingUp = session.isCatchingUp;
}

function paintBar(): void {
  const { state, retryMs } = session;
  put('badge', state === 'reconnecting' && retryMs ? `reconnecting in ${duration(retryMs)}` : state);
  byId('badge').dataset.state = state;
  paintFreshness();
  put('notice', session.notice);
  put('behind', session.dirty ? `${session.dirty} wait, the oldest for ${duration(session.oldestMs)}` : '');
  const errors = book.errors + trades.errors;
  put('errors', String(errors));
  mark(byId('errors'), errors ? 'wrong' : '');
  byId('errors').title = book.lastError || trades.lastError;
  byId('again').hidden = state !== 'ended';
  byId('token').hidden = !session.wantsToken;
}

/** The badge beside that of the connection: it says live only where every price on screen is. */
function paintFreshness(): void {
  const { prices, old, youngestMs } = grid.freshness(), badge = byId('pace');
  const all = prices > 0 && old === prices;
  const pace = old ? 'old' : session.online ? session.pace : '';
  put('pace', !prices ? '–' : all ? youngestMs === undefined ? 'prices of unknown age' : `prices ${duration(youngestMs)} old` : old ? `${grouped(String(old))} of ${grouped(String(prices))} old` : session.pace);
  if (badge.dataset.pace !== pace) badge.dataset.pace = pace;
}

function paintTime(): void {
  const atMs = nowMs(), row = session.detail(picked.symbol);
  takeTime(atMs);
  grid.paintAges(atMs);
  if (row) paintPickedLook(row);
  paintFreshness();
  put('clock', grid.serverNowMs === undefined ? '' : `${utc(grid.serverNowMs)} UTC`);
}
setInterval(paintTime, AGES_MS);
setInterval(() => {
  session.tick();
  const atMs = nowMs(), seconds = (atMs - before.atMs) / SECOND_MS;
  const rate = (now: number, then: number): number => session.online ? (now - then) / seconds : NaN;
  const heard = book.messages + trades.messages;
  const messages = rate(heard, before.messages), bytes = rate(session.bytes, before.bytes);
  Object.assign(before, { atMs, messages: heard, bytes: session.bytes });
  put('updates', Number.isNaN(messages) ? '–' : grouped(messages.toFixed()));
  put('bytes', Number.isNaN(bytes) ? '–' : `${(bytes / 1_000).toFixed(1)} kB/s`);
  byId('bytes').title = session.written && `tickcast.v1.${session.written}`;
  put('trip', session.tripMs === undefined ? '–' : `${short(session.tripMs)} ms`);
  put('merged', grouped(String(book.merged + trades.merged)));
  put('gaps', grouped(String(book.gaps + trades.gaps)));
  grid.paintTrends();
  // A token that is refused is not sent again and again.
  if (!document.hidden && !session.wantsToken) void feeds.look(session.online, atMs);
  // What is sorted by a figure moves once a second, and not under the eyes.
  if (view.sort && view.sort !== 'symbol' && view.sort !== '-symbol') orderIsOld = true;
  soon();
}, SECOND_MS);

paintChips();
if (view.isJson) session.encoding = 'json';
session.connect();
