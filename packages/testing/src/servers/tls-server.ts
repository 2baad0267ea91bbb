import { randomBytes } from 'node:crypto';
import { createServer as createHttpServer, type RequestListener, type Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import {
  createServer as createTlsListener,
  type SecureContextOptions,
  type SecureVersion,
  type Server,
  type TlsOptions,
  type TLSSocket,
} from 'node:tls';
import { chainPem, type TestCertificate } from '../pki/certificate.js';
import { listen, stopListening } from './listening.js';

/** What {@link startTlsServer} serves, and how. */
export interface TlsServerOptions {
  /** Leaf first; sent in exactly this order, junk included. The leaf's key is the server's. */
  readonly chain: readonly TestCertificate[];
  /** Address to listen on, which is also the one in `origin`. @defaultValue `'127.0.0.1'` */
  readonly host?: string;
  /** Answers the requests. @defaultValue 200 with the text `ok` */
  readonly respond?: RequestListener;
  /** @defaultValue Node's */
  readonly minVersion?: SecureVersion;
  /** @defaultValue Node's */
  readonly maxVersion?: SecureVersion;
  /** In OpenSSL's words; `DEFAULT@SECLEVEL=0` lets weak certificates be served. @defaultValue Node's */
  readonly ciphers?: string;
  /** Asks for a client certificate and refuses clients without one that `ca` has issued. @defaultValue `false` */
  readonly requestCert?: boolean;
  /** 48 bytes; servers that share them resume each other's sessions, as in a fleet. @defaultValue its own */
  readonly ticketKeys?: Buffer;
  /** Port to listen on. @defaultValue a free one */
  readonly port?: number;
  /** Issuers of acceptable client certificates. @defaultValue Node's */
  readonly ca?: readonly TestCertificate[];
}

/**
 * An HTTPS/1.1 server that counts what reaches it. Sessions survive `use`, as in a fleet that shares its ticket keys:
 * a client that keeps sessions will resume one under the certificate before.
 */
export class TestTlsServer {
  /** The port that the system gave. */
  readonly port: number;
  /** `https://<host>:<port>`. */
  readonly origin: string;
  readonly #counters: Counters;
  readonly #listener: Server;
  readonly #http: HttpServer;
  readonly #credentials: (chain: readonly TestCertificate[]) => SecureContextOptions;

  private constructor(parts: ServerParts, host: string, port: number) {
    this.#counters = parts.counters;
    this.#listener = parts.listener;
    this.#http = parts.http;
    this.#credentials = parts.credentials;
    this.port = port;
    this.origin = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  /** Starts a server. Exported as `startTlsServer`. */
  static async start(options: TlsServerOptions): Promise<TestTlsServer> {
    const host = options.host ?? '127.0.0.1';
    const parts = createParts(options);
    return new TestTlsServer(parts, host, await listen(parts.listener, options.port ?? 0, host));
  }

  /** TCP connections accepted. */
  get connections(): number {
    return this.#counters.connections;
  }

  /** Those among them that have not ended: once none is left, nothing more arrives. */
  get openConnections(): number {
    return this.#counters.open.size;
  }

  /** Handshakes completed on the server's side; under TLS 1.3 the client may still refuse afterwards. */
  get handshakes(): number {
    return this.#counters.handshakes;
  }

  /** Handshakes among them that resumed a session, in which the client saw no certificate. */
  get resumed(): number {
    return this.#counters.resumed;
  }

  /** Decrypted bytes received so far: of whole requests, half-sent ones, and what is no HTTP at all. */
  get applicationBytes(): number {
    let bytes = this.#counters.bytesOfClosed;
    for (const socket of this.#counters.secured) bytes += socket.bytesRead;
    return bytes;
  }

  /** Requests whose head has arrived. */
  get requests(): number {
    return this.#counters.requests;
  }

  /** Switches key and certificates for new handshakes; open connections and sessions stay. */
  use(chain: readonly TestCertificate[]): void {
    this.#listener.setSecureContext(this.#credentials(chain));
  }

  /** Destroys every open connection; the server goes on listening. */
  closeConnections(): void {
    for (const socket of this.#counters.open) socket.destroy();
  }

  /** Destroys every connection and stops listening. Idempotent. */
  async close(): Promise<void> {
    const stopped = stopListening(this.#listener);
    this.closeConnections();
    this.#http.close();
    await stopped;
  }
}

/**
 * Starts an HTTPS/1.1 server on a free port of the loopback interface.
 *
 * @throws TypeError where the chain is empty
 */
export async function startTlsServer(options: TlsServerOptions): Promise<TestTlsServer> {
  return TestTlsServer.start(options);
}

interface Counters {
  connections: number;
  handshakes: number;
  resumed: number;
  requests: number;
  bytesOfClosed: number;
  readonly open: Set<Socket>;
  readonly secured: Set<TLSSocket>;
}

interface ServerParts {
  readonly counters: Counters;
  readonly listener: Server;
  readonly http: HttpServer;
  readonly credentials: (chain: readonly TestCertificate[]) => SecureContextOptions;
}

function createParts(options: TlsServerOptions): ServerParts {
  const counters: Counters = {
    connections: 0,
    handshakes: 0,
    resumed: 0,
    requests: 0,
    bytesOfClosed: 0,
    open: new Set(),
    secured: new Set(),
  };
  // Without fixed ticket keys setSecureContext() would end every session, and with it the test of resumption.
  const ticketKeys = options.ticketKeys ?? randomBytes(48);
  const credentials = (chain: readonly TestCertificate[]): TlsOptions => {
    const leaf = chain[0];
    if (leaf === undefined) throw new TypeError('"chain" must hold at least the leaf');
    return {
      key: leaf.key.privateKeyPem,
      cert: chainPem(...chain),
      ticketKeys,
      ...(options.ca && { ca: chainPem(...options.ca) }),
      ...(options.ciphers && { ciphers: options.ciphers }),
      ...(options.minVersion && { minVersion: options.minVersion }),
      ...(options.maxVersion && { maxVersion: options.maxVersion }),
    };
  };
  const http = createHttpServer(options.respond ?? ((_request, response) => void response.end('ok')));
  http.prependListener('request', () => (counters.requests += 1));
  const listener = createTlsListener({
    ...credentials(options.chain),
    requestCert: options.requestCert ?? false,
    ALPNProtocols: ['http/1.1'],
  });
  listener.on('connection', (socket: Socket) => countConnection(counters, socket));
  listener.on('secureConnection', (socket) => {
    countHandshake(counters, socket);
    http.emit('connection', socket);
  });
  return { counters, listener, http, credentials };
}

function countConnection(counters: Counters, socket: Socket): void {
  counters.connections += 1;
  counters.open.add(socket);
  socket.once('close', () => counters.open.delete(socket));
}

function countHandshake(counters: Counters, socket: TLSSocket): void {
  counters.handshakes += 1;
  if (socket.isSessionReused()) counters.resumed += 1;
  counters.secured.add(socket);
  // bytesRead and not 'data': the HTTP parser takes the bytes from below the stream, where no event is emitted.
  socket.once('close', () => {
    counters.secured.delete(socket);
    counters.bytesOfClosed += socket.bytesRead;
  });
}
