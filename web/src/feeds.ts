// The feeds and how they are, asked for every few seconds.

import { grouped } from './decimal';
import { make } from './dom';

const LOOK_MS = 3_000;

/** As `/v1/feeds` has it. */
export interface Feed {
  name: string;
  kind: string;
  condition: 'running' | 'held' | 'ended' | 'stale' | 'dark' | 'failed';
  connected: boolean | null;
  connections: number | null;
  connections_wanted: number | null;
  reconnects: number;
  /** `null` for who may read only some symbols. */
  ingested: number | null;
  lag_ms: number | null;
  reason: string | null;
}

/** What stands behind the name: what a person should know. */
export function feedText({ name, condition, connected, connections, connections_wanted, reason }: Feed): string {
  const word = condition !== 'running' ? condition : connected === false ? 'connecting' : connections !== connections_wanted ? `${connections} of ${connections_wanted}` : '';
  return [name, word && `${word}${reason && condition !== 'running' ? `: ${reason}` : ''}`].filter(Boolean).join(' ');
}

const lookOf = ({ condition, connected, reason }: Feed): string =>
  condition === 'held' || condition === 'ended' || connected === false && !reason ? 'idle' : reason ? 'bad' : '';

export class Feeds {
  #askedMs: number | undefined;
  #shown = '';

  constructor(private readonly list: HTMLElement, private readonly ask: () => Promise<Feed[]>) {}

  /** Asks when it is time; of a server that is away nothing is known. */
  async look(online: boolean, nowMs: number): Promise<void> {
    if (online) {
      // Whether a token is needed is known a moment after the connection is up.
      this.#askedMs ??= nowMs - LOOK_MS + 900;
      if (nowMs - this.#askedMs < LOOK_MS) return;
    }
    this.#askedMs = online ? nowMs : undefined;
    // An older server has no such path, and a token may not read it.
    this.#paint(online ? await this.ask().catch(() => []) : []);
  }

  #paint(feeds: Feed[]): void {
    // Whoever publishes nothing needs no feed for it.
    const used = feeds.filter(({ kind, ingested }) => kind !== 'push' || ingested !== 0);
    const shown = JSON.stringify(used.map(feed => [feedText(feed), lookOf(feed)]));
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.list.replaceChildren(...used.map(feed => {
      const item = make('li', lookOf(feed), feedText(feed));
      item.title = `${feed.kind}: ${feed.condition}, ${feed.ingested === null ? '' : `${grouped(String(feed.ingested))} ticks, ${feed.lag_ms} ms behind, `}${feed.reconnects} reconnects${feed.reason ? `. ${feed.reason}` : ''}`;
      return item;
    }));
  }
}
