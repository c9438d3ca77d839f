// `coinbase-api`, by siebly, as a client of Advanced Trade.
'use strict';
const { client, ws, http, symbols, trade, quote, markets, unsubscribes } = require('./seen.cjs');
const { CBAdvancedTradeClient, WebsocketClient } = client('coinbase-api');

const KEY = 'advTradeMarketData';
const products = symbols.map((symbol) => symbol.replace('USDT', '-USDT'));
const plain = (product) => product.replace('-', '');
// A trade has the side of the order that rested.
const AGGRESSOR = { BUY: 'sell', SELL: 'buy' };

const quiet = { trace() {}, info() {}, error: console.error };
const stream = new WebsocketClient({ wsUrl: `${ws}/coinbase`, reconnectTimeout: 100 }, quiet);
stream.on('exception', (fault) => console.error(fault));
stream.on('update', ({ events = [] }) => {
  for (const { type, trades = [], tickers = [] } of events) {
    // After a reconnect it is the last trade again.
    for (const one of type === 'snapshot' ? [] : trades) {
      trade(plain(one.product_id), one.price, one.size, AGGRESSOR[one.side], Date.parse(one.time));
    }
    for (const one of tickers) {
      quote(plain(one.product_id), one.best_bid, one.best_bid_quantity, one.best_ask, one.best_ask_quantity);
    }
  }
});

async function main() {
  const rest = new CBAdvancedTradeClient({ baseUrl: http });
  const { products: listed } = await rest.getPublicProducts();
  markets(listed.map((one) => plain(one.product_id)));
  const topics = ['market_trades', 'ticker'].map((topic) => ({ topic, payload: { product_ids: products } }));
  stream.subscribe([...topics, 'heartbeats'], KEY);
  unsubscribes(() => stream.unsubscribe(topics, KEY));
}
main();
