// The watchlist, as it stands in the address: `?symbols=BTCUSDT,ETH*,!ETHBTC&pick=BTCUSDT&interval=100`.
//
// An entry is a name, a glob with `*`, or either behind `!`, which leaves it out. `\*` is a star itself, as the server has it,
// and `\!` a first `!` of a name, which is this page's own. The address is the one place where the list is kept, so that it can
// be shared, bookmarked and gone back to.

export interface View {
  entries: string[];
  /** The symbol whose chart and trades are shown; empty for the first one. */
  pick: string;
  /** The least time between two messages of a row on screen. */
  intervalMs: number;
  /** What rows are sorted by; a `-` before it turns it around. Empty for the order of the list. */
  sort: string;
  /** JSON frames, where binary ones are not wanted: `encoding=json`. */
  isJson: boolean;
}

export const INTERVALS_MS: readonly number[] = [0, 100, 250, 1000];
const INTERVAL_DEFAULT_MS = 100;
const ALL = '*';

export const isGlob = (entry: string): boolean => entry.replaceAll('\\*', '').includes('*');
export const isLeftOut = (entry: string): boolean => entry.startsWith('!');
/** A symbol as commands name it: escaped, it is no glob. */
export const spelled = (symbol: string): string => symbol.replaceAll('*', '\\*');
/** A symbol as an entry that names it, and a glob as one. */
export const entryOf = (symbol: string): string => entryOfGlob(spelled(symbol));
export const entryOfGlob = (glob: string): string => glob.replace(/^!/, '\\!');
/** An entry as commands have it. */
export const sent = (entry: string): string => entry.replace(/^\\!/, '!');
/** The symbol that an entry names. */
export const symbolOf = (entry: string): string => sent(entry).replaceAll('\\*', '*');
const UNSEEN = /[\p{Cc}\u00ad\u061c\u115f\u1160\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu;

/** A symbol as it is shown: what turns letters around, breaks lines or is not seen is written out. */
export const legible = (symbol: string): string => symbol.replace(UNSEEN, char => `\\u{${char.codePointAt(0)?.toString(16)}}`);

/** Any run of characters in a glob with escapes: no symbol has it. */
const ANY = '\0';

export function parseView(query: string): View {
  const parameters = new URLSearchParams(query);
  const listed = parameters.getAll('symbols').join().split(',').map(entry => entry.trim());
  const entries = [...new Set(listed)].filter(entry => entry !== '' && entry !== '!');
  const interval = Number(parameters.get('interval') ?? INTERVAL_DEFAULT_MS);
  return {
    entries: entries.some(entry => !isLeftOut(entry)) || parameters.has('symbols') ? entries : [ALL],
    pick: parameters.get('pick') ?? '',
    intervalMs: INTERVALS_MS.includes(interval) ? interval : INTERVAL_DEFAULT_MS,
    sort: parameters.get('sort') ?? '',
    isJson: parameters.get('encoding') === 'json',
  };
}

/** The query for a view, with what may stand unescaped in a query left as a person would write it. */
export function formatView(view: View): string {
  const plain = (text: string): string => encodeURIComponent(text).replace(/%(2F|3A|40)/g, decodeURIComponent);
  const parts: string[] = [];
  if (view.entries.length !== 1 || view.entries[0] !== ALL) parts.push('symbols=' + view.entries.map(plain).join());
  if (view.pick) parts.push('pick=' + plain(view.pick));
  if (view.intervalMs !== INTERVAL_DEFAULT_MS) parts.push(`interval=${view.intervalMs}`);
  if (view.sort) parts.push('sort=' + plain(view.sort));
  if (view.isJson) parts.push('encoding=json');
  return parts.length ? '?' + parts.join('&') : '';
}

/** Whether a glob matches, in time that is bounded by the product of the lengths: the pattern may come with a link. */
export function matches(glob: string, text: string): boolean {
  const escapes = glob.includes('\\'), any = escapes ? ANY : '*';
  if (escapes) glob = glob.replace(/\\?\*/g, star => star === '*' ? ANY : '*');
  let at = 0, in_ = 0, star = -1, back = 0;
  while (in_ < text.length) {
    if (glob[at] === any) {
      star = at++;
      back = in_;
    } else if (at < glob.length && glob[at] === text[in_]) {
      at++;
      in_++;
    } else if (star >= 0) {
      at = star + 1;
      in_ = ++back;
    } else {
      return false;
    }
  }
  while (glob[at] === any) at++;
  return at === glob.length;
}

/** A list of entries, made ready to be asked. */
export class Watchlist {
  readonly entries: readonly string[];
  /** Names, and their places. */
  readonly names = new Map<string, number>();
  readonly #globs: [string, number][] = [];
  readonly #outNames = new Set<string>();
  readonly #outGlobs: string[] = [];

  constructor(entries: readonly string[]) {
    this.entries = entries;
    entries.forEach((entry, place) => {
      if (isLeftOut(entry)) {
        const out = entry.slice(1);
        if (isGlob(out)) this.#outGlobs.push(out);
        else this.#outNames.add(out.replaceAll('\\*', '*'));
      } else if (isGlob(entry)) {
        this.#globs.push([sent(entry), place]);
      } else {
        this.names.set(symbolOf(entry), place);
      }
    });
  }

  /** The place of the first entry that has the symbol; none when it is not on the list. A name stands above `!`. */
  place(symbol: string): number | undefined {
    const named = this.names.get(symbol);
    if (named !== undefined) return named;
    if (this.#outNames.has(symbol) || this.#outGlobs.some(glob => matches(glob, symbol))) return undefined;
    return this.#globs.find(([glob]) => matches(glob, symbol))?.[1];
  }

  has(symbol: string): boolean {
    return this.place(symbol) !== undefined;
  }

  /** What is asked of the server: symbols, and globs as it reads them. A name that a glob matches is left to the glob: asked for again, it would begin anew. */
  targets(): { names: string[]; globs: string[] } {
    return { names: [...this.names.keys()].filter(name => !this.isInGlob(name)), globs: this.#globs.map(([glob]) => glob) };
  }

  isInGlob(name: string): boolean {
    return this.#globs.some(([glob]) => matches(glob, name));
  }

  with(entry: string): Watchlist {
    const out = '!' + sent(entry), others = this.entries.filter(other => other !== entry && other !== out);
    // What is no longer left out comes by its glob.
    const already = this.entries.includes(out) && !isGlob(entry) && !isLeftOut(entry) && new Watchlist(others).has(symbolOf(entry));
    return new Watchlist(already ? others : [...others, entry]);
  }

  /** Without an entry; or without a symbol that a glob has, which is then left out by name. */
  without(entry: string): Watchlist {
    const left = new Watchlist(this.entries.filter(other => other !== entry));
    return !isGlob(entry) && !isLeftOut(entry) && left.has(symbolOf(entry)) ? new Watchlist([...left.entries, '!' + sent(entry)]) : left;
  }
}
