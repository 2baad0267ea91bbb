import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { chainPem, type TestCertificate } from '@pinvault/testing';

/** A real CONNECT proxy (RFC 9110 §9.3.6), over TLS where it has a certificate; names lead to the loopback interface. */
export class ConnectProxy {
  readonly #server: Server;
  readonly url: string;
  tunnels = 0;
  /** The `proxy-authorization` that came last. */
  authorization: string | undefined;
  /** What the next CONNECT gets: a way to the target, a refusal, or the end of its connection. */
  behaviour: 'tunnel' | 'refuse' | 'drop' = 'tunnel';

  private constructor(server: Server, scheme: string) {
    this.#server = server;
    this.url = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connect', (request: IncomingMessage, client: Duplex) => this.#onConnect(request, client));
  }

  static async start(certificate?: TestCertificate): Promise<ConnectProxy> {
    const server =
      certificate === undefined
        ? createHttpServer()
        : createHttpsServer({ key: certificate.key.privateKeyPem, cert: chainPem(certificate) });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ConnectProxy(server, certificate === undefined ? 'http' : 'https');
  }

  #onConnect(request: IncomingMessage, client: Duplex): void {
    this.authorization = request.headers['proxy-authorization'];
    client.on('error', () => undefined);
    if (this.behaviour === 'drop') {
      client.destroy();
      return;
    }
    if (this.behaviour === 'refuse') {
      client.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    this.tunnels += 1;
    const target = connect(Number(request.url?.split(':').at(-1)), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      target.pipe(client).pipe(target);
    });
    target.on('error', () => client.destroy());
    client.on('close', () => target.destroy());
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
