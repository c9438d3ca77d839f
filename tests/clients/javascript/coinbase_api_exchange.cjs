// `coinbase-api`, by siebly, as a client of Coinbase Exchange.
'use strict';
const { client, ws, http, symbols, trade, quote, markets, unsubscribes } = require('./seen.cjs');
const { CBExchangeClient, WebsocketClient } = client('coinbase-api');

const KEY = 'exchangeMarketData';
const products = symbols.map((symbol) => symbol.replace('USDT', '-USDT'));
const plain = (product) => product.replace('-', '');
// A match has the side of the order that rested.
const AGGRESSOR = { buy: 'sell', sell: 'buy' };

const quiet = { trace() {}, info() {}, error: console.error };
const stream = new WebsocketClient({ wsUrl: ws, reconnectTimeout: 100 }, quiet);
stream.on('exception', (fault) => console.error(fault));
stream.on('update', (one) => {
  if (one.type === 'match') {
    trade(plain(one.product_id), one.price, one.size, AGGRESSOR[one.side], Date.parse(one.time));
  } else if (one.type === 'ticker') {
    quote(plain(one.product_id), one.best_bid, one.best_bid_size, one.best_ask, one.best_ask_size);
  }
});

async function main() {
  const rest = new CBExchangeClient({ baseUrl: http });
  markets((await rest.getAllTradingPairs()).map((one) => plain(one.id)));
  const topics = ['matches', 'ticker'].map((topic) => ({ topic, payload: { product_ids: products } }));
  stream.subscribe(topics, KEY);
  unsubscribes(() => stream.unsubscribe(topics, KEY));
}
main();
