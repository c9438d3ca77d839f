// `binance-api-node`: a connection for each stream, and what it asks by REST.
'use strict';
const { client, ws, http, symbols, trade, quote, markets, unsubscribes } = require('./seen.cjs');
const Binance = client('binance-api-node').default;

async function main() {
  const binance = Binance({ httpBase: http, wsBase: `${ws}/ws` });
  await binance.ping();
  await binance.time();
  const info = await binance.exchangeInfo();
  markets(info.symbols.map((one) => one.symbol));
  // Its `maker` is the venue's `M`, which says nothing.
  const ends = [
    binance.ws.trades(symbols, (one) =>
      trade(one.symbol, one.price, one.quantity, one.isBuyerMaker ? 'sell' : 'buy', one.tradeTime)),
    binance.ws.bookTicker(symbols, (one) =>
      quote(one.symbol, one.bestBid, one.bestBidQnt, one.bestAsk, one.bestAskQnt)),
  ];
  unsubscribes(() => ends.forEach((end) => end()));
}
main();
