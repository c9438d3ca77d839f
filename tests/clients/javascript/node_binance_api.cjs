// `node-binance-api`: one connection for each trade stream of its call, and what it asks by REST.
'use strict';
const { client, ws, http, symbols, trade, quote, markets, unsubscribes } = require('./seen.cjs');
const Binance = client('node-binance-api');

async function main() {
  const urls = { base: `${http}/api/`, stream: `${ws}/ws/`, combineStream: `${ws}/stream?streams=` };
  const binance = new Binance().options({ urls, reconnect: true });
  const info = await binance.exchangeInfo();
  markets(info.symbols.map((one) => one.symbol));
  await binance.prices();
  await binance.websockets.trades(symbols, ({ s, p, q, m, T }) => trade(s, p, q, m ? 'sell' : 'buy', T));
  const show = (one) => quote(one.symbol, one.bestBid, one.bestBidQty, one.bestAsk, one.bestAskQty);
  for (const symbol of symbols) await binance.websockets.bookTickers(symbol, show);
  unsubscribes(() => Object.keys(binance.websockets.subscriptions()).forEach((name) => binance.websockets.terminate(name)));
}
main();
