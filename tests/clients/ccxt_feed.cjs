// ccxt for JavaScript, as its users have it. Prints what its cache of trades has at the end as JSON
// lines; `ccxt_javascript.py` compares them with the recording.
//
// Usage: node ccxt_feed.cjs VENUE ADDRESS COUNTS     COUNTS: {"BTC/USDT": trades to wait for, …}
'use strict';
const { createRequire } = require('node:module');
const ccxt = createRequire(`${process.env.CLIENTS_NODE}/package.json`)('ccxt');

const [venue, address, counts] = [process.argv[2], process.argv[3], JSON.parse(process.argv[4])];
const symbols = Object.keys(counts);
// How each venue's client is told where its WebSocket is, and how the venue spells a symbol.
const VENUES = {
  binance: { separator: '', point: (exchange) => { exchange.urls.api.ws.spot = `${address}/ws`; } },
  coinbase: { separator: '-', point: (exchange) => { exchange.urls.api.ws = `${address}/coinbase`; } },
  coinbaseexchange: { separator: '-', point: (exchange) => { exchange.urls.api.ws = `${address}/coinbase`; } },
  kraken: { separator: '', point: (exchange) => { exchange.urls.api.ws.publicV2 = `${address}/v2`; } },
};

function spot(symbol) {
  const [base, quote] = symbol.split('/');
  const id = base + VENUES[venue].separator + quote;
  return {
    id, symbol, base, quote, baseId: base, quoteId: quote, lowercaseId: id.toLowerCase(), type: 'spot', spot: true,
    contract: false, active: true, precision: { price: 1e-8, amount: 1e-8 }, limits: {}, info: {},
  };
}

async function main() {
  // No trade of the recording may be pushed out of the client's own cache.
  const exchange = new ccxt.pro[venue]({ options: { tradesLimit: 100000 } });
  // What it wants for an address without TLS.
  await exchange.loadHttpProxyAgent();
  VENUES[venue].point(exchange);
  exchange.setMarkets(symbols.map(spot));
  const have = (symbol) => (exchange.trades[symbol] || []).length;
  for (const symbol of symbols) {
    while (have(symbol) < counts[symbol]) {
      // One call for all symbols; for one symbol where that is all the venue's client can do.
      if (venue === 'coinbaseexchange') await exchange.watchTrades(symbol);
      else await exchange.watchTradesForSymbols(symbols);
    }
  }
  const seen = symbols.flatMap((symbol) => exchange.trades[symbol].map((one) => [symbol, one]));
  const row = ([symbol, one]) =>
    JSON.stringify([symbol, String(one.price), String(one.amount), one.side, one.timestamp]);
  await exchange.close();
  return seen.map(row).join('\n');
}

main().then((text) => process.stdout.write(text, () => process.exit(0)), (fault) => {
  console.error(fault);
  process.exit(1);
});
