import {
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type Server,
  type ServerResponse,
} from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { listen, stopListening } from './listening.js';

/** How {@link startConnectProxy} is set up. */
export interface ConnectProxyOptions {
  /** `user:password` that clients have to show. @defaultValue none is asked for */
  readonly credentials?: string;
  /** Where a tunnel to `authority` (`host:port`) really leads: a port of the loopback. @defaultValue the one that is asked for */
  readonly route?: (authority: string) => number;
}

/** An HTTP proxy that counts: tunnels by CONNECT, and plain requests that name a whole address. */
export class ConnectProxy {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** What clients asked tunnels to, in their order; refused ones included. */
  readonly authorities: string[] = [];
  /** Everything that clients sent through, as the proxy sees it. */
  seen = '';
  /** Plain requests handed on. */
  requests = 0;
  readonly #server: Server;
  readonly #options: ConnectProxyOptions;
  readonly #open = new Set<Duplex>();

  private constructor(server: Server, port: number, options: ConnectProxyOptions) {
    this.url = `http://127.0.0.1:${port}`;
    this.#server = server;
    this.#options = options;
    server.on('connect', (request: IncomingMessage, socket: Duplex) => this.#tunnel(request, socket));
    server.on('request', (request, response) => this.#forward(request, response));
  }

  /** Starts a proxy. Exported as `startConnectProxy`. */
  static async start(options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
    const server = createServer();
    return new ConnectProxy(server, await listen(server, 0, '127.0.0.1'), options);
  }

  /** Tunnels that are open now. */
  get tunnels(): number {
    return this.#open.size;
  }

  /** Drops every tunnel and stops listening. Idempotent. */
  async close(): Promise<void> {
    const stopped = stopListening(this.#server);
    for (const socket of this.#open) socket.destroy();
    this.#server.closeAllConnections();
    await stopped;
  }

  #isWelcome({ headers }: IncomingMessage): boolean {
    const { credentials } = this.#options;
    const expected = credentials && `Basic ${Buffer.from(credentials).toString('base64')}`;
    return expected === undefined || headers['proxy-authorization'] === expected;
  }

  #tunnel(request: IncomingMessage, client: Duplex): void {
    const authority = request.url ?? '';
    this.authorities.push(authority);
    client.on('error', () => undefined);
    if (!this.#isWelcome(request)) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    const { hostname, port } = new URL(`http://${authority}`);
    const routed = this.#options.route?.(authority);
    const upstream: Socket = connect({
      host: routed === undefined ? hostname.replace(/^\[(.*)\]$/u, '$1') : '127.0.0.1',
      port: routed ?? Number(port),
    });
    this.#open.add(client);
    client.on('data', (chunk: Buffer) => (this.seen += chunk.toString('latin1')));
    client.once('close', () => {
      this.#open.delete(client);
      upstream.destroy();
    });
    upstream.once('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
    upstream.once('close', () => client.destroy());
    upstream.once('connect', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(upstream).pipe(client);
    });
  }

  #forward(request: IncomingMessage, response: ServerResponse): void {
    this.requests += 1;
    if (!this.#isWelcome(request)) {
      response.writeHead(407).end();
      return;
    }
    const { 'proxy-authorization': _own, ...headers } = request.headers;
    const onward = httpRequest(request.url ?? '', { method: request.method, headers, agent: false });
    onward.once('error', () => response.writeHead(502).end());
    onward.once('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  }
}

/** Starts an HTTP proxy on a free port of the loopback interface. */
export async function startConnectProxy(options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
  return ConnectProxy.start(options);
}
