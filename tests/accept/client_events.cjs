// A browser's EventSource, by the npm package `eventsource`: node client_events.cjs URL COUNT
// Prints each tick once it has come, and what the server announces; comes back by itself, as browsers do.
"use strict";

const { EventSource } = require("eventsource");

const [url, count] = process.argv.slice(2);
const source = new EventSource(url);
let ticks = 0;
source.onopen = () => console.log("open");
source.onmessage = ({ data }) => {
  for (const message of JSON.parse(data)) {
    if (message.type === "snapshot" || message.type === "update") {
      console.log(`${message.type} ${message.symbol} ${message.seq} ${message.n ?? 1}`);
      ticks += 1;
    } else if (message.type === "gap") {
      console.log(`gap ${message.symbol} ${message.from} ${message.to} ${message.reason}`);
    }
  }
  if (ticks >= Number(count)) process.exit(0);
};
source.onerror = () => {
  // 2: it has given up for good.
  if (source.readyState === 2) process.exit(2);
};
