// `@massive.com/client-js`, Massive's own client: crypto.
import { createRequire } from 'node:module';
const { ws, symbols, trade, quote, unsubscribes } = createRequire(import.meta.url)('./seen.cjs');
const { websocketClient } = await import(`${process.env.CLIENTS_NODE}/node_modules/@massive.com/client-js/dist/main.js`);

const AGGRESSOR = { 1: 'sell', 2: 'buy' };
const params = symbols.flatMap((symbol) => ['XT', 'XQ'].map((kind) => `${kind}.${symbol.replace('USDT', '-USDT')}`)).join(',');
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
