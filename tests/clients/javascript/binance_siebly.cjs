// `binance`, by siebly: the WebSocket client with its reconnects, and what a bot asks by REST before.
'use strict';
const { client, ws, http, symbols, trade, quote, markets, unsubscribes } = require('./seen.cjs');
const { MainClient, WebsocketClient } = client('binance');

const quiet = { trace() {}, info() {}, error: console.error };
const stream = new WebsocketClient({ wsUrl: ws, beautify: true, reconnectTimeout: 100 }, quiet);
stream.on('formattedMessage', (message) => {
  if (message.eventType === 'trade') {
    const side = message.maker ? 'sell' : 'buy';
    trade(message.symbol, message.price, message.quantity, side, message.tradeTime ?? message.time);
  } else if (message.eventType === 'bookTicker') {
    quote(message.symbol, message.bidPrice, message.bidQty, message.askPrice, message.askQty);
  }
});
stream.on('exception', (fault) => console.error(fault));
const names = symbols.flatMap((symbol) => ['trade', 'bookTicker'].map((kind) => `${symbol.toLowerCase()}@${kind}`));

async function main() {
  const rest = new MainClient({ baseUrl: http });
  const info = await rest.getExchangeInfo();
  markets(info.symbols.map((one) => one.symbol));
  await stream.subscribe(names, 'main');
  unsubscribes(() => stream.unsubscribe(names, 'main'));
}
main();
