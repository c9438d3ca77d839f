// `coinbase-pro-node`: Coinbase Exchange.
import { createRequire } from 'node:module';
const { client, ws, http, symbols, trade, quote, markets, unsubscribes } = createRequire(import.meta.url)('./seen.cjs');
const { CoinbasePro, WebSocketEvent } = await import(client.resolve('coinbase-pro-node'));

const products = symbols.map((symbol) => symbol.replace('USDT', '-USDT'));
const plain = (product) => product.replace('-', '');
// A match has the side of the order that rested.
const AGGRESSOR = { buy: 'sell', sell: 'buy' };
const channels = ['matches', 'ticker'].map((name) => ({ name, product_ids: products }));

const { rest, ws: stream } = new CoinbasePro({ httpUrl: http, wsUrl: ws, apiKey: '', apiSecret: '', passphrase: '' });
stream.on(WebSocketEvent.ON_MESSAGE_MATCHES, (one) => {
  if (one.type === 'match') {
    trade(plain(one.product_id), one.price, one.size, AGGRESSOR[one.side], Date.parse(one.time));
  }
});
stream.on(WebSocketEvent.ON_MESSAGE_TICKER, (one) => {
  quote(plain(one.product_id), one.best_bid, one.best_bid_size, one.best_ask, one.best_ask_size);
});
stream.on(WebSocketEvent.ON_MESSAGE_ERROR, (fault) => console.error(fault));
stream.on(WebSocketEvent.ON_OPEN, () => stream.subscribe(channels));
await rest.time.getTime();
markets((await rest.product.getProducts()).map((one) => plain(one.id)));
stream.connect({ debug: false });
unsubscribes(() => stream.unsubscribe(channels));
