// The connection: a WebSocket, or one whose reads are throttled.
//
// A page cannot stop reading a WebSocket: its messages are taken off the network whether it has time or not. The reads of a
// WebSocketStream are the page's own, and where they stop, the browser stops reading the socket, the window of TCP closes, and
// the server has to merge. What the browser and the kernel hold first, some 300 kB, can be merged no more: it gets old.

export interface LinkEvents {
  frame(text: string): void;
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

const SUBPROTOCOL = 'tickcast.v1.json';
const GONE = 1006;
/** A pause is not longer, so that another rate is in force soon. */
const PAUSE_MS_MAX = 250;
/** Nor shorter: timers are late, and by how much is counted. */
const PAUSE_MS_MIN = 20;

interface StreamOpened { readable: ReadableStream<string>; writable: WritableStream<string> }
interface StreamClosed { closeCode?: number; reason?: string }
interface Stream { opened: Promise<StreamOpened>; closed: Promise<StreamClosed>; close(): void }
type StreamMaker = new (url: string, options: { protocols: string[] }) => Stream;

const maker = (): StreamMaker | undefined => (globalThis as { WebSocketStream?: StreamMaker }).WebSocketStream;

export const canThrottle = (): boolean => maker() !== undefined;

export function openLink(url: string, rate: number, events: LinkEvents): Link {
  const Maker = maker();
  return rate !== Infinity && Maker ? throttled(new Maker(url, { protocols: [SUBPROTOCOL] }), rate, events) : plain(url, events);
}

function plain(url: string, events: LinkEvents): Link {
  const socket = new WebSocket(url, SUBPROTOCOL);
  socket.onmessage = event => events.frame(event.data as string);
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
      events.frame(value);
      owedMs += value.length / link.rate * 1000;
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
