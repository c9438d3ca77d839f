// Exact decimals: the text of a number as it stands on the wire, and arithmetic on it.
//
// JSON numbers would become doubles, which are exact to 15 significant digits; records have up to 19, and volumes up to 42. So
// the page asks for text (`"numbers":"string"`), which also holds for configured integers; binary frames are exact by
// themselves. Counts and times stay numbers: doubles hold them.
//
// Invariant: what is shown has the digits that were sent; zeros may be added at its end, nothing is rounded but percentages.

const FRACTION_DIGITS = 18;

/** In units of 1e-18, or of a smaller power of ten. */
export function scaled(text: string, fractionDigits = FRACTION_DIGITS): bigint {
  const dot = text.indexOf('.');
  const digits = dot < 0 ? text + '0'.repeat(fractionDigits) : text.slice(0, dot) + text.slice(dot + 1).padEnd(fractionDigits, '0');
  return BigInt(digits);
}

/** The shortest text of so many units of 1e-18, or of another power of ten. */
export function unscaled(units: bigint, fractionDigits = FRACTION_DIGITS): string {
  const digits = (units < 0n ? -units : units).toString().padStart(fractionDigits + 1, '0');
  const fraction = digits.slice(-fractionDigits).replace(/0+$/, '');
  return (units < 0n ? '-' : '') + digits.slice(0, -fractionDigits) + (fraction && '.' + fraction);
}

/** Below 0, 0 or above 0, as `a` is below, equal to or above `b`. */
export function compare(a: string, b: string): number {
  if (a === b) return 0;
  const digits = Math.max(FRACTION_DIGITS, places(a), places(b)), difference = scaled(a, digits) - scaled(b, digits);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** Decimal places. */
export function places(text: string): number {
  const dot = text.indexOf('.');
  return dot < 0 ? 0 : text.length - dot - 1;
}

/** With zeros up to `least` decimal places, so that columns do not jump. */
export function padded(text: string, least: number): string {
  const had = places(text);
  return had >= least ? text : text + (had ? '' : '.') + '0'.repeat(least - had);
}

/** With a comma between each three digits before the point. */
export function grouped(text: string): string {
  const [whole = '', fraction] = text.split('.');
  const commas = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return fraction === undefined ? commas : `${commas}.${fraction}`;
}

/** As every number of the page is written: grouped, and with zeros up to `least` decimal places. */
export function written(text: string | undefined, least = 0): string {
  return text === undefined ? '' : grouped(padded(text, least));
}

/** What lies between two prices, exactly: it may have one decimal place more than they. */
export function between(bid: string, ask: string): string {
  return unscaled((scaled(bid) + scaled(ask)) * 5n, FRACTION_DIGITS + 1);
}

/** `ask` less `bid`, exactly. */
export function spread(bid: string, ask: string): string {
  return unscaled(scaled(ask) - scaled(bid));
}

/** How far `last` is from `open`, in hundredths of a percent, rounded half away from zero; none when `open` is 0. */
export function changeHundredths(last: string, open: string): number | undefined {
  const from = scaled(open);
  if (from === 0n) return undefined;
  const base = from < 0n ? -from : from;
  const twice = (scaled(last) - from) * 20_000n / base;
  return Number((twice + (twice < 0n ? -1n : 1n)) / 2n);
}

/** `+1.50`, `-0.02`, `0.00`. */
export function percent(hundredths: number): string {
  const sign = hundredths > 0 ? '+' : hundredths < 0 ? '-' : '';
  const size = Math.abs(hundredths);
  return `${sign}${Math.floor(size / 100)}.${String(size % 100).padStart(2, '0')}`;
}
