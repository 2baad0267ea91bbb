import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import https from 'node:https';
import type { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { createPinnedFetch, PinnedDispatcher } from '@pinvault/undici';
import { connectPinnedHttp2 } from '@pinvault/node';
import { PinnedAgent, type PinResolver } from 'pinvault';
import { request } from 'undici';
import WebSocket from 'ws';
import type { Place } from '../client.js';
import { pinnedGrpcClient, sayByGrpc } from '../grpc-client.js';

/** How a client keeps its connections, where it has a say. */
export interface Keeping {
  readonly connections?: number;
  readonly scheduling?: 'lifo' | 'fifo';
}

/** A client that is kept for the whole of a scene, as a service keeps it. */
export interface FireSession {
  /** One exchange; resolves with the answer's text. */
  get(path: string): Promise<string>;
  post?(path: string, body: Readable): Promise<string>;
  close(): Promise<void>;
}

export interface FireClient {
  readonly name: string;
  readonly protocol: 'http1' | 'h2' | 'grpc';
  /** Whether `connections` bounds it, and requests wait in a queue. */
  readonly hasQueue: boolean;
  /** Whether an exchange can be long, in one direction or the other. */
  readonly hasStreams: boolean;
  /** Whether it can choose among idle connections. */
  readonly hasScheduling?: true;
  open(pins: PinResolver, place: Place, keeping?: Keeping): FireSession;
}

export const fireClients: readonly FireClient[] = [
  {
    name: 'https + PinnedAgent',
    protocol: 'http1',
    hasQueue: true,
    hasStreams: true,
    hasScheduling: true,
    open(pins, place, { connections, scheduling } = {}) {
      const agent = new PinnedAgent(pins, {
        ca: place.ca,
        ...(connections !== undefined && { maxSockets: connections }),
        ...(scheduling !== undefined && { scheduling }),
      });
      const send = async (path: string, body?: Readable): Promise<string> =>
        new Promise((resolve, reject) => {
          const method = body === undefined ? 'GET' : 'POST';
          const sent = https.request(urlOf(place, path), { agent, method }, (response) => {
            let text = '';
            response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
            response.once('end', () => resolve(text)).once('error', reject);
          });
          sent.once('error', reject);
          if (body === undefined) sent.end();
          else body.pipe(sent);
        });
      return { get: async (path) => send(path), post: send, close: async () => agent.destroy() };
    },
  },
  {
    name: 'undici',
    protocol: 'http1',
    hasQueue: true,
    hasStreams: true,
    open(pins, place, { connections } = {}) {
      const dispatcher = dispatcherFor(pins, place, connections);
      const send = async (path: string, body?: Readable): Promise<string> => {
        const method = body === undefined ? 'GET' : 'POST';
        const answer = await request(urlOf(place, path), { dispatcher, method, body: body ?? null });
        return answer.body.text();
      };
      return { get: async (path) => send(path), post: send, close: async () => dispatcher.destroy() };
    },
  },
  {
    name: 'fetch (built-in)',
    protocol: 'http1',
    hasQueue: true,
    hasStreams: true,
    open(pins, place, { connections } = {}) {
      const dispatcher = dispatcherFor(pins, place, connections);
      const fetch = createPinnedFetch(pins, { dispatcher });
      return {
        get: async (path) => (await fetch(urlOf(place, path))).text(),
        async post(path, body) {
          // a stream of Node's is a body of its fetch, which the types do not say
          const init = { method: 'POST', body, duplex: 'half' } as unknown as RequestInit;
          return (await fetch(urlOf(place, path), init)).text();
        },
        close: async () => dispatcher.destroy(),
      };
    },
  },
  {
    name: 'http2',
    protocol: 'h2',
    hasQueue: false,
    hasStreams: true,
    open(pins, place) {
      let session: Promise<ClientHttp2Session> | undefined;
      const current = async (): Promise<ClientHttp2Session> => {
        const known = await session?.catch(() => undefined);
        if (known !== undefined && !known.closed && !known.destroyed) return known;
        session = connectPinnedHttp2(pins, urlOf(place, ''), { ca: place.ca });
        const opened = await session;
        opened.on('error', () => undefined);
        return opened;
      };
      let last: Promise<unknown> = Promise.resolve();
      const send = async (path: string, body?: Readable): Promise<string> => {
        // one dial at a time, as a client does that shares a session
        const next = last.then(current);
        last = next.catch(() => undefined);
        const opened = await next;
        const stream = opened.request({ ':path': path, ':method': body === undefined ? 'GET' : 'POST' });
        if (body === undefined) stream.end();
        else body.pipe(stream);
        let text = '';
        stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        await once(stream, 'end');
        return text;
      };
      return {
        get: async (path) => send(path),
        post: send,
        close: async () => {
          const opened = await session?.catch(() => undefined);
          opened?.destroy();
        },
      };
    },
  },
  {
    name: 'grpc-js',
    protocol: 'grpc',
    hasQueue: false,
    hasStreams: false,
    open(pins, place) {
      const client = pinnedGrpcClient(pins, place);
      return { get: async (path) => sayByGrpc(client, path), close: async () => client.close() };
    },
  },
  {
    name: 'ws',
    protocol: 'http1',
    hasQueue: false,
    hasStreams: false,
    open(pins, place) {
      const open = new Set<WebSocket>();
      let idle: WebSocket | undefined;
      const dial = async (): Promise<WebSocket> => {
        const { host, port, ca } = place;
        // its types have checkServerIdentity return a boolean; what it does is hand it on to Node
        const options = { ca, ...pins.tlsOptions({ host, port }) } as object;
        const socket = new WebSocket(urlOf(place, '').replace('https', 'wss'), options);
        open.add(socket);
        socket.once('close', () => open.delete(socket));
        socket.on('error', () => undefined);
        socket.once('upgrade', ({ socket: tls }) => {
          const onDrain = (): void => {
            idle = idle === socket ? undefined : idle;
            socket.emit('retire');
          };
          pins.guardSocket(tls as TLSSocket, { host, port }, { onDrain });
        });
        await once(socket, 'open');
        return socket;
      };
      return {
        async get(path) {
          const socket = idle ?? (await dial());
          idle = undefined;
          let isRetired = false;
          socket.once('retire', () => (isRetired = true));
          socket.send(path);
          const [data] = (await once(socket, 'message')) as [Buffer];
          if (isRetired) socket.close(1012);
          else idle ??= socket;
          return data.toString();
        },
        close: async () => {
          for (const socket of open) socket.terminate();
        },
      };
    },
  },
];

function dispatcherFor(pins: PinResolver, place: Place, connections = 64): PinnedDispatcher {
  return new PinnedDispatcher(pins, { connect: { ca: place.ca }, connections });
}

function urlOf({ host, port }: Place, path: string): string {
  return `https://${host}:${String(port)}${path}`;
}
