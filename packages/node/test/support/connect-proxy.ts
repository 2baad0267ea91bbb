import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { chainPem, type TestCertificate } from '@pinvault/testing';

type Answer = (request: IncomingMessage, client: Duplex, dig: () => void) => void;

/** A real CONNECT proxy, whose every target is on the loopback interface. */
export class ConnectProxy {
  readonly url: string;
  /** The targets asked for, in their order. */
  readonly asked: readonly string[];
  readonly authorizations: readonly (string | undefined)[];
  /** Puts something else in the place of a tunnel. */
  answer: Answer = (_request, _client, dig) => dig();
  readonly close: () => Promise<void>;

  private constructor(server: http.Server | https.Server, url: string) {
    const asked: string[] = [];
    const authorizations: (string | undefined)[] = [];
    const sockets = new Set<Socket | Duplex>();
    this.url = url;
    this.asked = asked;
    this.authorizations = authorizations;
    server.on('connection', (socket: Socket) => sockets.add(socket));
    server.on('connect', (request: IncomingMessage, client: Duplex) => {
      asked.push(request.url ?? '');
      authorizations.push(request.headers['proxy-authorization']);
      client.on('error', () => undefined);
      this.answer(request, client, () => {
        const upstream = connect(Number(request.url?.split(':').at(-1)), '127.0.0.1', () => {
          client.write('HTTP/1.1 200 Connection established\r\n\r\n');
          upstream.pipe(client).pipe(upstream);
        });
        sockets.add(upstream);
        upstream.on('error', () => client.destroy());
        client.on('close', () => upstream.destroy());
      });
    });
    this.close = async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    };
  }

  /** @param leaf - the proxy's certificate; without one it speaks plain HTTP */
  static async start(leaf?: TestCertificate): Promise<ConnectProxy> {
    const server =
      leaf === undefined
        ? http.createServer()
        : https.createServer({ key: leaf.key.privateKeyPem, cert: chainPem(leaf) });
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return new ConnectProxy(server, `${leaf === undefined ? 'http' : 'https'}://127.0.0.1:${port}`);
  }
}
