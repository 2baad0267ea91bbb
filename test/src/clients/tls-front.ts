import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chainPem, type TestCertificate } from '@pinvault/testing';
import { until } from '../support/processes.js';

/** What both sides say in the clear before TLS begins, as with STARTTLS. Resolves when the next byte is a handshake's. */
export type Prelude = (client: Socket, upstream: Socket) => Promise<void>;

/** What stands behind a front: a server that hears the decrypted bytes, or a function that answers them. */
export type Behind =
  | { readonly port: number; readonly prelude?: Prelude; readonly ca?: string }
  | { readonly answer: (socket: TLSSocket) => void };

/**
 * The TLS side of a real server, with a certificate that a test can exchange, and a count of the decrypted bytes that
 * a client has sent. What it decrypts goes on to the server; where that one speaks TLS itself (`ca`), encrypted anew.
 */
export class TlsFront {
  readonly port: number;
  /** Accepted so far, and of these ended. */
  connections = 0;
  ended = 0;
  resumed = 0;
  applicationBytes = 0;
  #gate: Promise<void> = Promise.resolve();
  readonly #flows = new Set<Flow>();
  /** After so many bytes, either way, a connection stands still. */
  #holdAfter = Infinity;
  readonly #server: Server;
  readonly #open: Set<Socket>;
  readonly #use: (leaf: TestCertificate) => void;

  private constructor(server: Server, open: Set<Socket>, use: (leaf: TestCertificate) => void) {
    this.#server = server;
    this.#open = open;
    this.#use = use;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(
    leaf: TestCertificate,
    behind: Behind,
    protocols: readonly string[] = [],
  ): Promise<TlsFront> {
    const open = new Set<Socket>();
    // One key for all certificates: a client that keeps tickets may try them under the next one too.
    const ticketKeys = randomBytes(48);
    const contextOf = (shown: TestCertificate): SecureContext =>
      createSecureContext({
        key: shown.key.privateKeyPem,
        cert: chainPem(shown),
        ticketKeys,
        sessionIdContext: 'front',
      });
    let context = contextOf(leaf);
    const server = createServer((socket) => {
      keep(socket, open);
      void front
        .then(async (self) => self.#serve(socket, behind, () => context, protocols))
        .catch(() => socket.destroy());
    });
    const front = once(server.listen(0, '127.0.0.1'), 'listening').then(
      () => new TlsFront(server, open, (shown) => void (context = contextOf(shown))),
    );
    return front;
  }

  /** Shows another certificate in new handshakes. */
  use(leaf: TestCertificate): void {
    this.#use(leaf);
  }

  /** New connections wait for their handshake until the returned function is called. */
  holdHandshakes(): () => void {
    let release: () => void = () => undefined;
    this.#gate = new Promise((resolve) => (release = resolve));
    return release;
  }

  /** The connections that are open keep what the server answers until the returned function is called. */
  holdAnswers(): () => void {
    const held = [...this.#flows];
    for (const { secured } of held) secured.cork();
    return () => {
      for (const { secured } of held) secured.uncork();
    };
  }

  /** Every connection stands still, both ways, when so many bytes have come one way, until the returned function is called. */
  holdAfter(bytes: number): () => void {
    this.#holdAfter = bytes;
    return () => {
      this.#holdAfter = Infinity;
      for (const { release } of this.#flows) release();
    };
  }

  /** Waits until a connection stands still by {@link holdAfter}. */
  async stoodStill(): Promise<void> {
    await until(
      () => [...this.#flows].some(({ isHeld }) => isHeld()),
      () => 'every connection goes on',
    );
  }

  /** Waits until so many connections have been accepted. */
  async connected(count: number): Promise<void> {
    await until(
      () => this.connections >= count,
      () => `${String(this.connections)} of ${String(count)} connections`,
    );
  }

  /** Waits until every connection has ended: only then is it known what a client has sent. */
  async settled(): Promise<void> {
    await until(
      () => this.#open.size === 0,
      () => `${String(this.#open.size)} connections are open`,
    );
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#open) socket.destroy();
    await closed;
  }

  async #serve(
    socket: Socket,
    behind: Behind,
    context: () => SecureContext,
    protocols: readonly string[],
  ): Promise<void> {
    this.connections += 1;
    socket.once('close', () => (this.ended += 1));
    const upstream = 'port' in behind ? await connected(behind.port) : undefined;
    if (upstream !== undefined) {
      bind(socket, upstream);
      if ('prelude' in behind) await behind.prelude?.(socket, upstream);
    }
    await this.#gate;
    const secured = new TLSSocket(socket, {
      isServer: true,
      secureContext: context(),
      ...(protocols.length > 0 && { ALPNProtocols: [...protocols] }),
    });
    secured.on('error', () => secured.destroy());
    secured.on('data', (chunk: Buffer) => (this.applicationBytes += chunk.length));
    secured.pause();
    secured.once('close', () => {
      socket.destroy();
      upstream?.destroy();
    });
    // unread, the client's end would never be seen
    upstream?.once('close', () => secured.resume());
    // a client that refuses may leave in the middle of the handshake, which then would never end
    let isSecured = false;
    secured.once('end', () => {
      if (!isSecured) secured.destroy();
    });
    secured.once('secure', () => {
      isSecured = true;
      if (secured.isSessionReused()) this.resumed += 1;
    });
    if ('answer' in behind) {
      this.#flow(secured);
      behind.answer(secured);
      secured.resume();
      return;
    }
    const inner =
      behind.ca === undefined || upstream === undefined
        ? upstream
        : connectTls({ socket: upstream, ca: behind.ca, servername: 'localhost' });
    inner?.on('error', () => secured.destroy());
    if (inner !== undefined) {
      this.#flow(secured, inner);
      secured.pipe(inner);
      inner.pipe(secured);
    }
  }

  #flow(secured: TLSSocket, inner?: Socket): void {
    const releases: (() => void)[] = [];
    const follow = (from: Socket, to: Socket): void => {
      let passed = 0;
      let isHeld = false;
      from.on('data', (chunk: Buffer) => {
        passed += chunk.length;
        if (passed < this.#holdAfter || isHeld) return;
        isHeld = true;
        // the one alone would be filled up, the other resumed by it
        to.cork();
        from.pause();
        releases.push(() => {
          isHeld = false;
          to.uncork();
          from.resume();
        });
      });
    };
    if (inner !== undefined) {
      follow(secured, inner);
      follow(inner, secured);
    }
    const release = (): void => releases.splice(0).forEach((letGo) => letGo());
    const flow = { secured, release, isHeld: () => releases.length > 0 };
    this.#flows.add(flow);
    secured.once('close', () => this.#flows.delete(flow));
  }
}

/** A decrypted connection, and what lets it go on. */
interface Flow {
  readonly secured: TLSSocket;
  readonly release: () => void;
  readonly isHeld: () => boolean;
}

function keep(socket: Socket, open: Set<Socket>): void {
  open.add(socket);
  socket.on('error', () => socket.destroy());
  socket.once('close', () => open.delete(socket));
}

function bind(left: Socket, right: Socket): void {
  right.on('error', () => left.destroy());
  left.once('close', () => right.destroy());
  right.once('close', () => left.end());
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

async function nextData(socket: Socket): Promise<Buffer> {
  const ended = once(socket, 'close').then(() => {
    throw new Error('the connection ended before TLS began');
  });
  const arrived = once(socket, 'data');
  const [chunk] = (await Promise.race([arrived, ended])) as [Buffer];
  socket.pause();
  return chunk;
}

/** PostgreSQL: eight bytes that ask for TLS, and an `S` that grants it. The server behind hears nothing of it. */
export const postgresPrelude: Prelude = async (client) => {
  await nextData(client);
  client.write('S');
};

const sslRequestLength = 36;

/** MySQL: the greeting, then a packet that asks for TLS; both go through. */
export const mysqlPrelude: Prelude = async (client, upstream) => {
  client.write(await nextData(upstream));
  const asked = await nextData(client);
  // the handshake may have come along with it: Node takes what is put back
  if (asked.length > sslRequestLength) client.unshift(asked.subarray(sslRequestLength));
  upstream.write(asked.subarray(0, sslRequestLength));
};

/** SMTP: everything goes through until the answer to STARTTLS has. */
export const smtpPrelude: Prelude = async (client, upstream) => {
  for (;;) {
    client.write(await nextData(upstream));
    client.resume();
    const command = await nextData(client);
    upstream.write(command);
    upstream.resume();
    if (!/^STARTTLS\r\n$/iu.test(command.toString('latin1'))) continue;
    client.write(await nextData(upstream));
    return;
  }
};
