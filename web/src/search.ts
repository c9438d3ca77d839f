// The search box: filters the table as it is typed into, offers symbols that are not in it, and adds them.

import { byId, make } from './dom';
import { entryOf, isGlob, legible, matches, symbolOf } from './watchlist';

const OFFERS_MAX = 12;
const FRESH_MS = 5_000;

export interface SearchHooks {
  symbols(): Promise<string[]>;
  watched(symbol: string): boolean;
  filter(text: string): void;
  /** A symbol that is watched. */
  go(symbol: string): void;
  add(entry: string): void;
  leave(): void;
}

/** What a text finds: itself as a part of the name, or as a glob. Case is not looked at. */
export function finder(text: string): (symbol: string) => boolean {
  const upper = text.trim().toUpperCase();
  const glob = isGlob(upper) ? upper : `*${upper}*`;
  return symbol => matches(glob, symbol.toUpperCase());
}

export class Search {
  readonly #input = byId<HTMLInputElement>('search');
  readonly #list = byId('found');
  /** `symbol`: empty for a glob. */
  #offers: { entry: string; symbol: string; watched: boolean }[] = [];
  #active = -1;
  #all: string[] = [];
  #askedMs = -Infinity;

  constructor(private readonly hooks: SearchHooks) {
    this.#input.addEventListener('input', () => void this.#changed());
    this.#input.addEventListener('focus', () => void this.#changed());
    this.#input.addEventListener('blur', () => this.#close());
    this.#input.addEventListener('keydown', event => this.#key(event));
    // Before the box loses the focus.
    this.#list.addEventListener('pointerdown', event => {
      event.preventDefault();
      const at = [...this.#list.children].indexOf((event.target as Element).closest('li') as Element);
      if (at >= 0) this.#take(at);
    });
  }

  focus(): void {
    this.#input.focus();
    this.#input.select();
  }

  async #changed(): Promise<void> {
    this.hooks.filter(this.#input.value);
    this.#offer();
    const nowMs = performance.now();
    if (nowMs - this.#askedMs < FRESH_MS) return;
    this.#askedMs = nowMs;
    try {
      this.#all = (await this.hooks.symbols()).sort();
    } catch {
      // The server is away, as the badge says; what is typed can still be added.
      this.#askedMs = -Infinity;
    }
    if (document.activeElement === this.#input) this.#offer();
  }

  #offer(): void {
    const text = this.#input.value.trim(), named = symbolOf(text);
    this.#offers = [];
    if (text) {
      const finds = finder(text);
      const found = this.#all.filter(finds).map(symbol => ({ entry: entryOf(symbol), symbol, watched: this.hooks.watched(symbol) }));
      // What can be added stands above what is there.
      this.#offers = [...found.filter(({ watched }) => !watched), ...found.filter(({ watched }) => watched)].slice(0, OFFERS_MAX);
      if (isGlob(text)) this.#offers.unshift({ entry: text, symbol: '', watched: false });
      else if (!this.#offers.some(({ symbol }) => symbol === named)) this.#offers.push({ entry: text, symbol: named, watched: this.hooks.watched(named) });
    }
    this.#active = this.#offers.length ? 0 : -1;
    this.#show();
  }

  #show(): void {
    this.#list.replaceChildren(...this.#offers.map(({ entry, symbol, watched }, at) => {
      const item = make('li');
      item.id = `found-${at}`;
      item.setAttribute('role', 'option');
      item.setAttribute('aria-selected', String(at === this.#active));
      item.append(make('span', '', legible(symbol || entry)), make('small', '', watched ? 'go to' : isGlob(entry) ? 'add all, also later ones' : this.#all.includes(symbol) ? 'add' : 'add, no tick yet'));
      return item;
    }));
    this.#list.hidden = !this.#offers.length;
    this.#input.setAttribute('aria-expanded', String(this.#offers.length > 0));
    if (this.#active >= 0) this.#input.setAttribute('aria-activedescendant', `found-${this.#active}`);
    else this.#input.removeAttribute('aria-activedescendant');
    this.#list.children[this.#active]?.scrollIntoView({ block: 'nearest' });
  }

  #take(at: number): void {
    const offer = this.#offers[at];
    if (!offer) return;
    this.#clear();
    if (offer.watched) {
      this.hooks.go(offer.symbol);
      this.hooks.leave();
    } else {
      this.hooks.add(offer.entry);
    }
  }

  #clear(): void {
    this.#input.value = '';
    this.hooks.filter('');
    this.#close();
  }

  #close(): void {
    this.#offers = [];
    this.#active = -1;
    this.#show();
  }

  #key(event: KeyboardEvent): void {
    const count = this.#offers.length;
    if (event.key === 'Escape') {
      const leave = this.#input.value === '';
      this.#clear();
      if (leave) this.hooks.leave();
    } else if (event.key === 'Enter') {
      this.#take(this.#active);
    } else if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && count) {
      this.#active = (this.#active + (event.key === 'ArrowDown' ? 1 : count - 1)) % count;
      this.#show();
    } else {
      return;
    }
    event.preventDefault();
  }
}
