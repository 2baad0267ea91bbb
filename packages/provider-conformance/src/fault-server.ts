import {
  createServer as createHttpServer,
  type IncomingMessage,
  request as httpRequest,
  type RequestListener,
  type RequestOptions,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer, request as httpsRequest } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { ProviderBackend } from './harness.js';

/** An answer in the store's place. */
export interface StoreAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What stands behind a {@link FaultServer}, and how it speaks. */
export interface FaultServerOptions {
  /** Where requests go while nothing is wrong: a handler of your own, or the address of a real server. */
  readonly store: RequestListener | string;
  /** Refuses single requests in the store's place, by what stands in them; `undefined` lets one pass. */
  readonly refuse?: ((request: IncomingMessage) => StoreAnswer | undefined) | undefined;
  /** PEM of the CAs that are trusted for a real server's certificate. @defaultValue Node's */
  readonly storeCa?: string | undefined;
  /** Speaks https with this key and certificate (PEM). @defaultValue plain http */
  readonly tls?: { readonly key: string; readonly cert: string } | undefined;
}

/** How a service says what {@link FaultServer.backend} makes it say. */
export interface StoreAnswers {
  /** @defaultValue 403 without a body */
  readonly denied?: StoreAnswer;
  /** @defaultValue 429 without a body */
  readonly throttled?: StoreAnswer;
  /** @defaultValue 500 without a body */
  readonly failed?: StoreAnswer;
  /** @defaultValue 200 with an HTML page */
  readonly garbage?: StoreAnswer;
}

type FaultName =
  | 'requests'
  | 'connections'
  | 'deny'
  | 'throttle'
  | 'fail'
  | 'answerGarbage'
  | 'echo'
  | 'hang'
  | 'goOffline'
  | 'restore'
  | 'stop';

/** What {@link FaultServer.backend} offers. */
export type FaultBackend = Required<Pick<ProviderBackend, FaultName>>;

const page: StoreAnswer = {
  status: 200,
  headers: { 'content-type': 'text/html' },
  body: '<html><body>Please log in</body></html>',
};

type Fault =
  | { readonly kind: 'answer'; readonly answer: StoreAnswer }
  | { readonly kind: 'echo'; readonly status: number };

/**
 * A server on the loopback interface in front of a store, whose faults are at hand. It counts requests and connections,
 * and passes on what it is sent, byte for byte, until it is told to do something else.
 */
export class FaultServer {
  readonly #options: FaultServerOptions;
  readonly #sockets = new Set<Socket>();
  readonly #held: (() => void)[] = [];
  #server: Server | undefined;
  #port = 0;
  #requests = 0;
  #fault: Fault | undefined;
  #isHanging = false;

  private constructor(options: FaultServerOptions) {
    this.#options = options;
  }

  /** Starts a server. Exported as `startFaultServer`. */
  static async start(options: FaultServerOptions): Promise<FaultServer> {
    const server = new FaultServer(options);
    await server.#listen();
    return server;
  }

  /** `http://127.0.0.1:<port>` or `https://…`; stays the same over `goOffline` and `restore`. */
  get url(): string {
    return `${this.#options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${String(this.#port)}`;
  }

  /** Requests that have come in so far, whatever their answer. */
  get requests(): number {
    return this.#requests;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** From now on this is the answer to everything. */
  answer(answer: StoreAnswer): void {
    this.#fault = { kind: 'answer', answer };
  }

  /** From now on each answer repeats the request, headers and body, in its own text and headers. */
  echo(status = 400): void {
    this.#fault = { kind: 'echo', status };
  }

  /** From now on requests wait. */
  hang(): void {
    this.#isHanging = true;
  }

  /** Drops every connection and stops listening. */
  async goOffline(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /**
   * The faults as a harness offers them, to be spread into its back end. Name the answers of the real service where they
   * differ from these: its words, its status, its headers.
   */
  backend(answers: StoreAnswers = {}): FaultBackend {
    const {
      denied = { status: 403 },
      throttled = { status: 429 },
      failed = { status: 500 },
      garbage = page,
    } = answers;
    return {
      requests: () => this.#requests,
      connections: () => this.#sockets.size,
      deny: () => this.answer(denied),
      throttle: () => {
        this.answer(throttled);
        const seconds = throttled.headers?.['retry-after'];
        return seconds === undefined ? undefined : Number(seconds) * 1_000;
      },
      fail: () => this.answer(failed),
      answerGarbage: () => this.answer(garbage),
      echo: () => this.echo(denied.status),
      hang: () => this.hang(),
      goOffline: async () => this.goOffline(),
      restore: async () => this.restore(),
      stop: async () => this.stop(),
    };
  }

  /** Takes back every fault; requests that wait are answered by the store. */
  async restore(): Promise<void> {
    this.#fault = undefined;
    this.#isHanging = false;
    if (this.#server === undefined) await this.#listen();
    for (const proceed of this.#held.splice(0)) proceed();
  }

  /** Ends it, waiting requests too. Idempotent. */
  async stop(): Promise<void> {
    this.#held.length = 0;
    await this.goOffline();
  }

  async #listen(): Promise<void> {
    const { tls } = this.#options;
    const onRequest = (request: IncomingMessage, response: ServerResponse): void =>
      void this.#serve(request, response);
    const server = tls === undefined ? createHttpServer(onRequest) : createHttpsServer({ ...tls }, onRequest);
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#requests += 1;
    const fault = this.#fault;
    if (this.#isHanging) await new Promise<void>((resolve) => void this.#held.push(resolve));
    if (response.destroyed) return;
    const refusal = this.#options.refuse?.(request);
    if (fault?.kind === 'answer') give(response, fault.answer);
    else if (fault?.kind === 'echo') give(response, await echoOf(request, fault.status));
    else if (refusal !== undefined) give(response, refusal);
    else if (typeof this.#options.store === 'string') this.#passOn(request, response, this.#options.store);
    else this.#options.store(request, response);
  }

  #passOn(request: IncomingMessage, response: ServerResponse, store: string): void {
    const target = new URL(store);
    const send = target.protocol === 'https:' ? httpsRequest : httpRequest;
    const options: RequestOptions & { readonly ca?: string } = {
      hostname: target.hostname,
      port: target.port,
      method: request.method,
      path: request.url,
      headers: request.headers,
      agent: false,
      ...(this.#options.storeCa === undefined ? {} : { ca: this.#options.storeCa }),
    };
    const outgoing = send(options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
    });
    outgoing.once('error', () => response.destroy());
    response.once('close', () => outgoing.destroy());
    request.pipe(outgoing);
  }
}

/** Starts a server in front of a store. */
export async function startFaultServer(options: FaultServerOptions): Promise<FaultServer> {
  return FaultServer.start(options);
}

function give(response: ServerResponse, { status, headers = {}, body = '' }: StoreAnswer): void {
  response.writeHead(status, headers).end(body);
}

/** As a debugging proxy would: all that came in stands in the body, in the forms that clients look for an error in. */
async function echoOf(request: IncomingMessage, status: number): Promise<StoreAnswer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const sent = `${request.method ?? ''} ${request.url ?? ''} ${request.rawHeaders.join(' ')} ${Buffer.concat(chunks).toString()}`;
  const text = sent.replaceAll(/[^\x20-\x7e]/gu, ' ');
  const body = {
    message: text,
    Message: text,
    errors: [text],
    error: { code: text, message: text },
    __type: text,
  };
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'x-echo': text.slice(0, 4_000),
      'retry-after': text.slice(0, 200),
    },
    body: JSON.stringify(body),
  };
}
