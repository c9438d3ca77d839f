// Bun's own publish and subscribe, which is built into its server: lines from standard input, one frame a line. ENCODING
// says which: the line as text (json), the same compressed by one compressor for all sockets (shared) or by one of each
// (dedicated), or a buffer of a fixed layout (binary).
const encoding = process.env.ENCODING ?? "json";
const deflates = encoding === "shared" || encoding === "dedicated";
// With a certificate it speaks TLS.
const { TLS_CERT: cert, TLS_KEY: key } = process.env;
const tls = cert && { cert: Bun.file(cert), key: Bun.file(key) };
const server = Bun.serve({
  tls,
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
    perMessageDeflate: deflates && { compress: encoding, decompress: "shared" },
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

// A tick as its author would lay it out: the number of the symbol, its time, and four values, as machines have them. The
// same buffer again and again: what is published is copied.
const layout = new DataView(new ArrayBuffer(2 + 8 + 4 * 8));
function binary(line) {
  const tick = JSON.parse(line);
  layout.setUint16(0, Number(tick.symbol.slice(1)), true);
  [tick.ts, tick.bid, tick.bid_size, tick.ask, tick.ask_size].forEach((value, at) => {
    layout.setFloat64(2 + 8 * at, value, true);
  });
  return layout;
}

const frame = encoding === "binary" ? binary : (line) => line;

console.log(`listening on ${tls ? "https" : "http"}://127.0.0.1:${server.port}`);

const decoder = new TextDecoder();
let rest = "";
for await (const chunk of Bun.stdin.stream()) {
  const text = rest + decoder.decode(chunk, { stream: true });
  let start = 0;
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
    // {"symbol":"S0000",...: the name begins at 11, and nothing else has to be read of a line that is sent as it is.
    const symbol = text.slice(start + 11, text.indexOf('"', start + 11));
    server.publish(symbol, frame(text.slice(start, end)), deflates);
    start = end + 1;
  }
  rest = text.slice(start);
}
process.exit(0);
