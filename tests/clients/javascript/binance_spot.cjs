// `@binance/spot`, Binance's own client: streams of a combined connection, and the list of markets by REST.
'use strict';
const { client, ws, http, symbols, trade, quote, markets, unsubscribes } = require('./seen.cjs');
const { Spot } = client('@binance/spot');

async function main() {
  const spot = new Spot({
    configurationRestAPI: { apiKey: 'key', apiSecret: 'secret', basePath: http },
    configurationWebsocketStreams: { wsURL: ws, reconnectDelay: 100 },
  });
  const info = await (await spot.restAPI.exchangeInfo()).data();
  markets(info.symbols.map((one) => one.symbol));
  const connection = await spot.websocketStreams.connect();
  const streams = symbols.flatMap((symbol) => {
    const trades = connection.trade({ symbol: symbol.toLowerCase() });
    trades.on('message', ({ s, p, q, m, T }) => trade(s, p, q, m ? 'sell' : 'buy', Number(T)));
    const quotes = connection.bookTicker({ symbol: symbol.toLowerCase() });
    quotes.on('message', ({ s, b, B, a, A }) => quote(s, b, B, a, A));
    return [trades, quotes];
  });
  unsubscribes(() => streams.forEach((stream) => stream.unsubscribe()));
}
main();
