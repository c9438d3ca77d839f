// The page's session with the server: what is asked for, what is answered, and coming back.
//
// No page in it: the outside world is handed in, and `changed` tells it to look. Invariants: rows on screen, and no others,
// are asked for at the chosen interval; the picked symbol is asked for tick by tick; what was held is resumed from.

import type { Book, Row } from './book';
import { ServerClock } from './clock';
import { quoteDecimals } from './decimal';
import type { Link, LinkEvents } from './link';
import { STALE_MS } from './look';
import type { Command, Limits, Message, Result, State } from './messages';
import { comesBack, pauseMs } from './retry';
import { entryOf, entryOfGlob, isGlob, isLeftOut, legible, matches, sent, spelled, Watchlist } from './watchlist';

export type ConnectionState = 'connecting' | 'connected' | 'draining' | 'reconnecting' | 'ended';

export interface Outside {
  open(rate: number, events: LinkEvents): Link;
  nowMs(): number;
  /** Calls back after a while; the answer cancels it. */
  later(ms: number, call: () => void): () => void;
  chance(): number;
  /** All symbols there are. */
  symbols(): Promise<string[]>;
  /** Something of the session, or a row, is no longer what it was. */
  changed(): void;
  /** The list was cut to what the server takes. */
  listCut(list: Watchlist): void;
}

const CONNECT_MS = 10_000;
const SETTLED_MS = 5_000;
/** For rows that nobody sees. */
const REST_INTERVAL_MS = 5_000;
/** What is shown of a glob that matches more symbols than a session may have. */
const FALLBACK_SYMBOLS = 200;
const FRAMING_BYTES = 200;
const PINGS_MAX = 16;

const encoder = new TextEncoder();
/** The length of a text on the wire; nearly all of it is ASCII. */
const utf8Bytes = (text: string): number => /^[\0-\x7f]*$/.test(text) ? text.length : encoder.encode(text).length;

export class Session {
  state: ConnectionState = 'connecting';
  /** Behind `reconnecting`: for how long. */
  retryMs = 0;
  notice = '';
  pace: 'live' | 'conflating' = 'live';
  tripMs: number | undefined;
  dirty = 0;
  oldestMs = 0;
  frames = 0;
  bytes = 0;
  readonly clock = new ServerClock();
  /** Bytes a second; infinite when reads are not slowed down. */
  readRate = Infinity;

  private link: Link | undefined;
  private limits: Limits | undefined;
  private heartbeatMs = 5_000;
  private heardMs = 0;
  private openedMs = 0;
  private failures = 0;
  private toldRetryMs: number | undefined;
  private cancelRetry: (() => void) | undefined;
  private nextId = 0;
  private readonly pings = new Map<number, number>();
  private readonly asked = new Map<number, { symbol: string; last: number | undefined }>();
  private readonly unwanted = new Set<string>();
  /** Names that a glob matches and that were asked for by themselves, as no symbol has them. */
  private readonly askedByName = new Set<string>();
  /** Rows that are asked for at the interval of the page. */
  private fast = new Set<string>();
  private seen: ReadonlySet<string> = new Set();
  private picked = '';
  /** The symbol that comes tick by tick on this connection, and the one whose ticks are complete so far. */
  private followed = '';
  private complete = '';

  constructor(private readonly outside: Outside, readonly book: Book, private list: Watchlist, private intervalMs: number) {}

  get online(): boolean {
    return this.state === 'connected' || this.state === 'draining';
  }

  get watchlist(): Watchlist {
    return this.list;
  }

  /** Older than this, a price is not live. */
  get staleMs(): number {
    return this.limits?.stale_ms ?? STALE_MS;
  }

  /** Whether all that there is of the symbol has come tick by tick: its history, and what followed. */
  isWhole({ symbol, awaiting, seq, knownTo }: Row): boolean {
    return this.followed === symbol && awaiting === undefined && seq >= knownTo;
  }

  // === The connection

  connect(): void {
    this.cancelRetry?.();
    this.cancelRetry = undefined;
    this.show(this.book.epoch ? 'reconnecting' : 'connecting');
    this.retryMs = 0;
    this.openedMs = 0;
    this.heardMs = this.outside.nowMs();
    this.pings.clear();
    for (const { symbol } of this.asked.values()) {
      const row = this.book.rows.get(symbol);
      if (row) row.awaiting = undefined;
    }
    this.asked.clear();
    this.followed = '';
    const mine: Link = this.link = this.outside.open(this.readRate, {
      frame: text => { if (mine === this.link) this.frame(text); },
      closed: (code, reason) => { if (mine === this.link) this.closed(code, reason); },
    });
  }

  /** By a person, after the page had given up. */
  connectAgain(): void {
    this.failures = 0;
    this.connect();
  }

  /** Reads at most so many bytes a second from now on; a link that cannot do so is replaced by one that can, and resumed. */
  setReadRate(rate: number): void {
    this.readRate = rate;
    if (!this.link) return;
    if (this.link.throttles) this.link.rate = rate;
    else if (rate !== Infinity) this.reopen();
  }

  /** Once a second: asks for the server's time, and looks whether anything is heard. */
  tick(): void {
    if (!this.link) return;
    const nowMs = this.outside.nowMs(), quietMs = nowMs - this.heardMs;
    if (this.online) {
      if (quietMs > 3 * this.heartbeatMs) this.lost(quietMs);
      else this.ping();
    } else if (quietMs > CONNECT_MS) {
      this.lost(quietMs);
    }
  }

  private reopen(): void {
    const old = this.link;
    this.link = undefined;
    old?.close();
    this.connect();
  }

  private lost(quietMs: number): void {
    this.link?.close();
    this.closed(1006, `nothing was heard for ${Math.round(quietMs / 1000)} s`);
  }

  private closed(code: number, reason: string): void {
    this.link = undefined;
    const why = `${reason || 'the connection ended'} (${code})`;
    if (!comesBack(code)) {
      this.notice = `Not coming back: ${why}`;
      this.show('ended');
      return;
    }
    if (this.openedMs && this.outside.nowMs() - this.openedMs > SETTLED_MS) this.failures = 0;
    this.retryMs = pauseMs(this.failures++, this.outside.chance(), this.toldRetryMs);
    this.toldRetryMs = undefined;
    this.notice = `Prices below are old: ${why}`;
    this.show('reconnecting');
    this.cancelRetry = this.outside.later(this.retryMs, () => this.connect());
  }

  private show(state: ConnectionState): void {
    this.state = state;
    if (!this.online) this.tripMs = undefined;
    this.pace = 'live';
    this.dirty = 0;
    for (const row of this.book.rows.values()) row.version++;
    this.outside.changed();
  }

  // === What is asked for

  setList(list: Watchlist): void {
    const before = this.list, { names, globs } = list.targets(), had = before.targets();
    this.list = list;
    const goneGlobs = had.globs.filter(glob => !globs.includes(glob));
    const gone = [...this.book.rows.keys()].filter(symbol => !list.has(symbol));
    const goneNames = had.names.filter(name => !list.has(name) && !this.book.rows.has(name));
    for (const symbol of gone) this.forget(symbol);
    this.unwanted.clear();
    if (this.limits) {
      const byName = gone.filter(symbol => !goneGlobs.some(glob => matches(glob, symbol)));
      const away = [...goneGlobs, ...[...byName, ...goneNames].map(spelled)];
      for (const symbols of this.batches(away)) this.send({ op: 'unsubscribe', symbols });
      // The end of a glob is the end of all that it matched, also of what the list still has; and what is no longer left out
      // comes with its glob.
      const all = goneGlobs.length > 0 || before.entries.some(entry => isLeftOut(entry) && !list.entries.includes(entry));
      this.subscribe({
        names: names.filter(name => all || !had.names.includes(name) && !had.globs.some(glob => matches(glob, name))),
        globs: globs.filter(glob => all || !had.globs.includes(glob)),
      });
    }
    this.outside.changed();
  }

  setInterval(intervalMs: number): void {
    this.intervalMs = intervalMs;
    this.setRate([...this.fast], intervalMs);
  }

  /** The rows that are on screen now. */
  setSeen(symbols: ReadonlySet<string>): void {
    this.seen = symbols;
    if (!this.limits || !this.online) return;
    const slower = [...this.fast].filter(symbol => !symbols.has(symbol) && this.book.rows.has(symbol));
    const faster = [...symbols].filter(symbol => !this.fast.has(symbol) && this.book.rows.has(symbol));
    this.fast = new Set([...symbols].filter(symbol => this.book.rows.has(symbol)));
    this.setRate(slower, this.restIntervalMs());
    this.setRate(faster, this.intervalMs);
  }

  /** The symbol that is to come tick by tick, beginning with what the server's ring still has of it. */
  pick(symbol: string): void {
    if (symbol === this.picked) return;
    const before = this.picked;
    this.picked = symbol;
    this.complete = '';
    if (this.followed === before && before && this.list.has(before)) {
      const interval_ms = this.fast.has(before) ? this.intervalMs : this.restIntervalMs();
      this.send({ op: 'set', symbols: [spelled(before)], mode: 'latest', interval_ms });
    }
    this.followed = '';
    this.follow();
  }

  private follow(): void {
    const row = this.book.rows.get(this.picked);
    if (!row || !this.limits || !this.online || this.followed === this.picked) return;
    this.followed = this.picked;
    const id = ++this.nextId;
    const command: Command = { op: 'subscribe', id, symbols: [spelled(row.symbol)], mode: 'every', interval_ms: 0 };
    // An eighth of the ring is left to what comes before the server reads this. A slow page asks for no history.
    const history = this.complete === this.picked || this.readRate !== Infinity ? 0 : Math.floor(this.limits.ring_ticks * 7 / 8);
    const last = Math.max(0, row.seq - history);
    const same = row.epoch === this.book.epoch;
    if (row.seq) command.resume = { epoch: row.epoch, last: { [row.symbol]: same ? last : row.seq } };
    this.complete = this.picked;
    this.asked.set(id, { symbol: row.symbol, last: row.seq && same ? last : undefined });
    this.book.await(row, id);
    this.send(command);
  }

  private restIntervalMs(): number {
    return Math.max(this.intervalMs, Math.min(REST_INTERVAL_MS, this.limits?.interval_ms ?? REST_INTERVAL_MS));
  }

  private setRate(symbols: string[], interval_ms: number): void {
    for (const batch of this.batches(symbols.filter(symbol => symbol !== this.picked).map(spelled))) this.send({ op: 'set', symbols: batch, interval_ms });
  }

  /** `from`: the epoch of what is held. */
  private subscribe({ names, globs }: { names: string[]; globs: string[] }, from = this.book.epoch): void {
    const limits = this.limits;
    if (!limits || (!names.length && !globs.length)) return;
    if (names.length > limits.subscriptions) {
      this.notice = `Only the first ${limits.subscriptions} symbols: the server allows no more`;
      names = names.slice(0, limits.subscriptions);
    }
    const held = [...this.book.rows.values()].filter(row => row.seq && row.epoch === from && row.symbol !== this.picked);
    for (const entries of [...this.batches(names.map(entryOf)), ...this.batches(globs.map(entryOfGlob))]) {
      const command: Command = { op: 'subscribe', symbols: entries.map(sent), mode: 'latest', interval_ms: this.restIntervalMs() };
      // What finds no room here begins with a snapshot.
      let room = limits.message_bytes - FRAMING_BYTES - utf8Bytes(JSON.stringify(command));
      const named = new Watchlist(entries);
      const last = held.filter(row => named.has(row.symbol) && (room -= utf8Bytes(row.symbol) + 24) > 0);
      if (last.length) command.resume = { epoch: from, last: Object.fromEntries(last.map(row => [row.symbol, row.seq])) };
      this.send(command);
    }
    const out = this.list.entries.filter(isLeftOut).map(entry => entry.slice(1));
    if (globs.length) for (const symbols of this.batches(out.filter(name => !isGlob(name)))) this.send({ op: 'unsubscribe', symbols });
    this.fast.clear();
    if (names.includes(this.picked) || globs.some(glob => matches(glob, this.picked))) this.followed = '';
    this.follow();
    this.send({ op: 'list' });
  }

  /** In as many commands as the limit on a message makes necessary. */
  private *batches(symbols: string[]): Generator<string[]> {
    const room = (this.limits?.message_bytes ?? Infinity) - FRAMING_BYTES;
    let batch: string[] = [], left = room;
    for (const symbol of symbols) {
      // Twice: it may stand in `resume` too.
      const cost = 2 * utf8Bytes(JSON.stringify(symbol)) + 24;
      if (batch.length && cost > left) {
        yield batch;
        batch = [];
        left = room;
      }
      batch.push(symbol);
      left -= cost;
    }
    if (batch.length) yield batch;
  }

  private send(command: Command): void {
    this.link?.send(JSON.stringify({ ...command, id: command.id ?? ++this.nextId }));
  }

  private ping(): void {
    // Those that are on their way come, however late: a slow path is what they are to tell of.
    if (this.pings.size >= PINGS_MAX) return;
    const id = ++this.nextId;
    this.pings.set(id, this.outside.nowMs());
    this.send({ op: 'ping', id });
  }

  private forget(symbol: string): void {
    this.book.forget(symbol);
    this.fast.delete(symbol);
    if (this.followed === symbol) this.followed = '';
  }

  // === What is told

  private frame(text: string): void {
    this.heardMs = this.outside.nowMs();
    this.frames++;
    this.bytes += utf8Bytes(text);
    for (const message of JSON.parse(quoteDecimals(text)) as Message[]) this.message(message);
    if (this.unwanted.size) {
      for (const symbols of this.batches([...this.unwanted].map(spelled))) this.send({ op: 'unsubscribe', symbols });
      this.unwanted.clear();
    }
    this.follow();
    this.outside.changed();
  }

  private message(message: Message): void {
    switch (message.type) {
      case 'snapshot':
      case 'update': if (this.wanted(message.symbol)) this.book.data(message); break;
      case 'gap': if (this.wanted(message.symbol)) this.book.gap(message); break;
      case 'welcome': this.welcome(message); break;
      case 'subscribed': this.subscribed(message.id, message.results); break;
      case 'unsubscribed':
      case 'set': this.complain(message.results); break;
      case 'status':
        if (message.pace) this.pace = message.pace;
        if (message.symbol !== undefined && message.state && this.wanted(message.symbol)) this.book.status(message.symbol, message.state);
        break;
      case 'heartbeat':
        this.dirty = message.dirty;
        this.oldestMs = message.oldest_ms;
        break;
      case 'pong': this.pong(message.id, message.ts / 1000); break;
      case 'list': this.listed(message.subscriptions); break;
      case 'error':
        this.notice = `${message.code}: ${message.message}`;
        // It was not read, and it is not said which one it was.
        if (message.code === 'rate_limited') {
          this.pings.clear();
          this.outside.later(1_000, () => this.askAgain());
        }
        break;
      case 'drain':
        this.toldRetryMs = message.retry_ms;
        this.show('draining');
        break;
    }
  }

  private welcome(message: Extract<Message, { type: 'welcome' }>): void {
    const from = this.book.epoch;
    this.book.epoch = message.epoch;
    this.limits = message.limits;
    this.heartbeatMs = message.heartbeat_ms;
    this.openedMs = this.outside.nowMs();
    this.notice = '';
    this.askedByName.clear();
    this.show('connected');
    this.subscribe(this.list.targets(), from || message.epoch);
    this.ping();
  }

  private askAgain(): void {
    if (!this.online) return;
    for (const row of this.book.rows.values()) row.awaiting = undefined;
    this.complete = this.followed = '';
    this.subscribe(this.list.targets());
  }

  private wanted(symbol: string): boolean {
    if (this.book.rows.has(symbol) || this.list.has(symbol)) return true;
    this.unwanted.add(symbol);
    return false;
  }

  private subscribed(id: number | undefined, results: Result[]): void {
    const asked = id === undefined ? undefined : this.asked.get(id);
    if (asked && id !== undefined) {
      this.asked.delete(id);
      const row = this.book.rows.get(asked.symbol), status = results[0]?.status;
      if (row) this.book.answered(row, id, status === 'resumed' || status === 'gap' ? asked.last : undefined);
    }
    for (const { symbol, status, known, matched } of results) if (status === 'pending' && matched === undefined && this.list.names.has(symbol)) this.book.pending(symbol, known !== false);
    this.complain(results);
    const ours = this.list.targets().globs;
    const globs = results.filter(({ symbol, code }) => code === 'too_many_subscriptions' && ours.includes(symbol)).map(({ symbol }) => symbol);
    if (globs.length) void this.fallBack(globs);
  }

  private complain(results: Result[]): void {
    const faults = results.filter(({ status, code }) => status === 'error' && code !== 'not_subscribed');
    const lines = faults.slice(0, 3).map(({ symbol, message }) => `${legible(symbol)}: ${message ?? ''}`);
    if (faults.length > 3) lines.push(`and ${faults.length - 3} more`);
    if (lines.length) this.notice = lines.join('\n');
  }

  /** A glob that matches too much: the first symbols of it, by name. */
  private async fallBack(globs: string[]): Promise<void> {
    const mine = this.link;
    try {
      const some = (await this.outside.symbols()).filter(symbol => globs.some(glob => matches(glob, symbol))).sort().slice(0, FALLBACK_SYMBOLS);
      if (mine !== this.link) return;
      this.notice += `\nThe first ${some.length} of them are shown: search for others to add them`;
      const list = new Watchlist([...new Set([...this.list.entries.filter(entry => !globs.includes(sent(entry))), ...some.map(entryOf)])]);
      this.setList(list);
      this.outside.listCut(list);
    } catch (fault) {
      this.notice += `\n/v1/symbols: ${String(fault)}`;
      this.outside.changed();
    }
  }

  /** The states of all rows. One that is not there is no longer served, and goes. */
  private listed(subscriptions: { symbol: string; state: State }[]): void {
    const held = new Set<string>();
    for (const { symbol, state } of subscriptions) {
      if (!this.wanted(symbol)) continue;
      this.book.status(symbol, state);
      held.add(symbol);
    }
    for (const symbol of [...this.book.rows.keys()]) if (!held.has(symbol)) this.forget(symbol);
    this.setSeen(this.seen);
    const names = [...this.list.names.keys()].filter(name => !held.has(name) && this.list.isInGlob(name) && !this.askedByName.has(name));
    for (const name of names) this.askedByName.add(name);
    this.subscribe({ names, globs: [] });
  }

  private pong(id: number, serverMs: number): void {
    const sentMs = this.pings.get(id), nowMs = this.outside.nowMs();
    if (sentMs === undefined) return;
    this.pings.delete(id);
    this.tripMs = nowMs - sentMs;
    this.clock.pong(sentMs, nowMs, serverMs);
  }
}
