// Massive's own client for crypto, by the name of its package: it has an older one too.
import { createRequire } from 'node:module';
const { ws, symbols, trade, quote, unsubscribes } = createRequire(import.meta.url)('./seen.cjs');

const AGGRESSOR = { 1: 'sell', 2: 'buy' };
const params = symbols.flatMap((symbol) => ['XT', 'XQ'].map((kind) => `${kind}.${symbol.replace('USDT', '-USDT')}`)).join(',');

export async function run(name) {
  const { websocketClient } = await import(`${process.env.CLIENTS_NODE}/node_modules/${name}/dist/main.js`);
  const stream = websocketClient('key', ws).crypto();
  stream.onerror = (fault) => console.error(fault.message);
  stream.onmessage = ({ data }) => {
    for (const one of JSON.parse(data)) {
      if (one.status === 'auth_success') stream.send(JSON.stringify({ action: 'subscribe', params }));
      else if (one.ev === 'XT') trade(one.pair.replace('-', ''), one.p, one.s, AGGRESSOR[one.c[0]], one.t);
      else if (one.ev === 'XQ') quote(one.pair.replace('-', ''), one.bp, one.bs, one.ap, one.as);
    }
  };
  unsubscribes(() => stream.send(JSON.stringify({ action: 'unsubscribe', params })));
}
