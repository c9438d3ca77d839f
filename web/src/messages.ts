// The messages of docs/PROTOCOL.md that the dashboard reads, with decimals as text.

export type Decimal = 'bid' | 'bid_size' | 'ask' | 'ask_size' | 'last' | 'last_size' | 'open' | 'high' | 'low' | 'volume';

export const DECIMALS: readonly Decimal[] = ['bid', 'bid_size', 'ask', 'ask_size', 'last', 'last_size', 'open', 'high', 'low', 'volume'];

export type Side = 'buy' | 'sell' | 'unknown';

export type Fields = { [name in Decimal]?: string } & { side?: Side; trade_id?: string; trades?: number };

/** What a message says of each field: `null` withdraws it. */
export type Told = { [name in keyof Fields]?: Fields[name] | null | undefined };

/** A trade that moves less than all of the record, or what a correction makes of one. */
export interface Trade { last?: string; last_size?: string; side?: Side; trade_id?: string; affects?: readonly Affect[] }

/** What a trade moves: the last trade, high and low, volume and the number of trades. */
export type Affect = 'last' | 'high_low' | 'volume';

export type State = '' | 'live' | 'stale' | 'pending' | 'halted' | 'closed';

/** A snapshot or an update. */
export interface Data extends Told {
  type: 'snapshot' | 'update';
  /** The subscription's name; absent: the one without. */
  as?: string | undefined;
  symbol: string;
  seq: number;
  /** Microseconds: the feed's event time, and when the service took the tick in. */
  ts: number;
  rx: number;
  n?: number;
  /** Of the newest tick: the trade that it cancels, or corrects. */
  cancel?: string | undefined;
  correct?: string | undefined;
  trade?: Trade | undefined;
  /** The configured fields, where they do not stand among the others. */
  [CONFIGURED]?: Configured;
}

/** Numbers and texts, and null where a field is withdrawn. */
export type Configured = Iterable<readonly [string, string | null]>;

export const CONFIGURED: unique symbol = Symbol('configured fields');

/** What stands in a message beside the fields of the server's configuration. */
const OWN: ReadonlySet<string> = new Set(['type', 'as', 'symbol', 'seq', 'ts', 'rx', 'n', 'delay_ms', 'cancel', 'correct', 'trade', ...DECIMALS, 'side', 'trade_id', 'trades']);

/** The configured fields of a message. */
export function configured(message: Data): Configured {
  return message[CONFIGURED] ?? besideOwn(message);
}

function* besideOwn(message: Data): Generator<[string, string | null]> {
  for (const [name, value] of Object.entries(message) as [string, unknown][]) {
    if (OWN.has(name)) continue;
    if (value === null || typeof value === 'string') yield [name, value];
    else if (typeof value === 'number') yield [name, String(value)];
  }
}

export interface Gap { type: 'gap'; as?: string | undefined; symbol: string; from: number; to: number; reason: string }

export interface Result { symbol: string; as?: string; status: 'ok' | 'pending' | 'resumed' | 'gap' | 'error'; known?: boolean; matched?: number; delay_ms?: number; notice?: string; code?: string; message?: string }

/** `target_delay_ms`: the server takes acknowledgements. */
export interface Limits { subscriptions: number; message_bytes: number; interval_ms: number; ring_ticks: number; commands_burst: number; stale_ms?: number; target_delay_ms?: number }

/** A field as binary frames number it. */
export interface FieldEntry { id: number; name: string; kind: string }

export type Message =
  | Data
  | Gap
  /** `origin`: in us, from which binary frames count */
  | { type: 'welcome'; session: string; epoch: string; origin?: number; heartbeat_ms: number; limits: Limits }
  | { type: 'subscribed'; id?: number; results: Result[]; fields?: FieldEntry[] }
  | { type: 'unsubscribed' | 'set'; id?: number; results: Result[] }
  /** `expires`: in us, when the token of this session ends. */
  | { type: 'status'; as?: string; symbol?: string; state?: State; pace?: 'live' | 'conflating'; expires?: number }
  | { type: 'auth'; id?: number; expires?: number }
  | { type: 'heartbeat'; dirty: number; oldest_ms: number }
  | { type: 'pong'; id: number; ts: number }
  | { type: 'list'; id?: number; subscriptions: { symbol: string; as?: string; state: State }[] }
  | { type: 'error'; id?: number; code: string; message: string }
  | { type: 'drain'; retry_ms: number };

export interface Command {
  op: 'subscribe' | 'unsubscribe' | 'set' | 'list' | 'ping' | 'auth';
  id?: number;
  symbols?: string[];
  token?: string;
  as?: string;
  mode?: 'latest' | 'every' | 'trades';
  interval_ms?: number;
  numbers?: 'string';
  resume?: { epoch: string; last: Record<string, number> };
}
