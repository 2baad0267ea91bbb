import type { IncomingMessage } from 'node:http';
import { type Clock, PinProviderError } from '@pinvault/core';
import type { WebSocket } from 'ws';
import type { SocketRoad } from '../connection/exchange.js';

/** How a WebSocket to the vault is opened: as a read is, header for header. */
export interface SocketRequest {
  readonly road: SocketRoad;
  /** With the token. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onOpen: () => void;
  readonly onMessage: (text: string) => void;
}

/** How it ended. It never rejects. */
export type SocketEnd =
  | { readonly kind: 'refused'; readonly statusCode: number }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'closed'; readonly code: number };

// An event is about a kilobyte.
const maxMessageBytes = 65_536;

/** Who does not answer within that time is taken to be gone: a connection may die without a word. */
const aliveEveryMs = 60_000;

/** Opens a WebSocket and stays with it until it ends. Holds no process open. */
export async function stayConnected(request: SocketRequest): Promise<SocketEnd> {
  const { road, timeoutMs, signal } = request;
  let Socket: typeof WebSocket;
  try {
    ({ WebSocket: Socket } = await import('ws'));
  } catch (error) {
    const sdk = new PinProviderError(
      'ERR_PROVIDER_SDK_MISSING',
      'the package ws cannot be loaded: npm install ws',
      {
        provider: 'vault',
        cause: error,
      },
    );
    return { kind: 'failed', error: sdk };
  }
  if (signal.aborted) return { kind: 'closed', code: 1000 };
  const socket = new Socket(road.url, {
    ...road.options,
    handshakeTimeout: timeoutMs,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
    // Not among the options: those Node prints under NODE_DEBUG=http, and with them the token.
    finishRequest(upgrade) {
      for (const [name, value] of Object.entries({ ...road.headers, ...request.headers }))
        upgrade.setHeader(name, value);
      upgrade.once('socket', (wire) => wire.unref());
      upgrade.end();
    },
  });
  return new Promise((resolve) => follow(socket, request, resolve));
}

function follow(
  socket: WebSocket,
  { clock, signal, onOpen, onMessage }: SocketRequest,
  end: (how: SocketEnd) => void,
): void {
  let error: unknown;
  let watch: { cancel(): void } | undefined;
  const terminate = (): void => socket.terminate();
  signal.addEventListener('abort', terminate, { once: true });
  const isAlive = (): void => {
    watch?.cancel();
    watch = clock.after(aliveEveryMs, () => {
      socket.ping();
      watch = clock.after(aliveEveryMs, terminate);
    });
  };
  socket.once('open', () => {
    isAlive();
    onOpen();
  });
  socket.on('message', (data) => {
    isAlive();
    // Whole, as one buffer: what a WebSocket of ws hands over unless it is told otherwise.
    onMessage(Buffer.isBuffer(data) ? data.toString('utf8') : '');
  });
  socket.on('pong', isAlive);
  socket.on('error', (reason) => (error ??= reason));
  socket.once('unexpected-response', (_request, response: IncomingMessage) => {
    const { statusCode = 0 } = response;
    response.destroy();
    end({ kind: 'refused', statusCode });
    terminate();
  });
  // Comes last, whatever happened.
  socket.once('close', (code) => {
    watch?.cancel();
    signal.removeEventListener('abort', terminate);
    end(error === undefined ? { kind: 'closed', code } : { kind: 'failed', error });
  });
}
