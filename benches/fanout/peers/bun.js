// Bun's own publish and subscribe, which is built into its server: lines from standard input, one text frame a line.
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    const query = new URL(request.url).searchParams;
    const symbols = (query.get("symbols") ?? "").split(",");
    const recordBytes = Number(query.get("record_bytes") ?? 0);
    if (server.upgrade(request, { data: { symbols, recordBytes } })) return undefined;
    return new Response("a WebSocket is needed", { status: 426 });
  },
  websocket: {
    perMessageDeflate: false,
    // The bench's clients are busy or idle for a reason; neither is to be closed for it.
    idleTimeout: 0,
    open(socket) {
      for (const symbol of socket.data.symbols) socket.subscribe(symbol);
      const { symbols, recordBytes } = socket.data;
      socket.data = undefined;
      socket.send("subscribed");
      if (recordBytes > 0) socket.send(records(symbols.length, recordBytes));
    },
    message() {},
  },
});

// Ready-made: what a server would send that had a record of each symbol, encoded already.
const padded = new Map();
function records(count, bytes) {
  const key = count * 65536 + bytes;
  if (!padded.has(key)) {
    const record = `{"pad":"${"x".repeat(bytes - 11)}"}`;
    padded.set(key, Array(count).fill(record).join("\n"));
  }
  return padded.get(key);
}

console.log(`listening on http://127.0.0.1:${server.port}`);

const decoder = new TextDecoder();
let rest = "";
for await (const chunk of Bun.stdin.stream()) {
  const text = rest + decoder.decode(chunk, { stream: true });
  let start = 0;
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
    // {"symbol":"S0000",...: the name begins at 11, and nothing else has to be read.
    server.publish(text.slice(start + 11, text.indexOf('"', start + 11)), text.slice(start, end));
    start = end + 1;
  }
  rest = text.slice(start);
}
process.exit(0);
