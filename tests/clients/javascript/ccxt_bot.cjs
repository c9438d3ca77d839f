// ccxt for JavaScript as a bot of its users: asks for trades again and again, and goes on behind every error. At a line on
// standard input it prints what it has been given, and what was raised, as one line of JSON; `faults_ccxt_javascript.py`
// compares it with the recording.
//
// Usage: node ccxt_bot.cjs VENUE WS HTTP SYMBOLS     SYMBOLS: ["BTC/USDT", …]
'use strict';
const { createRequire } = require('node:module');
const ccxt = createRequire(`${process.env.CLIENTS_NODE}/package.json`)('ccxt');

const [venue, ws, http] = process.argv.slice(2);
const symbols = JSON.parse(process.argv[5]);
const separator = venue === 'coinbaseexchange' ? '-' : '';

function spot(symbol) {
  const [base, quote] = symbol.split('/');
  const id = base + separator + quote;
  return {
    id, symbol, base, quote, baseId: base, quoteId: quote, lowercaseId: id.toLowerCase(), type: 'spot', spot: true,
    contract: false, active: true, precision: { price: 1e-8, amount: 1e-8 }, limits: {}, info: {},
  };
}

async function exchangeOf() {
  // No trade of the recording may be pushed out of the client's own cache.
  const options = { tradesLimit: 100000, fetchMarkets: { types: ['spot'] } };
  const exchange = new ccxt.pro[venue]({ options });
  // What it wants for an address without TLS.
  await exchange.loadHttpProxyAgent();
  const { api } = exchange.urls;
  if (venue === 'binance') {
    [api.ws.spot, api.public] = [`${ws}/ws`, `${http}/api/v3`];
    await exchange.loadMarkets();
    return exchange;
  }
  if (venue === 'kraken') api.ws.publicV2 = `${ws}/v2`;
  else api.ws = `${ws}/coinbase`;
  exchange.setMarkets(symbols.map(spot));
  return exchange;
}

const raised = new Set();

async function watch(call) {
  for (;;) {
    try {
      await call();
    } catch (fault) {
      raised.add(fault.constructor.name);
    }
  }
}

async function main() {
  const exchange = await exchangeOf();
  // Its client for Coinbase Exchange takes one symbol in a call.
  if (venue === 'coinbaseexchange') symbols.forEach((symbol) => watch(() => exchange.watchTrades(symbol)));
  else watch(() => exchange.watchTradesForSymbols(symbols));
  const row = (one) => [one.id, String(one.price), String(one.amount), one.side, one.timestamp];
  const given = () => Object.fromEntries(symbols.map((symbol) => [symbol, (exchange.trades[symbol] || []).map(row)]));
  process.stdin.once('data', () => {
    process.stdout.write(`${JSON.stringify({ given: given(), raised: [...raised].sort() })}\n`, () => process.exit(0));
  });
}

main().catch((fault) => {
  console.error(fault);
  process.exit(1);
});
