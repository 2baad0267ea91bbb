import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

const noPassword = Buffer.from([5, 0]);
const succeeded = Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);

/** A SOCKS5 proxy (RFC 1928) without a password, to this machine alone. */
export class SocksProxy {
  readonly url: string;
  /** The ports that clients asked tunnels to, in their order. */
  readonly authorities: string[] = [];
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.url = `socks5://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    server.on('connection', (client) => {
      this.#keep(client);
      client.once('data', () => {
        client.write(noPassword);
        client.once('data', (request) => this.#tunnel(client, request));
      });
    });
  }

  static async start(): Promise<SocksProxy> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new SocksProxy(server);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#open) socket.destroy();
    await closed;
  }

  #tunnel(client: Socket, request: Buffer): void {
    client.pause();
    const port = request.readUInt16BE(request.length - 2);
    this.authorities.push(String(port));
    const target = connect(port, '127.0.0.1', () => {
      client.write(succeeded);
      client.pipe(target).pipe(client);
    });
    this.#keep(target);
    target.once('close', () => client.destroy());
    client.once('close', () => target.destroy());
  }

  #keep(socket: Socket): void {
    this.#open.add(socket);
    socket.on('error', () => socket.destroy()).once('close', () => this.#open.delete(socket));
  }
}
