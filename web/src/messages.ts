// The messages of docs/PROTOCOL.md that the dashboard reads, with decimals as text (see decimal.ts).

export type Decimal = 'bid' | 'bid_size' | 'ask' | 'ask_size' | 'last' | 'last_size' | 'open' | 'high' | 'low' | 'volume';

export const DECIMALS: readonly Decimal[] = ['bid', 'bid_size', 'ask', 'ask_size', 'last', 'last_size', 'open', 'high', 'low', 'volume'];

export type Fields = { [name in Decimal]?: string } & { side?: 'buy' | 'sell' | 'unknown'; trades?: number };

/** What a message says of each field: `null` withdraws it. */
export type Told = { [name in keyof Fields]?: Fields[name] | null };

export type State = '' | 'live' | 'stale' | 'pending' | 'halted' | 'closed';

/** A snapshot or an update. */
export interface Data extends Told {
  type: 'snapshot' | 'update';
  symbol: string;
  seq: number;
  /** Microseconds: the feed's event time, and when the service took the tick in. */
  ts: number;
  rx: number;
  n?: number;
}

export interface Gap { type: 'gap'; symbol: string; from: number; to: number; reason: string }

export interface Result { symbol: string; status: 'ok' | 'pending' | 'resumed' | 'gap' | 'error'; known?: boolean; matched?: number; code?: string; message?: string }

export interface Limits { subscriptions: number; message_bytes: number; interval_ms: number; ring_ticks: number; commands_burst: number; stale_ms?: number }

export type Message =
  | Data
  | Gap
  | { type: 'welcome'; session: string; epoch: string; heartbeat_ms: number; limits: Limits }
  | { type: 'subscribed' | 'unsubscribed' | 'set'; id?: number; results: Result[] }
  | { type: 'status'; symbol?: string; state?: State; pace?: 'live' | 'conflating' }
  | { type: 'heartbeat'; dirty: number; oldest_ms: number }
  | { type: 'pong'; id: number; ts: number }
  | { type: 'list'; id?: number; subscriptions: { symbol: string; state: State }[] }
  | { type: 'error'; id?: number; code: string; message: string }
  | { type: 'drain'; retry_ms: number };

export interface Command {
  op: 'subscribe' | 'unsubscribe' | 'set' | 'list' | 'ping';
  id?: number;
  symbols?: string[];
  mode?: 'latest' | 'every';
  interval_ms?: number;
  resume?: { epoch: string; last: Record<string, number> };
}
