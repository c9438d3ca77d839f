// Node with the `ws` library: for each symbol the set of its clients, one text frame a line and client.
import { createServer } from "node:http";
import { createRequire } from "node:module";

const { WebSocketServer } = createRequire(`${process.env.PEERS}/`)("ws");
const subscribers = new Map();
const http = createServer();
const sockets = new WebSocketServer({ server: http, perMessageDeflate: false, skipUTF8Validation: true });
http.on("listening", () => console.log(`listening on http://127.0.0.1:${http.address().port}`));

sockets.on("connection", (socket, request) => {
  const symbols = (new URL(request.url, "http://localhost").searchParams.get("symbols") ?? "").split(",");
  for (const symbol of symbols) {
    if (!subscribers.has(symbol)) subscribers.set(symbol, new Set());
    subscribers.get(symbol).add(socket);
  }
  socket.on("close", () => symbols.forEach((symbol) => subscribers.get(symbol).delete(socket)));
  socket.on("error", () => {});
  socket.send("subscribed");
});
http.listen({ host: "127.0.0.1", port: 0, backlog: 4096 });

const text = { binary: false };
let rest = Buffer.alloc(0);
process.stdin.on("data", (chunk) => {
  const bytes = rest.length ? Buffer.concat([rest, chunk]) : chunk;
  let start = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
    const symbol = bytes.latin1Slice(start + 11, bytes.indexOf(34, start + 11));
    const line = bytes.subarray(start, end);
    for (const socket of subscribers.get(symbol) ?? []) socket.send(line, text);
    start = end + 1;
  }
  rest = bytes.subarray(start);
});
process.stdin.on("end", () => process.exit(0));
