import { createServer, connect, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/**
 * What the way to the store does to a read. Each of these happens on a network; a real vault cannot be made to do them.
 *
 * `pass`: nothing. `refused`: nobody listens. `reset`: the connection is accepted and reset. `hang`: accepted, and never
 * answered. `drip`: the true answer, a byte every 20 ms. `cut`: half of the true answer, then the end of the connection.
 * `half-json`: a complete answer whose JSON is half. `html`: the page of a captive portal, with status 200. `throttled`:
 * 429 with Retry-After. `storm`: 500.
 */
export type Fault =
  'pass' | 'refused' | 'reset' | 'hang' | 'drip' | 'cut' | 'half-json' | 'html' | 'throttled' | 'storm';

/** What a 429 of the proxy asks for. */
const retryAfterSeconds = 120;

const answers: Partial<Record<Fault, string>> = {
  'half-json': answer('200 OK', '{"request_id":"x","data":{"data":{"api.exam', 'application/json'),
  html: answer('200 OK', '<!doctype html><title>Please log in</title>', 'text/html'),
  throttled: answer('429 Too Many Requests', '{"errors":["slow down"]}', 'application/json', [
    `Retry-After: ${retryAfterSeconds}`,
  ]),
  storm: answer('500 Internal Server Error', '{"errors":["internal error"]}', 'application/json'),
};

function answer(status: string, body: string, type: string, more: readonly string[] = []): string {
  const head = [
    `HTTP/1.1 ${status}`,
    `Content-Type: ${type}`,
    `Content-Length: ${body.length}`,
    'Connection: close',
  ];
  return `${[...head, ...more].join('\r\n')}\r\n\r\n${body}`;
}

/** Stands between a provider and its store, on a port of its own. */
export class FaultProxy {
  readonly #target: URL;
  readonly #open = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  #fault: Fault = 'pass';
  #reads = 0;
  #stalled = 0;

  private constructor(target: URL) {
    this.#target = target;
  }

  static async start(target: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(new URL(target));
    await proxy.#listen();
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** Connections so far; the provider opens one for each read. Those that were refused cannot be counted here. */
  get reads(): number {
    return this.#reads;
  }

  /** Reads that wait for an answer which does not come by itself. */
  get stalled(): number {
    return this.#stalled;
  }

  /** From the next read on. */
  async use(fault: Fault): Promise<void> {
    this.#fault = fault;
    if (fault === 'refused') await this.#stopListening();
    else if (this.#server === undefined) await this.#listen();
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await this.#stopListening();
  }

  async #listen(): Promise<void> {
    const server = createServer((socket) => this.#serve(socket)).listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as { port: number }).port;
    this.#server = server;
  }

  async #stopListening(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.close();
    await once(server, 'close');
  }

  #serve(socket: Socket): void {
    this.#reads += 1;
    this.#open.add(socket);
    socket.on('close', () => this.#open.delete(socket));
    socket.on('error', () => socket.destroy());
    const fault = this.#fault;
    const text = answers[fault];
    if (text !== undefined) socket.once('data', () => socket.end(text));
    else if (fault === 'reset') socket.resetAndDestroy();
    else if (fault === 'hang') this.#stall(socket);
    else this.#forward(socket, fault);
  }

  #stall(socket: Socket): void {
    this.#stalled += 1;
    socket.on('close', () => (this.#stalled -= 1));
    socket.resume();
  }

  #forward(socket: Socket, fault: Fault): void {
    const upstream = connect(Number(this.#target.port), this.#target.hostname);
    this.#open.add(upstream);
    upstream.on('close', () => this.#open.delete(upstream));
    upstream.on('error', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
    socket.pipe(upstream);
    if (fault === 'drip') this.#drip(upstream, socket);
    else if (fault === 'cut')
      upstream.once('data', (chunk: Buffer) => socket.end(chunk.subarray(0, chunk.length / 2)));
    else upstream.pipe(socket);
  }

  #drip(upstream: Socket, socket: Socket): void {
    this.#stall(socket);
    let waiting = Buffer.alloc(0);
    upstream.on('data', (chunk: Buffer) => (waiting = Buffer.concat([waiting, chunk])));
    const timer = setInterval(() => {
      socket.write(waiting.subarray(0, 1));
      waiting = waiting.subarray(1);
    }, 20);
    socket.on('close', () => clearInterval(timer));
  }
}
