// How long the messages of a data frame take to read: from binary frames, and by `JSON.parse` from JSON frames that say the
// same. Run by `web/build.sh --bench`.
import { Decoder } from '../src/binary';
import { DECIMALS, type Data, type Message } from '../src/messages';
import { FrameWriter, type Json } from './frames';

const ORIGIN = 1_795_416_000_000_000;
const SYMBOLS = 500;
const MESSAGES_A_FRAME = 20;
const FRAMES = 500;
const ROUNDS = 40;
const UPDATES = FRAMES * MESSAGES_A_FRAME;

let seed = 11;
const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
const money = (units: number, places: number): string => (units / 10 ** places).toFixed(places).replace(/\.?0+$/, '');

/** One symbol, whose price takes small steps. */
class Market {
  private mid = 1_000_000 + random(9_000_000);
  private volume = 0;
  private trades = 0;

  constructor(readonly symbol: string) {}

  quote(): Json {
    this.mid += random(21) - 10;
    return { bid: money(this.mid, 2), bid_size: money(1 + random(500_000), 5), ask: money(this.mid + 1 + random(3), 2), ask_size: money(1 + random(500_000), 5) };
  }

  trade(): Json {
    const size = 1 + random(100_000);
    this.volume += size;
    return { last: money(this.mid, 2), last_size: money(size, 5), side: random(2) ? 'buy' : 'sell', volume: money(this.volume, 5), trades: ++this.trades };
  }
}

/** What the messages of a workload name. */
const WORKLOADS: { [name: string]: (market: Market) => Json } = {
  'each tick: two quotes, one trade': market => random(3) ? market.quote() : market.trade(),
  'conflated: quote and trade, n': market => ({ ...market.quote(), ...market.trade(), n: 2 + random(20) }),
};

interface Frames { binary: Uint8Array[]; json: string[] }

function framesOf(named: (market: Market) => Json): Frames {
  const markets = Array.from({ length: SYMBOLS }, (_, at) => new Market(`SIM-${String(at + 1).padStart(4, '0')}`));
  const writer = new FrameWriter(ORIGIN), seqs = new Map<Market, number>();
  const frames: Frames = { binary: [], json: [] };
  let rx = ORIGIN + 3_600_000_000;
  // Each symbol has been named.
  for (const { symbol } of markets) writer.say({ type: 'snapshot', symbol, seq: 1, ts: rx, rx });
  frames.binary.push(writer.take());
  for (let frame = 0; frame < FRAMES; frame++) {
    const messages = Array.from({ length: MESSAGES_A_FRAME }, () => {
      const market = markets[random(SYMBOLS)] as Market, { n, ...fields } = named(market), seq = (seqs.get(market) ?? 1_000_000) + Number(n ?? 1);
      seqs.set(market, seq);
      rx += 1 + random(100);
      return { type: 'update', symbol: market.symbol, seq, ts: rx - random(50), rx, ...fields, ...n !== undefined && { n } };
    });
    for (const message of messages) writer.say(message);
    frames.binary.push(writer.take());
    frames.json.push(JSON.stringify(messages));
  }
  return frames;
}

/** The fastest of several rounds, in ns an update: what others did on the machine is not counted. */
function nsOf(round: () => number): number {
  let best = Infinity;
  for (let time = 0; time < ROUNDS; time++) {
    const begin = performance.now(), told = round();
    if (told !== UPDATES) throw new Error(`${told} messages, not ${UPDATES}`);
    best = Math.min(best, performance.now() - begin);
  }
  return best * 1e6 / UPDATES;
}

let digits = 0;
/** As a page does that shows them. */
const readAll = (message: Data): void => { for (const name of DECIMALS) digits += message[name]?.length ?? 0; };

function binary({ binary: [names, ...frames] }: Frames, read?: (message: Data) => void): number {
  const decoder = new Decoder(ORIGIN);
  decoder.decode(names as Uint8Array);
  let told = 0;
  for (const frame of frames) for (const message of decoder.decode(frame)) {
    told++;
    if (read) read(message as Data);
  }
  return told;
}

function json({ json }: Frames): number {
  let told = 0;
  for (const frame of json) told += (JSON.parse(frame) as Message[]).length;
  return told;
}

for (const [name, named] of Object.entries(WORKLOADS)) {
  const frames = framesOf(named), bytes = (all: { length: number }[]): string => (all.reduce((sum, frame) => sum + frame.length, 0) / UPDATES).toFixed(1);
  console.log(`${name}, ${MESSAGES_A_FRAME} a frame: ${bytes(frames.binary.slice(1))} bytes an update, JSON ${bytes(frames.json)}`);
  const row = (what: string, round: () => number): void => { console.log(`  ${what.padEnd(44)}${nsOf(round).toFixed(0).padStart(6)} ns an update`); };
  row('binary', () => binary(frames));
  row('binary, and each decimal as text', () => binary(frames, readAll));
  row('JSON.parse', () => json(frames));
}
if (!digits) throw new Error('nothing was read');
