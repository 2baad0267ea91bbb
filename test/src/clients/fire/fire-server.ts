import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type Http2Server, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { WebSocketServer } from 'ws';
import { until } from '../../support/processes.js';
import { startGrpcServer } from '../servers/grpc-server.js';

type Protocol = 'http1' | 'h2' | 'grpc';

/**
 * The plain server behind the front. It notes each request when its head arrives, and answers by the path: `/now`,
 * `/held` when it is let go, `/download` half now and half then, `/upload` when the body has ended, with its length.
 */
export class FireServer {
  readonly port: number;
  readonly arrivals: string[] = [];
  readonly #stop: () => Promise<void>;
  #letGo: () => void = () => undefined;
  #gate: Promise<void> = Promise.resolve();

  private constructor(port: number, stop: () => Promise<void>) {
    this.port = port;
    this.#stop = stop;
  }

  static async start(protocol: Protocol): Promise<FireServer> {
    if (protocol === 'grpc') {
      const answer = async (path: string): Promise<string> => (await started).#spoken(path);
      const server = await startGrpcServer(answer);
      const started: Promise<FireServer> = Promise.resolve(
        new FireServer(server.port, async () => server.stop()),
      );
      return started;
    }
    const server = protocol === 'h2' ? createHttp2Server() : createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => sockets.delete(socket));
    });
    const fire = new FireServer((server.address() as AddressInfo).port, async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    });
    fire.#listenTo(server);
    return fire;
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
    await this.#stop();
  }

  #listenTo(server: Server | Http2Server): void {
    server.on(
      'request',
      (request: Readable & { url?: string }, response: ServerResponse | Http2ServerResponse) => {
        void this.#answer(request, response as ServerResponse);
      },
    );
    // a WebSocket's messages are paths too
    new WebSocketServer({ server: server as Server }).on('connection', (peer) =>
      peer.on('message', (data) => void this.#spoken(String(data as Buffer)).then((text) => peer.send(text))),
    );
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
      response.end(await this.#spoken(path));
      return;
    }
    request.resume();
    response.end(await this.#spoken(path));
  }

  async #spoken(path: string): Promise<string> {
    this.arrivals.push(path);
    if (!path.startsWith('/now')) await this.#gate;
    return `done ${path}`;
  }
}
