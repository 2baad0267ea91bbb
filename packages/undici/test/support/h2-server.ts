import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import { chainPem, type TestCertificate } from '@pinvault/testing';

/** An HTTP/2 server that counts what reaches it. */
export class H2Server {
  readonly port: number;
  readonly #listener: Server;
  readonly #ticketKeys: Buffer;
  readonly #sockets = new Set<TLSSocket>();
  #bytesOfClosed = 0;
  connections = 0;
  resumed = 0;
  requests = 0;

  constructor(listener: Server, ticketKeys: Buffer, respond: RequestListener) {
    this.port = (listener.address() as AddressInfo).port;
    this.#listener = listener;
    this.#ticketKeys = ticketKeys;
    const http2 = createHttp2Server((request, response) => {
      this.requests += 1;
      respond(request as never, response as never);
    });
    http2.on('sessionError', () => undefined);
    listener.on('connection', () => (this.connections += 1));
    listener.on('tlsClientError', () => undefined);
    listener.on('secureConnection', (socket) => {
      if (socket.isSessionReused()) this.resumed += 1;
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        this.#bytesOfClosed += socket.bytesRead;
      });
      http2.emit('connection', socket);
    });
  }

  /** Decrypted bytes received so far. */
  get applicationBytes(): number {
    let bytes = this.#bytesOfClosed;
    for (const socket of this.#sockets) bytes += socket.bytesRead;
    return bytes;
  }

  /** Switches key and certificates for new handshakes; open connections and sessions stay. */
  use(chain: readonly TestCertificate[]): void {
    this.#listener.setSecureContext(credentials(chain, this.#ticketKeys));
  }

  closeConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.closeConnections();
    await new Promise((resolve) => this.#listener.close(resolve));
  }
}

/** Starts it on a free port of the loopback interface. */
export async function startH2Server(
  chain: readonly TestCertificate[],
  respond: RequestListener = (_request, response) => void response.end('ok'),
): Promise<H2Server> {
  const ticketKeys = randomBytes(48);
  const listener = createServer({ ...credentials(chain, ticketKeys), ALPNProtocols: ['h2'] });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return new H2Server(listener, ticketKeys, respond);
}

function credentials(
  chain: readonly TestCertificate[],
  ticketKeys: Buffer,
): SecureContextOptions & { readonly ticketKeys: Buffer } {
  const [leaf] = chain;
  if (leaf === undefined) throw new TypeError('a server needs a certificate');
  return { key: leaf.key.privateKeyPem, cert: chainPem(...chain), ticketKeys };
}
