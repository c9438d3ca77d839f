// Server-sent events by Node's own HTTP: for each symbol the set of its readers, one event a line and reader.
import { createServer } from "node:http";

const readers = new Map();
const http = createServer((request, response) => {
  const symbols = request.url.replace("/events/", "").split(",");
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
  response.flushHeaders();
  for (const symbol of symbols) {
    if (!readers.has(symbol)) readers.set(symbol, new Set());
    readers.get(symbol).add(response);
  }
  response.on("close", () => symbols.forEach((symbol) => readers.get(symbol).delete(response)));
});
http.on("listening", () => console.log(`listening on http://127.0.0.1:${http.address().port}`));
http.listen({ host: "127.0.0.1", port: 0, backlog: 4096 });

let rest = "";
process.stdin.setEncoding("latin1").on("data", (chunk) => {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop();
  for (const line of lines) {
    const event = Buffer.from(`data: ${line}\n\n`);
    for (const response of readers.get(line.slice(11, line.indexOf('"', 11))) ?? []) response.write(event);
  }
});
process.stdin.on("end", () => process.exit(0));
