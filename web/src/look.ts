// What a row is called and how it looks: by what the server says of it, and by the age of what is shown. Pure.
//
// Invariant: nothing is called live whose age is not known to be small, whatever else is heard or not heard.

import type { Row } from './book';
import type { State } from './messages';

/** Beside the server's words: `old`, where what is shown is older than a live price is, `unknown`, a name that nobody knows. */
export type Look = Exclude<State, ''> | 'old' | 'unknown' | 'checking' | 'offline';

/** As long as the server has not said after how long it calls a symbol stale. */
export const STALE_MS = 5_000;

/** `serverMs`: the server's time, when it is known. */
export function lookOf(row: Row, online: boolean, serverMs: number | undefined, staleMs: number): Look {
  if (!online) return 'offline';
  if (!row.rxMs) return !row.known ? 'unknown' : row.state === '' || row.state === 'live' ? 'pending' : row.state;
  if (row.state === 'halted' || row.state === 'closed') return row.state;
  if (serverMs === undefined) return row.state === 'stale' ? 'stale' : 'checking';
  if (serverMs - row.rxMs - row.delayMs <= staleMs) return 'live';
  return row.state === 'stale' ? 'stale' : 'old';
}

/** Of some rows with prices: how many there are, how many may be older than a live price is, and the age of the youngest. */
export interface Freshness { prices: number; old: number; youngestMs: number | undefined }

export function freshness(rows: Iterable<Row>, online: boolean, serverMs: number | undefined, staleMs: number): Freshness {
  const found: Freshness = { prices: 0, old: 0, youngestMs: undefined };
  for (const row of rows) {
    if (!row.rxMs) continue;
    found.prices++;
    const ageMs = serverMs === undefined ? Infinity : Math.max(0, serverMs - row.rxMs - row.delayMs);
    if (!online || ageMs > staleMs) found.old++;
    if (ageMs < (found.youngestMs ?? Infinity)) found.youngestMs = ageMs;
  }
  return found;
}
