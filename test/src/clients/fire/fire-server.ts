import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type Http2Server, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { WebSocketServer } from 'ws';
import { until } from '../../support/processes.js';

type Protocol = 'http1' | 'h2';

/**
 * The plain server behind the front. It notes each request when its head arrives, and answers by the path: `/now`,
 * `/held` when it is let go, `/download` half now and half then, `/upload` when the body has ended, with its length.
 */
export class FireServer {
  readonly port: number;
  readonly arrivals: string[] = [];
  readonly #server: Server | Http2Server;
  readonly #sockets = new Set<Socket>();
  #letGo: () => void = () => undefined;
  #gate: Promise<void> = Promise.resolve();

  private constructor(server: Server | Http2Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on(
      'request',
      (request: Readable & { url?: string }, response: ServerResponse | Http2ServerResponse) => {
        void this.#answer(request, response as ServerResponse);
      },
    );
    // a WebSocket's messages are paths too
    new WebSocketServer({ server: server as Server }).on('connection', (peer) =>
      peer.on('message', (data) => void this.#reply(String(data as Buffer), (text) => peer.send(text))),
    );
  }

  static async start(protocol: Protocol): Promise<FireServer> {
    const server = protocol === 'h2' ? createHttp2Server() : createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new FireServer(server);
  }

  /** From now on `/held` and `/download` wait. */
  hold(): void {
    this.#gate = new Promise((resolve) => (this.#letGo = resolve));
  }

  letGo(): void {
    this.#letGo();
  }

  /** How many requests whose path begins so have arrived. */
  count(path: string): number {
    return this.arrivals.filter((each) => each.startsWith(path)).length;
  }

  async arrived(path: string, count = 1): Promise<void> {
    await until(
      () => this.count(path) >= count,
      () => `${path}: ${String(this.count(path))} of ${String(count)}`,
    );
  }

  async close(): Promise<void> {
    this.letGo();
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #answer(request: Readable & { url?: string }, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    if (path.startsWith('/upload')) {
      this.arrivals.push(path);
      let length = 0;
      for await (const chunk of request) length += (chunk as Buffer).length;
      response.end(String(length));
      return;
    }
    if (path.startsWith('/download')) {
      response.write('first ');
      await this.#reply(path, (text) => response.end(text));
      return;
    }
    request.resume();
    await this.#reply(path, (text) => response.end(text));
  }

  async #reply(path: string, send: (text: string) => void): Promise<void> {
    this.arrivals.push(path);
    if (!path.startsWith('/now')) await this.#gate;
    send(`done ${path}`);
  }
}
