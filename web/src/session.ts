// The page's session with the server: what is asked for, what is answered, and coming back.
//
// No page in it: the outside world is handed in, and `changed` tells it to look. Invariants: rows on screen, and no others,
// are asked for at the chosen interval; the picked symbol has a second subscription, which brings each of its trades; what was
// held is resumed from.

import { type AckOutside, Acks } from './acks';
import { Decoder } from './binary';
import type { Book, Row } from './book';
import { BinaryFault } from './bytes';
import { ServerClock } from './clock';
import { utc } from './dom';
import type { Encoding, Frame, Link, LinkEvents } from './link';
import { STALE_MS } from './look';
import type { Command, Limits, Message, Result, State } from './messages';
import { comesBack, pauseMs, wantsToken } from './retry';
import { entryOf, entryOfGlob, isGlob, isLeftOut, legible, matches, sent, spelled, Watchlist } from './watchlist';

export type ConnectionState = 'connecting' | 'connected' | 'draining' | 'reconnecting' | 'ended';

export interface Outside extends AckOutside {
  open(encoding: Encoding, rate: number, events: LinkEvents): Link;
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
/** A page whose timers did not come for so long did not run: its tab was frozen, or its machine slept. */
const SLEPT_MS = 5_000;
/** How long the newest of a row may take after a sleep, and behind all that was on its way. */
const WAKING_MS = 10_000;
const CAUGHT_UP_MS = 1_000;
/** For rows that nobody sees. */
const REST_INTERVAL_MS = 5_000;
/** What is shown of a glob that matches more symbols than a session may have. */
const FALLBACK_SYMBOLS = 200;
const FRAMING_BYTES = 200;
const PINGS_MAX = 16;
/** What a connection counts as that ended for a frame that the page cannot read. */
const UNREADABLE = 1006;
/** The name of the picked symbol's own subscription. */
const TAPE = 'tape';

const encoder = new TextEncoder();
/** The length of a text on the wire; nearly all of it is ASCII. */
const utf8Bytes = (text: string): number => /^[\0-\x7f]*$/.test(text) ? text.length : encoder.encode(text).length;

const isData = ({ type }: Message): boolean => type === 'snapshot' || type === 'update' || type === 'gap';

export class Session {
  state: ConnectionState = 'connecting';
  /** Behind `reconnecting`: for how long. */
  retryMs = 0;
  notice = '';
  pace: 'live' | 'conflating' = 'live';
  tripMs: number | undefined;
  dirty = 0;
  oldestMs = 0;
  bytes = 0;
  readonly clock = new ServerClock();
  /** Bytes a second; infinite when reads are not slowed down. */
  readRate = Infinity;
  /** What is offered from the next connection on. */
  encoding: Encoding = 'binary';
  /** After a sleep: what was on its way is as old as the sleep was long, and is not painted where a newer price follows. */
  isCatchingUp = false;
  /** A token would help: there is none that is good for anything here, or it ends soon. */
  wantsToken = false;

  #link: Link | undefined;
  #limits: Limits | undefined;
  #heartbeatMs = 5_000;
  #heardMs = 0;
  #tickedMs = 0;
  /** The ping whose answer stands behind everything that was sent before the page woke. */
  #wakingPing: number | undefined;
  #caughtUpMs = 0;
  #acks: Acks | undefined;
  /** Of binary frames; none before `welcome`, and where frames are JSON. */
  #decoder: Decoder | undefined;
  #openedMs = 0;
  #failures = 0;
  #toldRetryMs: number | undefined;
  #cancelRetry: (() => void) | undefined;
  #nextId = 0;
  readonly #pings = new Map<number, number>();
  /** The commands for the tape that are not answered yet, and the seq behind which each is to go on. */
  readonly #asked = new Map<number, { symbol: string; last: number | undefined }>();
  readonly #unwanted = new Set<string>();
  /** Names that a glob matches and that were asked for by themselves, as no symbol has them. */
  readonly #askedByName = new Set<string>();
  /** Rows that are asked for at the interval of the page. */
  #fast = new Set<string>();
  #seen: ReadonlySet<string> = new Set();
  #picked = '';
  /** The symbol that has a tape on this connection; and whether the server had no room for it. */
  #followed = '';
  #refused = false;

  /** `tape`: the picked symbol as its own subscription has it. */
  constructor(private readonly outside: Outside, readonly book: Book, readonly tape: Book, private list: Watchlist, private intervalMs: number) {}

  get online(): boolean {
    return this.state === 'connected' || this.state === 'draining';
  }

  /** How the frames of this connection are written. */
  get written(): Encoding | '' {
    return !this.online ? '' : this.#decoder ? 'binary' : 'json';
  }

  get watchlist(): Watchlist {
    return this.list;
  }

  /** Older than this, a price is not live. */
  get staleMs(): number {
    return this.#limits?.stale_ms ?? STALE_MS;
  }

  /** Whether the tape has all that there is of the symbol: its history, and what followed. Offline, nothing more comes. */
  isWhole(symbol: string): boolean {
    const row = this.tape.rows.get(symbol);
    if (!row || !this.online) return !this.online;
    return this.#followed === symbol && row.awaiting === undefined && row.seq >= row.knownTo;
  }

  /** The record that is shown of the picked symbol, beside its tape: the tape's own, as soon as that is whole. */
  detail(symbol: string): Row | undefined {
    const row = this.book.rows.get(symbol);
    return row && this.isWhole(symbol) ? this.tape.rows.get(symbol) ?? row : row;
  }

  // === The connection

  connect(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#show(this.book.epoch ? 'reconnecting' : 'connecting');
    this.retryMs = 0;
    this.#openedMs = 0;
    this.#heardMs = this.#tickedMs = this.outside.nowMs();
    this.#pings.clear();
    this.#askTapeAnew();
    this.#decoder = this.#acks = undefined;
    const mine: Link = this.#link = this.outside.open(this.encoding, this.readRate, {
      frame: frame => { if (mine === this.#link) this.#frame(frame); },
      closed: (code, reason) => { if (mine === this.#link) this.#closed(code, reason); },
    });
  }

  /** By a person, after the page had given up. */
  connectAgain(): void {
    this.#failures = 0;
    this.connect();
  }

  /** With another token, which the outside knows by now: on the connection that is up, or on a new one. */
  renew(token: string): void {
    this.wantsToken = false;
    if (this.online) this.#send({ op: 'auth', token });
    else {
      this.#failures = 0;
      this.#reopen();
    }
  }

  /** Reads at most so many bytes a second from now on; a link that cannot do so is replaced by one that can, and resumed. */
  setReadRate(rate: number): void {
    this.readRate = rate;
    if (!this.#link) return;
    if (this.#link.throttles) this.#link.rate = rate;
    else if (rate !== Infinity) this.#reopen();
  }

  /** Once a second: asks for the server's time, and looks whether anything is heard. */
  tick(): void {
    const nowMs = this.outside.nowMs(), sleptMs = nowMs - this.#tickedMs;
    this.#tickedMs = nowMs;
    if (this.isCatchingUp && nowMs >= this.#caughtUpMs) this.#caughtUp();
    if (!this.#link) return;
    if (sleptMs > SLEPT_MS) this.woke();
    const quietMs = nowMs - this.#heardMs;
    if (this.online) {
      if (quietMs > 3 * this.#heartbeatMs) this.#lost(quietMs);
      else this.#ping();
    } else if (quietMs > CONNECT_MS) {
      this.#lost(quietMs);
    }
  }

  /** The page did not run for a while. Nothing could be heard, and what is heard now was sent before. */
  woke(): void {
    if (!this.online) return;
    const nowMs = this.outside.nowMs();
    this.#heardMs = Math.max(this.#heardMs, nowMs - 2 * this.#heartbeatMs);
    this.#wakingPing = this.#ping();
    this.isCatchingUp = this.book.isBacklog = this.tape.isBacklog = true;
    this.#caughtUpMs = nowMs + WAKING_MS;
  }

  /** All that was on its way has been heard, or is lost with its connection. */
  #heardBacklog(): void {
    this.#wakingPing = undefined;
    this.book.isBacklog = this.tape.isBacklog = false;
    this.#caughtUpMs = Math.min(this.#caughtUpMs, this.outside.nowMs() + CAUGHT_UP_MS);
  }

  #caughtUp(): void {
    this.#heardBacklog();
    this.isCatchingUp = false;
    for (const { rows } of [this.book, this.tape]) for (const row of rows.values()) row.isBacklog = false;
    this.outside.changed();
  }

  #reopen(): void {
    const old = this.#link;
    this.#link = undefined;
    old?.close();
    this.connect();
  }

  #lost(quietMs: number): void {
    this.#link?.close();
    this.#closed(1006, `nothing was heard for ${Math.round(quietMs / 1000)} s`);
  }

  #closed(code: number, reason: string): void {
    this.#link = undefined;
    this.#acks?.end();
    const why = `${reason || 'the connection ended'} (${code})`;
    if (!comesBack(code)) {
      this.wantsToken = wantsToken(code);
      this.notice = `Not coming back: ${why}`;
      this.#show('ended');
      return;
    }
    if (this.#openedMs && this.outside.nowMs() - this.#openedMs > SETTLED_MS) this.#failures = 0;
    this.retryMs = pauseMs(this.#failures++, this.outside.chance(), this.#toldRetryMs);
    this.#toldRetryMs = undefined;
    this.notice = `Prices below are old: ${why}`;
    this.#show('reconnecting');
    this.#cancelRetry = this.outside.later(this.retryMs, () => this.connect());
  }

  #show(state: ConnectionState): void {
    this.state = state;
    if (!this.online) this.tripMs = undefined;
    this.pace = 'live';
    this.dirty = 0;
    for (const { rows } of [this.book, this.tape]) for (const row of rows.values()) row.version++;
    this.outside.changed();
  }

  // === What is asked for

  setList(list: Watchlist): void {
    const before = this.list, { globs } = list.targets(), had = before.targets();
    this.list = list;
    const goneGlobs = had.globs.filter(glob => !globs.includes(glob));
    const gone = [...this.book.rows.keys()].filter(symbol => !list.has(symbol));
    const goneNames = had.names.filter(name => !list.has(name) && !this.book.rows.has(name));
    for (const symbol of gone) this.#forget(symbol);
    this.#unwanted.clear();
    // There may be room now.
    if (this.#refused) this.#leave();
    if (this.#limits) {
      const byName = gone.filter(symbol => !goneGlobs.some(glob => matches(glob, symbol)));
      const away = [...goneGlobs, ...[...byName, ...goneNames].map(spelled)];
      for (const symbols of this.#batches(away)) this.#send({ op: 'unsubscribe', symbols });
      // The end of a glob is the end of all that it matched, also of what the list still has; and what is no longer left out
      // comes with its glob.
      const all = goneGlobs.length > 0 || before.entries.some(entry => isLeftOut(entry) && !list.entries.includes(entry));
      this.#subscribe({
        // What a glob would bring by itself is asked for by name when it is not there, so that the page is told why.
        names: [...list.names.keys()].filter(name => list.isInGlob(name) ? !before.names.has(name) && !this.book.rows.has(name) : all || !had.names.includes(name)),
        globs: globs.filter(glob => all || !had.globs.includes(glob)),
      });
    }
    this.outside.changed();
  }

  setInterval(intervalMs: number): void {
    this.intervalMs = intervalMs;
    this.#setRate([...this.#fast], intervalMs);
    if (this.#followed) this.#send({ op: 'set', symbols: [spelled(this.#followed)], as: TAPE, interval_ms: intervalMs });
  }

  /** The rows that are on screen now. */
  setSeen(symbols: ReadonlySet<string>): void {
    this.#seen = symbols;
    if (!this.#limits || !this.online) return;
    const slower = [...this.#fast].filter(symbol => !symbols.has(symbol) && this.book.rows.has(symbol));
    const faster = [...symbols].filter(symbol => !this.#fast.has(symbol) && this.book.rows.has(symbol));
    this.#fast = new Set([...symbols].filter(symbol => this.book.rows.has(symbol)));
    this.#setRate(slower, this.#restIntervalMs());
    this.#setRate(faster, this.intervalMs);
  }

  /** The symbol whose trades are to come, beginning with what the server's ring still has of it. */
  pick(symbol: string): void {
    this.#leave();
    this.#picked = symbol;
    this.#follow();
  }

  #follow(): void {
    const shown = this.book.rows.get(this.#picked);
    if (!shown || !this.#limits || !this.online || this.#followed === this.#picked) return;
    this.#followed = this.#picked;
    const held = this.tape.rows.get(shown.symbol), row = held ?? this.tape.goOn(shown);
    const id = ++this.#nextId;
    // Quotes are merged between trades; where there are no trades, the chart is made of them.
    const mode = row.seq && row.fields.last === undefined ? 'every' : 'trades';
    const command: Command = { op: 'subscribe', id, symbols: [spelled(row.symbol)], as: TAPE, mode, interval_ms: this.intervalMs, numbers: 'string' };
    // An eighth of the ring is left to what comes before the server reads this. A slow page asks for no history.
    const history = held || this.readRate !== Infinity ? 0 : Math.floor(this.#limits.ring_ticks * 7 / 8);
    const last = Math.max(0, row.seq - history);
    const same = row.epoch === this.book.epoch;
    if (row.seq) command.resume = { epoch: row.epoch, last: { [row.symbol]: same ? last : row.seq } };
    this.#asked.set(id, { symbol: row.symbol, last: row.seq && same ? last : undefined });
    this.tape.await(row, id);
    this.#send(command);
  }

  #leave(): void {
    if (this.#followed) this.#send({ op: 'unsubscribe', symbols: [spelled(this.#followed)], as: TAPE });
    this.tape.rows.clear();
    this.#askTapeAnew();
  }

  /** The tape is to be asked for again, and goes on where it is. */
  #askTapeAnew(): void {
    for (const row of this.tape.rows.values()) row.awaiting = undefined;
    this.#asked.clear();
    this.#followed = '';
    this.#refused = false;
  }

  #restIntervalMs(): number {
    return Math.max(this.intervalMs, Math.min(REST_INTERVAL_MS, this.#limits?.interval_ms ?? REST_INTERVAL_MS));
  }

  #setRate(symbols: string[], interval_ms: number): void {
    for (const batch of this.#batches(symbols.map(spelled))) this.#send({ op: 'set', symbols: batch, interval_ms });
  }

  /** `from`: the epoch of what is held. */
  #subscribe({ names, globs }: { names: string[]; globs: string[] }, from = this.book.epoch): void {
    const limits = this.#limits;
    if (!limits || (!names.length && !globs.length)) return;
    // One is the tape's.
    const most = limits.subscriptions - 1;
    if (names.length > most) {
      this.notice = `Only the first ${most} symbols: the server allows no more`;
      names = names.slice(0, most);
    }
    const held = [...this.book.rows.values()].filter(row => row.seq && row.epoch === from);
    for (const entries of [...this.#batches(names.map(entryOf)), ...this.#batches(globs.map(entryOfGlob))]) {
      const command: Command = { op: 'subscribe', symbols: entries.map(sent), mode: 'latest', interval_ms: this.#restIntervalMs(), numbers: 'string' };
      // What finds no room here begins with a snapshot.
      let room = limits.message_bytes - FRAMING_BYTES - utf8Bytes(JSON.stringify(command));
      const named = new Watchlist(entries);
      const last = held.filter(row => named.has(row.symbol) && (room -= utf8Bytes(row.symbol) + 24) > 0);
      if (last.length) command.resume = { epoch: from, last: Object.fromEntries(last.map(row => [row.symbol, row.seq])) };
      this.#send(command);
    }
    const out = this.list.entries.filter(isLeftOut).map(entry => entry.slice(1));
    if (globs.length) for (const symbols of this.#batches(out.filter(name => !isGlob(name)))) this.#send({ op: 'unsubscribe', symbols });
    this.#fast.clear();
    this.#follow();
    this.#send({ op: 'list' });
  }

  /** In as many commands as the limit on a message makes necessary. */
  *#batches(symbols: string[]): Generator<string[]> {
    const room = (this.#limits?.message_bytes ?? Infinity) - FRAMING_BYTES;
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

  #send(command: Command): void {
    this.#link?.send(JSON.stringify({ ...command, id: command.id ?? ++this.#nextId }));
  }

  #ping(): number | undefined {
    // Those that are on their way come, however late: a slow path is what they are to tell of.
    if (this.#pings.size >= PINGS_MAX) return undefined;
    const id = ++this.#nextId;
    this.#pings.set(id, this.outside.nowMs());
    this.#send({ op: 'ping', id });
    return id;
  }

  #forget(symbol: string): void {
    this.book.forget(symbol);
    this.#fast.delete(symbol);
    if (this.tape.rows.has(symbol)) this.#leave();
  }

  // === What is told

  #frame(frame: Frame): void {
    this.#heardMs = this.outside.nowMs();
    this.bytes += typeof frame === 'string' ? utf8Bytes(frame) : frame.length;
    const messages = typeof frame === 'string' ? JSON.parse(frame) as Message[] : this.#decoded(frame);
    if (!messages) return;
    for (const message of messages) this.#message(message);
    if (typeof frame !== 'string' || messages.some(isData)) this.#acks?.handled();
    if (this.#unwanted.size) {
      for (const symbols of this.#batches([...this.#unwanted].map(spelled))) this.#send({ op: 'unsubscribe', symbols });
      this.#unwanted.clear();
    }
    this.#follow();
    this.outside.changed();
  }

  /** The messages of a binary frame; none when it cannot be read, which ends the connection. The next one is JSON. */
  #decoded(frame: Uint8Array): Message[] | undefined {
    try {
      if (!this.#decoder) throw new BinaryFault('an unannounced binary frame', 0);
      return this.#decoder.decode(frame);
    } catch (fault) {
      if (!(fault instanceof BinaryFault)) throw fault;
      this.encoding = 'json';
      this.#link?.close();
      this.#closed(UNREADABLE, fault.message);
      return undefined;
    }
  }

  #message(message: Message): void {
    switch (message.type) {
      case 'snapshot':
      case 'update': this.#bookOf(message)?.data(message); break;
      case 'gap': this.#bookOf(message)?.gap(message); break;
      case 'welcome': this.#welcome(message); break;
      case 'subscribed':
        this.#decoder?.learn(message.fields ?? []);
        this.#subscribed(message.id, message.results);
        break;
      case 'unsubscribed':
      case 'set': this.#complain(message.results); break;
      case 'status':
        if (message.pace) this.pace = message.pace;
        if (message.expires !== undefined) {
          this.wantsToken = true;
          this.notice = `The token ends at ${utc(message.expires / 1000)} UTC: give another one`;
        }
        if (message.symbol !== undefined && message.state) this.#bookOf({ ...message, symbol: message.symbol })?.status(message.symbol, message.state);
        break;
      case 'heartbeat':
        this.dirty = message.dirty;
        this.oldestMs = message.oldest_ms;
        break;
      case 'pong': this.#pong(message.id, message.ts / 1000); break;
      case 'list': this.#listed(message.subscriptions); break;
      case 'auth':
        this.wantsToken = false;
        this.notice = '';
        // What it allows beyond the last one is there to be asked for.
        this.#askAgain();
        break;
      case 'error':
        if (message.code === 'bad_token') this.wantsToken = true;
        this.notice = `${message.code}: ${message.message}`;
        // It was not read, and it is not said which one it was.
        if (message.code === 'rate_limited') {
          this.#pings.clear();
          this.outside.later(1_000, () => this.#askAgain());
        }
        break;
      case 'drain':
        this.#toldRetryMs = message.retry_ms;
        this.#show('draining');
        break;
    }
  }

  #welcome(message: Extract<Message, { type: 'welcome' }>): void {
    const from = this.book.epoch;
    this.book.epoch = this.tape.epoch = message.epoch;
    this.#limits = message.limits;
    if (message.origin !== undefined) this.#decoder = new Decoder(message.origin);
    // Others would answer that they do not know the word.
    if (message.limits.target_delay_ms !== undefined) {
      this.#acks = new Acks(this.outside, seen => this.#link?.send(JSON.stringify({ op: 'ack', seen })));
      this.#acks.begin();
    }
    this.#heartbeatMs = message.heartbeat_ms;
    this.#openedMs = this.outside.nowMs();
    this.notice = '';
    this.#heardBacklog();
    this.#askedByName.clear();
    this.#show('connected');
    this.#subscribe(this.list.targets(), from || message.epoch);
    this.#ping();
  }

  #askAgain(): void {
    if (!this.online) return;
    this.#askTapeAnew();
    this.#subscribe(this.list.targets());
  }

  /** Whose a message is; no one's when it was on its way as its subscription ended. */
  #bookOf({ symbol, as }: { symbol: string; as?: string | undefined }): Book | undefined {
    if (as !== undefined) return as === TAPE && symbol === this.#followed ? this.tape : undefined;
    return this.#wanted(symbol) ? this.book : undefined;
  }

  #wanted(symbol: string): boolean {
    if (this.book.rows.has(symbol) || this.list.has(symbol)) return true;
    this.#unwanted.add(symbol);
    return false;
  }

  #subscribed(id: number | undefined, results: Result[]): void {
    this.#complain(results);
    // What the page asks for is no symbol that the token, or the lack of one, allows.
    if (results.length && results.every(({ code }) => code === 'not_entitled')) this.wantsToken = true;
    if (id !== undefined && results.some(({ as }) => as === TAPE)) {
      this.#answered(id, results[0]?.status);
      return;
    }
    for (const { symbol, status, known, matched, delay_ms = 0, notice = '' } of results) {
      if (status === 'error' || matched !== undefined) continue;
      if (delay_ms || this.book.rows.has(symbol)) this.book.late(symbol, delay_ms, notice);
      if (status === 'pending' && this.list.names.has(symbol)) this.book.pending(symbol, known !== false);
    }
    const ours = this.list.targets().globs;
    const globs = results.filter(({ symbol, code }) => code === 'too_many_subscriptions' && ours.includes(symbol)).map(({ symbol }) => symbol);
    if (globs.length) void this.#fallBack(globs);
  }

  #answered(id: number, status: Result['status'] | undefined): void {
    const asked = this.#asked.get(id), row = asked && this.tape.rows.get(asked.symbol);
    this.#asked.delete(id);
    if (!asked || !row) return;
    // Without a tape, the row of the watchlist is what is shown.
    if (status === 'error') this.#refused = true;
    else this.tape.answered(row, id, status === 'resumed' || status === 'gap' ? asked.last : undefined);
  }

  #complain(results: Result[]): void {
    const faults = results.filter(({ status, code }) => status === 'error' && code !== 'not_subscribed');
    const lines = faults.slice(0, 3).map(({ symbol, as, message }) => `${as === TAPE ? 'Times and sales of ' : ''}${legible(symbol)}: ${message ?? ''}`);
    if (faults.length > 3) lines.push(`and ${faults.length - 3} more`);
    if (lines.length) this.notice = lines.join('\n');
  }

  /** A glob that matches too much: the first symbols of it, by name. */
  async #fallBack(globs: string[]): Promise<void> {
    const mine = this.#link;
    try {
      const some = (await this.outside.symbols()).filter(symbol => globs.some(glob => matches(glob, symbol))).sort().slice(0, FALLBACK_SYMBOLS);
      if (mine !== this.#link) return;
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
  #listed(subscriptions: { symbol: string; as?: string; state: State }[]): void {
    const held = new Set<string>();
    for (const subscription of subscriptions) {
      const { symbol, state } = subscription, book = this.#bookOf(subscription);
      book?.status(symbol, state);
      if (book === this.book) held.add(symbol);
    }
    for (const symbol of [...this.book.rows.keys()]) if (!held.has(symbol)) this.#forget(symbol);
    this.setSeen(this.#seen);
    const names = [...this.list.names.keys()].filter(name => !held.has(name) && this.list.isInGlob(name) && !this.#askedByName.has(name));
    for (const name of names) this.#askedByName.add(name);
    this.#subscribe({ names, globs: [] });
  }

  #pong(id: number, serverMs: number): void {
    const sentMs = this.#pings.get(id), nowMs = this.outside.nowMs();
    if (sentMs === undefined) return;
    this.#pings.delete(id);
    if (id === this.#wakingPing) this.#heardBacklog();
    this.tripMs = nowMs - sentMs;
    this.clock.pong(sentMs, nowMs, serverMs);
  }
}
