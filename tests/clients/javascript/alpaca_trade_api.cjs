// `@alpacahq/alpaca-trade-api`, Alpaca's own client, in MessagePack: crypto, whose trades say who was the aggressor.
'use strict';
const { client, ws, symbols, trade, quote, unsubscribes } = require('./seen.cjs');
const { Alpaca } = client('@alpacahq/alpaca-trade-api');

const AGGRESSOR = { B: 'buy', S: 'sell' };
const pairs = symbols.map((symbol) => symbol.replace('USDT', '/USDT'));
const plain = (pair) => pair.replace('/', '');
const { marketData } = new Alpaca({ keyId: 'key', secret: 'secret' });
const stream = marketData.cryptoStream({ url: `${ws}/v1beta3/crypto/us`, initialReconnectMs: 100 });
stream.onTrade((one) => {
  trade(plain(one.symbol), one.price, one.size, AGGRESSOR[one.takerSide], one.timestamp.getTime());
});
stream.onQuote((one) => quote(plain(one.symbol), one.bidPrice, one.bidSize, one.askPrice, one.askSize));
stream.on('error', (fault) => console.error(fault));
stream.subscribeForTrades(pairs);
stream.subscribeForQuotes(pairs);
stream.connect();
unsubscribes(() => {
  stream.unsubscribeFromTrades(pairs);
  stream.unsubscribeFromQuotes(pairs);
});
