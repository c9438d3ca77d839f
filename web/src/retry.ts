// Whether and when to come back behind a connection that has ended. Pure: chance is handed in.

const FIRST_MS = 250;
const LONGEST_MS = 15_000;
/** 1002, 1003, 1007 and 1009: this client is at fault, and the same would happen again. */
const OWN_FAULTS = [1000, 1002, 1003, 1007, 1009];

/** What docs/PROTOCOL.md advises for a close code. */
export function comesBack(code: number): boolean {
  return !OWN_FAULTS.includes(code) && !(code >= 4100 && code < 4200);
}

/** Whether another token would change it: none or a bad one, an expired one, a revoked one. */
export const wantsToken = (code: number): boolean => code === 4101 || code === 4102 || code === 4104;

/**
 * The pause before the next attempt. `told`: the time of its own that a drain gave this session. Otherwise it doubles with
 * each failure in a row; half of it is chance, as who was cut off together should not come back together.
 */
export function pauseMs(failures: number, chance: number, told?: number): number {
  if (told !== undefined) return told;
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 16)) * (0.5 + chance / 2);
}
