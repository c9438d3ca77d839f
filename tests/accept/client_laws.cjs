// What a JavaScript client holds, under law 4. Seqs are whole numbers, safe in a double; prices stay text.
"use strict";

const assert = require("node:assert");

// Follows frames until `total` ticks beyond the snapshots have come, then prints `SYMBOL SEQ BID` lines.
module.exports = function follow(symbols, total, send, done) {
  const held = new Map();
  let ticks = 0;
  return function frame(text) {
    const bids = [...text.matchAll(/"bid":(-?[0-9.]+)/g)].map((match) => match[1]);
    for (const message of JSON.parse(text)) {
      if (message.type === "welcome") {
        send(JSON.stringify({ op: "subscribe", id: "node", symbols }));
      } else if (message.type === "subscribed") {
        assert.deepStrictEqual(message.results.map((result) => result.status), symbols.map(() => "ok"));
      } else if (message.type === "snapshot") {
        assert(!held.has(message.symbol), `a second snapshot: ${text}`);
        held.set(message.symbol, { seq: message.seq, bid: bids.shift() });
        if (held.size === symbols.length) console.log("subscribed");
      } else if (message.type === "update") {
        const record = held.get(message.symbol);
        assert.strictEqual(message.seq, record.seq + (message.n ?? 1), `law 4: ${text}`);
        ticks += message.n ?? 1;
        record.seq = message.seq;
        if ("bid" in message) record.bid = bids.shift();
      } else {
        assert(["status", "heartbeat"].includes(message.type), `unexpected: ${text}`);
      }
    }
    if (ticks === total) {
      for (const [symbol, record] of held) console.log(`${symbol} ${record.seq} ${record.bid}`);
      done();
    }
  };
};
