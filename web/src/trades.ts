// What a message says of trades: a new one, or that an older one never was, or is another. Pure.
//
// It is read of messages that merge no two trades: those of the modes `trades` and `every`. Invariant: the fields of a cancel
// or a correction are what has become of the record, and no trade.

import type { Affect, Data, Side } from './messages';

export interface NewTrade {
  price: string;
  size: string;
  side: Side;
  /** Empty where the feed gives none. */
  id: string;
  /** What it moves; none given: everything. */
  affects: readonly Affect[] | undefined;
}

/** What is said of an earlier trade; what a correction does not name stays. */
export interface Revision { id: string; isCancel: boolean; price: string | undefined; size: string | undefined; side: Side | undefined }

export function newTrade(message: Data): NewTrade | undefined {
  if (message.type === 'snapshot' || revision(message)) return undefined;
  const { last, last_size, side, trade_id } = message.trade ?? message;
  if (typeof last !== 'string' || typeof last_size !== 'string') return undefined;
  return { price: last, size: last_size, side: side ?? 'unknown', id: trade_id ?? '', affects: message.trade?.affects };
}

export function revision({ cancel, correct, trade }: Data): Revision | undefined {
  const id = cancel ?? correct;
  return id === undefined ? undefined : { id, isCancel: cancel !== undefined, price: trade?.last, size: trade?.last_size, side: trade?.side };
}

export const moves = (affects: readonly Affect[] | undefined, what: Affect): boolean => affects?.includes(what) ?? true;
