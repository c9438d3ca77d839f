// What the scripts beside this share: where the service is, and a line of JSON for each trade and quote that a client gives.
// `javascript_clients.py` reads the lines, and compares them with the recording.
//
// Its argument is JSON: {"ws": "ws://…", "http": "http://…", "symbols": ["BTCUSDT", …]}. A line `unsubscribe` on standard
// input calls what `unsubscribes` was given.
'use strict';
const { createRequire } = require('node:module');
const readline = require('node:readline');

const { ws, http, symbols } = JSON.parse(process.argv[2]);
// Packages are below target/, and not beside the scripts.
const client = createRequire(`${process.env.CLIENTS_NODE}/package.json`);
const write = (row) => process.stdout.write(`${JSON.stringify(row)}\n`);

module.exports = {
  ws,
  http,
  symbols,
  client,
  /** `side` is the aggressor's; `time` the client's, in milliseconds. Numbers are text, or the doubles that a client made. */
  trade: (symbol, price, size, side, time) => write(['trade', symbol, String(price), String(size), side, time]),
  quote: (symbol, bid, bidSize, ask, askSize) =>
    write(['quote', symbol, String(bid), String(bidSize), String(ask), String(askSize)]),
  /** The markets that a client was told by REST. */
  markets: (names) => write(['markets', names.sort()]),
  unsubscribes: (run) => {
    readline.createInterface({ input: process.stdin }).on('line', (line) => line === 'unsubscribe' && run());
  },
};
process.on('unhandledRejection', (fault) => { console.error(fault); process.exit(1); });
