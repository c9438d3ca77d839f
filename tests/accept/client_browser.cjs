// A client with the WebSocket of browsers: node --experimental-websocket client_browser.cjs URL SYMBOLS TICKS
"use strict";

const follow = require("./client_laws.cjs");

const [url, symbols, total] = process.argv.slice(2);
const socket = new WebSocket(url);
const frame = follow(symbols.split(","), Number(total), (text) => socket.send(text), () => socket.close(1000));
socket.onmessage = (event) => frame(event.data);
socket.onerror = (event) => {
  throw new Error(`error: ${event.message}`);
};
socket.onclose = (event) => process.exit(event.code === 1000 && event.wasClean ? 0 : 1);
