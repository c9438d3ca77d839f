// A client with the npm package `ws`: node client_ws.cjs URL SYMBOLS TICKS
"use strict";

const WebSocket = require("ws");
const follow = require("./client_laws.cjs");

const [url, symbols, total] = process.argv.slice(2);
const socket = new WebSocket(url, "tickcast.v1.json");
const frame = follow(symbols.split(","), Number(total), (text) => socket.send(text), () => socket.close(1000));
socket.on("message", (data, binary) => {
  if (binary) throw new Error("the server speaks text");
  frame(data.toString());
});
socket.on("close", (code) => process.exit(code === 1000 ? 0 : 1));
