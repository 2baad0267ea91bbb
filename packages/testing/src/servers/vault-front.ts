import {
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Duplex } from 'node:stream';
import { createServer as createHttpsServer } from 'node:https';
import { type WebSocket, WebSocketServer } from 'ws';
import { chainPem, type TestCertificate } from '../pki/certificate.js';
import { listen, stopListening } from './listening.js';
import { eventOf, hasDataPath, matchesType } from './vault-event-wire.js';

/** How {@link startVaultFront} is set up. */
export interface VaultFrontOptions {
  /** The vault behind it: `http://127.0.0.1:<port>`. */
  readonly store: string;
  /** Speaks https with this chain, leaf first; the leaf needs `127.0.0.1` among its hosts. @defaultValue plain http */
  readonly tls?: { readonly chain: readonly TestCertificate[] };
  /** Mounts of KV version 1: their events have other names. @defaultValue none */
  readonly kv1?: readonly string[];
}

/** A request that went through. */
export interface FrontRequest {
  readonly method: string;
  /** Without `/v1/`. */
  readonly path: string;
  readonly status: number;
  /** Of the answer's body. */
  readonly byteCount: number;
}

interface Subscriber {
  readonly socket: WebSocket;
  readonly type: string;
  readonly isRoot: boolean;
}

/**
 * A real vault seen through a server that counts, and that has what no free vault has: the events of Vault Enterprise.
 *
 * **A stand-in, true to the wire**: all requests are answered by the vault behind it, except `sys/health`, which says
 * `enterprise`, and `sys/events/subscribe/<type>`, a WebSocket that tells of the writes that have come through here, in
 * the form of Vault 1.16 and later (CloudEvents in JSON). Who may subscribe is decided by the vault's own policies (`read` on that path);
 * the capability `subscribe` on each secret, which no free vault knows, is not asked.
 */
export class VaultFront {
  /** As `VAULT_ADDR` wants it. */
  readonly address: string;
  readonly #options: VaultFrontOptions;
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true });
  readonly #subscribers = new Set<Subscriber>();
  readonly #requests: FrontRequest[] = [];
  readonly #held = new Set<Duplex>();
  #subscriptions = 0;
  #refusal: number | 'hang' | undefined;
  #isEnterprise = true;

  private constructor(options: VaultFrontOptions, server: Server, port: number) {
    this.#options = options;
    this.#server = server;
    this.address = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
    server.on('request', (request, response) => void this.#serve(request, response));
    server.on(
      'upgrade',
      (request, socket: Duplex, head: Buffer) => void this.#upgrade(request, socket, head),
    );
  }

  /** Starts it on a free port. Exported as `startVaultFront`. */
  static async start(options: VaultFrontOptions): Promise<VaultFront> {
    const server = createServerFor(options);
    return new VaultFront(options, server, await listen(server, 0, '127.0.0.1'));
  }

  /** Everything that was asked of the vault, in order. */
  get requests(): readonly FrontRequest[] {
    return this.#requests;
  }

  /** Attempts to subscribe so far, whatever their answer. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** Who listens to events now. */
  get subscribers(): number {
    return this.#subscribers.size;
  }

  /** Whether `sys/health` says so. */
  set isEnterprise(isEnterprise: boolean) {
    this.#isEnterprise = isEnterprise;
  }

  /** From now on who subscribes gets this status, or no answer; `undefined` restores. */
  refuseSubscriptions(how: number | 'hang' | undefined): void {
    this.#refusal = how;
  }

  /** Cuts off who listens, without a word, as a load balancer does. */
  dropSubscribers(): void {
    for (const { socket } of this.#subscribers) socket.terminate();
  }

  /** Sends a text as it is to all who listen. */
  send(text: string): void {
    for (const { socket } of this.#subscribers) socket.send(text);
  }

  /** Tells of something as if it had come through here. */
  tell(type: string, path: string): void {
    for (const { socket, type: wanted, isRoot } of this.#subscribers)
      if (matchesType(wanted, type) && (isRoot || hasDataPath(type)))
        socket.send(JSON.stringify(eventOf(type, path)));
  }

  /** Drops every connection and stops listening. Idempotent. */
  async close(): Promise<void> {
    const stopped = stopListening(this.#server);
    this.dropSubscribers();
    for (const socket of this.#held) socket.destroy();
    this.#sockets.close();
    this.#server.closeAllConnections();
    await stopped;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = await bodyOf(request);
      const answer = await this.#ask(request, body);
      const path = (request.url ?? '').replace(/^\/v1\//u, '');
      const text = path.startsWith('sys/health') ? this.#healthOf(answer.text) : answer.text;
      const method = request.method ?? 'GET';
      this.#requests.push({ method, path, status: answer.status, byteCount: Buffer.byteLength(text) });
      const { connection: _connection, 'content-length': _length, ...headers } = answer.headers;
      response.writeHead(answer.status, headers);
      response.end(text);
      if (answer.status < 300) this.#tellOf(method, path);
    } catch (error) {
      if (!response.headersSent) response.writeHead(502);
      response.end(String(error));
    }
  }

  #healthOf(text: string): string {
    const health = JSON.parse(text) as Record<string, unknown>;
    if (!this.#isEnterprise) return text;
    return JSON.stringify({ ...health, enterprise: true, version: `${String(health['version'])}+ent` });
  }

  #tellOf(method: string, path: string): void {
    const secret = decodeURIComponent(path.replace(/\?.*$/su, ''));
    const mount = this.#options.kv1?.find((each) => secret.startsWith(`${each}/`));
    if (mount !== undefined) {
      if (method === 'DELETE') this.tell('kv-v1/delete', secret);
      else if (method !== 'GET') this.tell('kv-v1/write', secret);
      return;
    }
    if (!/^[^/]+\/data\//u.test(secret) || secret.startsWith('sys/')) return;
    const names: Readonly<Record<string, string>> = { PATCH: 'data-patch', DELETE: 'data-delete' };
    if (method !== 'GET') this.tell(`kv-v2/${names[method] ?? 'data-write'}`, secret);
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    this.#subscriptions += 1;
    socket.on('error', () => undefined);
    if (this.#refusal === 'hang') {
      this.#held.add(socket);
      return;
    }
    const url = new URL(request.url ?? '/', 'http://vault');
    const [, type] = /^\/v1\/sys\/events\/subscribe\/(.+)$/u.exec(decodeURIComponent(url.pathname)) ?? [];
    if (this.#refusal !== undefined) refuse(socket, this.#refusal, 'refused');
    else if (type === undefined || url.searchParams.get('json') !== 'true')
      refuse(socket, 400, 'bad request');
    else {
      const capabilities = await this.#capabilitiesOf(request, type);
      if (!capabilities.some((each) => each === 'read' || each === 'root')) {
        refuse(socket, 403, 'permission denied');
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (accepted) => {
        const subscriber = { socket: accepted, type, isRoot: capabilities.includes('root') };
        this.#subscribers.add(subscriber);
        accepted.on('error', () => undefined);
        accepted.on('close', () => this.#subscribers.delete(subscriber));
      });
    }
  }

  async #capabilitiesOf(request: IncomingMessage, type: string): Promise<readonly string[]> {
    const path = `sys/events/subscribe/${type}`;
    const headers = {
      'x-vault-token': request.headers['x-vault-token'],
      'content-type': 'application/json',
    };
    const asked = { method: 'POST', url: '/v1/sys/capabilities-self', headers };
    const { status, text } = await this.#ask(asked, JSON.stringify({ paths: [path] }));
    if (status !== 200) return [];
    const { data } = JSON.parse(text) as { readonly data?: Readonly<Record<string, readonly string[]>> };
    return data?.[path] ?? [];
  }

  async #ask(
    { method, url, headers }: Pick<IncomingMessage, 'method' | 'url' | 'headers'>,
    body: string,
  ): Promise<{
    readonly status: number;
    readonly headers: IncomingMessage['headers'];
    readonly text: string;
  }> {
    const { host: _host, connection: _connection, 'content-length': _length, ...rest } = headers;
    const sent = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
    return new Promise((resolve, reject) => {
      const target = new URL(url ?? '/', this.#options.store);
      const request = httpRequest(
        target,
        { method, headers: { ...sent, 'content-length': Buffer.byteLength(body) }, agent: false },
        (response) => {
          bodyOf(response).then(
            (text) => resolve({ status: response.statusCode ?? 502, headers: response.headers, text }),
            reject,
          );
        },
      );
      request.once('error', reject);
      request.end(body);
    });
  }
}

/** Starts it on the loopback interface. */
export async function startVaultFront(options: VaultFrontOptions): Promise<VaultFront> {
  return VaultFront.start(options);
}

function createServerFor({ tls }: VaultFrontOptions): Server {
  if (tls === undefined) return createServer();
  const leaf = tls.chain[0];
  if (leaf === undefined) throw new TypeError('"tls.chain" must hold at least the leaf');
  return createHttpsServer({ key: leaf.key.privateKeyPem, cert: chainPem(...tls.chain) });
}

function refuse(socket: Duplex, status: number, reason: string): void {
  const body = JSON.stringify({ errors: [reason] });
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}

async function bodyOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
