import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { type GuardOptions, invalidOption, PinMismatchError, readGuardOptions } from '@pinvault/core';
import { refuseUnsafe } from '../pinned-agent-options.js';
import { assertSocketPins, type SocketPins } from '../socket-pins.js';
import {
  endsHandshake,
  isGreeting,
  offersTls,
  PacketReader,
  renumber,
  splitAnswer,
} from './mysql-handshake.js';

/** Where the server is, and what its TLS needs besides the pins. */
export interface PinnedMysqlOptions
  extends
    Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'minVersion' | 'maxVersion' | 'ciphers'>,
    GuardOptions {
  readonly host: string;
  /** @defaultValue 3306 */
  readonly port?: number;
}

/**
 * The `stream` of mysql2, for connections and pools: it asks the server for TLS, judges the handshake, and only then lets
 * the driver's login pass. mysql2 itself ignores `ssl.checkServerIdentity` in silence, and resumes sessions of its own.
 *
 * **Security:** leave `ssl` of the driver unset, since the stream is encrypted already. A server that offers no TLS is
 * refused before it has seen the user's name. No session is resumed. A connection is judged again at every rotation, and
 * ends by `policy`: under `drain` a pool may use it until `graceMs` is over, under `close` it ends at once.
 *
 * @throws TypeError (`ERR_INVALID_OPTION`) where no host is named, and for an option that would open a hole
 *
 * @example
 * mysql.createPool({ user, password, database, stream: pinnedMysqlStream(pins, { host: 'db.example.com' }) });
 */
export function pinnedMysqlStream(
  pins: SocketPins,
  options: PinnedMysqlOptions,
): (driver?: object) => Duplex {
  assertSocketPins(pins);
  refuseUnsafe(options);
  readGuardOptions(options);
  const { host, port = 3306 } = options;
  if (typeof host !== 'string' || host === '')
    throw invalidOption('host', 'is not named: the pins of a connection are those of its host');
  // refuses a port that is none now, and not with the first connection
  pins.tlsOptions({ host, port });
  return (driver) => {
    const { config } = (driver ?? {}) as { config?: { ssl?: unknown } };
    if (config?.ssl !== undefined && config.ssl !== false && config.ssl !== null)
      throw invalidOption('ssl', 'would encrypt a second time, without pins: leave it out');
    return new MysqlStream(pins, { ...options, port });
  };
}

class MysqlStream extends Duplex {
  readonly #pins: SocketPins;
  readonly #options: PinnedMysqlOptions & { readonly port: number };
  readonly #socket: Socket;
  readonly #fromServer = new PacketReader();
  readonly #fromDriver = new PacketReader();
  #secured: TLSSocket | undefined;
  #isGreeted = false;
  /** Until then packets are numbered anew. */
  #isLoggedIn = false;

  constructor(pins: SocketPins, options: PinnedMysqlOptions & { readonly port: number }) {
    super();
    this.#pins = pins;
    this.#options = options;
    this.#socket = connectTcp(options.port, options.host);
    this.#socket.setNoDelay(true).setKeepAlive(true);
    this.#socket.once('connect', () => this.emit('connect'));
    this.#follow(this.#socket, (chunk) => this.#greeted(chunk));
  }

  /** As of a socket. */
  ref(): this {
    this.#socket.ref();
    return this;
  }

  /** As of a socket. */
  unref(): this {
    this.#socket.unref();
    return this;
  }

  override _read(): void {
    (this.#secured ?? this.#socket).resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#isLoggedIn && this.#secured !== undefined) {
      this.#secured.write(chunk, done);
      return;
    }
    try {
      this.#fromDriver.push(chunk);
      for (let packet = this.#fromDriver.take(); packet !== undefined; packet = this.#fromDriver.take())
        this.#login(packet);
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _final(done: () => void): void {
    (this.#secured ?? this.#socket).end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#secured?.destroy();
    this.#socket.destroy();
    done(error);
  }

  #follow(socket: Socket, take: (chunk: Buffer) => void): void {
    socket.on('data', (chunk: Buffer) => {
      try {
        take(chunk);
      } catch (error) {
        this.destroy(error as Error);
      }
    });
    socket.once('error', (error) => this.destroy(error));
    socket.once('end', () => this.push(null));
    socket.once('close', () => this.destroy());
  }

  #greeted(chunk: Buffer): void {
    // Said in the clear, and by whomever: the driver would take it for the answer to its login.
    if (this.#isGreeted) throw invalidOption('stream', 'talks to a server that speaks before its turn');
    this.#fromServer.push(chunk);
    const greeting = this.#fromServer.take();
    if (greeting === undefined) return;
    if (isGreeting(greeting) && !offersTls(greeting)) {
      const { host } = this.#options;
      throw new PinMismatchError('ERR_PIN_MISMATCH', `${host}: the server offers no TLS, and shows no key`, {
        host,
      });
    }
    this.#isGreeted = true;
    if (this.#fromServer.rest().length > 0)
      throw invalidOption('stream', 'talks to a server that speaks before its turn');
    this.push(greeting);
  }

  /** The packets of the driver until the server has ended the login. */
  #login(packet: Buffer): void {
    if (this.#secured !== undefined) {
      this.#secured.write(renumber(packet, 1));
      return;
    }
    const { request, answer } = splitAnswer(packet);
    this.#socket.removeAllListeners('data');
    this.#socket.write(request);
    const { host, port, policy, graceMs, onDrain, ...context } = this.#options;
    const secured = connectTls({
      ...context,
      socket: this.#socket,
      host,
      ...(isIP(host) === 0 && { servername: host }),
      ...this.#pins.tlsOptions({ host, port }),
    });
    this.#pins.guardSocket(secured, { host, port }, { policy, graceMs, onDrain });
    this.#secured = secured;
    this.#follow(secured, (chunk) => this.#answered(chunk));
    // Node sends what is written only when its check has passed.
    secured.write(answer);
  }

  #answered(chunk: Buffer): void {
    if (this.#isLoggedIn) {
      if (!this.push(chunk)) this.#secured?.pause();
      return;
    }
    this.#fromServer.push(chunk);
    for (let packet = this.#fromServer.take(); packet !== undefined; packet = this.#fromServer.take()) {
      // before the driver hears of it: it may send its first command from within
      this.#isLoggedIn = endsHandshake(packet);
      this.push(renumber(packet, -1));
      if (!this.#isLoggedIn) continue;
      const rest = this.#fromServer.rest();
      if (rest.length > 0) this.push(rest);
      return;
    }
  }
}
