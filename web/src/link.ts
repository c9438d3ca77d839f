// The connection: a WebSocket, or one whose reads are throttled.
//
// A page cannot stop reading a WebSocket: its messages are taken off the network whether it has time or not. The reads of a
// WebSocketStream are the page's own, and where they stop, the browser stops reading the socket, the window of TCP closes, and
// the server has to merge. What the browser and the kernel hold first, some 300 kB, can be merged no more: it gets old.

/** A frame: text, or the bytes of a binary one. */
export type Frame = string | Uint8Array;

export interface LinkEvents {
  frame(frame: Frame): void;
  closed(code: number, reason: string): void;
}

export interface Link {
  /** False when reads cannot be throttled. */
  readonly throttles: boolean;
  /** Bytes a second that are read; infinite when it is not slowed down. */
  rate: number;
  send(text: string): void;
  close(): void;
}

/** What is offered: the server picks the first one that it speaks. */
export type Encoding = 'binary' | 'json';
const SUBPROTOCOLS: { [name in Encoding]: string[] } = { binary: ['tickcast.v1.binary', 'tickcast.v1.json'], json: ['tickcast.v1.json'] };
const GONE = 1006;
/** A pause is not longer, so that another rate is in force soon. */
const PAUSE_MS_MAX = 250;
/** Nor shorter: timers are late, and by how much is counted. */
const PAUSE_MS_MIN = 20;

/** Binary frames were an `ArrayBuffer` in earlier browsers. */
interface StreamOpened { readable: ReadableStream<string | ArrayBuffer | Uint8Array>; writable: WritableStream<string> }
interface StreamClosed { closeCode?: number; reason?: string }
interface Stream { opened: Promise<StreamOpened>; closed: Promise<StreamClosed>; close(): void }
type StreamMaker = new (url: string, options: { protocols: string[] }) => Stream;

const maker = (): StreamMaker | undefined => (globalThis as { WebSocketStream?: StreamMaker }).WebSocketStream;

export const canThrottle = (): boolean => maker() !== undefined;

/** `token`: sent as a subprotocol that is never picked, since a page can set no header here. */
export function openLink(url: string, encoding: Encoding, rate: number, events: LinkEvents, token = ''): Link {
  const Maker = maker(), protocols = token ? [...SUBPROTOCOLS[encoding], `bearer.${token}`] : SUBPROTOCOLS[encoding];
  return rate !== Infinity && Maker ? throttled(new Maker(url, { protocols }), rate, events) : plain(url, protocols, events);
}

const frameOf = (data: string | ArrayBuffer | Uint8Array): Frame => data instanceof ArrayBuffer ? new Uint8Array(data) : data;

function plain(url: string, protocols: string[], events: LinkEvents): Link {
  const socket = new WebSocket(url, protocols);
  socket.binaryType = 'arraybuffer';
  socket.onmessage = event => events.frame(frameOf(event.data as string | ArrayBuffer));
  socket.onclose = event => events.closed(event.code, event.reason);
  return {
    throttles: false,
    rate: Infinity,
    send: text => { if (socket.readyState === WebSocket.OPEN) socket.send(text); },
    close: () => socket.close(),
  };
}

function throttled(stream: Stream, rate: number, events: LinkEvents): Link {
  let writer: WritableStreamDefaultWriter<string> | undefined;
  const link: Link = {
    throttles: true,
    rate,
    // A write that fails is told by the end of the stream.
    send: text => { writer?.write(text).catch(() => undefined); },
    close: () => { try { stream.close(); } catch { /* it had not opened, or has ended */ } },
  };
  const read = async (): Promise<void> => {
    const { readable, writable } = await stream.opened;
    writer = writable.getWriter();
    const reader = readable.getReader();
    let owedMs = 0;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const frame = frameOf(value);
      events.frame(frame);
      owedMs += frame.length / link.rate * 1000;
      while (owedMs > PAUSE_MS_MIN && link.rate !== Infinity) {
        const begin = performance.now();
        await new Promise(resolve => setTimeout(resolve, Math.min(PAUSE_MS_MAX, owedMs)));
        owedMs -= performance.now() - begin;
      }
      if (link.rate === Infinity) owedMs = 0;
    }
  };
  read()
    .then(() => stream.closed)
    .catch((error: StreamClosed) => error)
    .then(end => events.closed(end.closeCode ?? GONE, end.reason ?? ''));
  return link;
}
