import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { chainPem, type TestCertificate } from '@pinvault/testing';

/** An HTTP/2 server of Node's that counts what reaches it. */
export class Http2Server {
  readonly port: number;
  readonly streams: ServerHttp2Stream[];
  readonly use: (leaf: TestCertificate) => void;
  readonly close: () => Promise<void>;
  readonly #sockets: readonly TLSSocket[];

  private constructor(
    parts: Pick<Http2Server, 'port' | 'streams' | 'use' | 'close'>,
    sockets: readonly TLSSocket[],
  ) {
    this.port = parts.port;
    this.streams = parts.streams;
    this.use = parts.use;
    this.close = parts.close;
    this.#sockets = sockets;
  }

  /** Answers `/` with "ok"; other streams are answered with "first " and left open. */
  static async start(leaf: TestCertificate): Promise<Http2Server> {
    const credentials = (of: TestCertificate): { key: string; cert: string } => ({
      key: of.key.privateKeyPem,
      cert: chainPem(of),
    });
    const server = createSecureServer(credentials(leaf));
    const sockets: TLSSocket[] = [];
    const streams: ServerHttp2Stream[] = [];
    server.on('secureConnection', (socket: TLSSocket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
    });
    server.on('sessionError', () => undefined);
    server.on('stream', (stream, headers) => {
      streams.push(stream);
      stream.on('error', () => undefined);
      stream.respond({ ':status': 200 });
      if (headers[':path'] === '/') stream.end('ok');
      else stream.write('first ');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const close = async (): Promise<void> => {
      for (const socket of sockets) socket.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    };
    const { port } = server.address() as AddressInfo;
    const use = (next: TestCertificate): void => server.setSecureContext(credentials(next));
    return new Http2Server({ port, streams, use, close }, sockets);
  }

  /** Decrypted bytes, the preface of HTTP/2 included. */
  get applicationBytes(): number {
    return this.#sockets.reduce((sum, socket) => sum + socket.bytesRead, 0);
  }

  get connections(): number {
    return this.#sockets.length;
  }
}
