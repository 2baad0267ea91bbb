import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { type GuardOptions, invalidOption, readGuardOptions, type Target } from '@pinvault/core';
import { refuseUnsafe } from './pinned-agent-options.js';
import { assertSocketPins, type SocketPins } from './socket-pins.js';
import { serverName } from './target.js';

/** Options of {@link connectPinnedTls}: Node's own for `tls.connect`, and what becomes of the connection later. */
export interface PinnedTlsConnectOptions extends ConnectionOptions, GuardOptions {
  /** The host that is dialled. Its pins count, or those of `servername` where that is another. */
  readonly host: string;
  readonly port: number;
  /** Ends the attempt. Without it the operating system decides how long a dial may hang. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens a TLS connection and resolves with it when it was judged: not a byte of the application has been sent. From then
 * on it is under guard (`resolver.guardSocket`), with the policy of the options.
 *
 * The pins of a host with a document of its own are loaded first; where a read brings a pin that the handshake lacked,
 * the host is dialled once more. No session is resumed.
 *
 * @throws PinError; Node's own error of the dial; TypeError (`ERR_INVALID_OPTION`) for an option that would open a hole
 */
export async function connectPinnedTls(
  pins: SocketPins,
  options: PinnedTlsConnectOptions,
): Promise<TLSSocket> {
  assertSocketPins(pins);
  refuseUnsafe(options);
  const { policy, graceMs, onDrain, signal, ...connection } = options;
  const guardOptions: GuardOptions = { policy, graceMs, onDrain };
  readGuardOptions(guardOptions);
  const { host, port, servername } = connection;
  if (typeof host !== 'string' || host === '') throw invalidOption('host', 'is no host');
  const target = { host: typeof servername === 'string' && servername !== '' ? servername : host, port };
  const dial = async (): Promise<TLSSocket> => {
    signal?.throwIfAborted();
    const socket = connect({
      ...connection,
      servername: serverName(target.host),
      ...pins.tlsOptions(target),
      // Untyped in some clients' options: no certificate, no check.
      pskCallback: undefined,
    } as ConnectionOptions);
    pins.guardSocket(socket, target, guardOptions);
    return secured(socket, signal);
  };
  signal?.throwIfAborted();
  await prepared(pins, target, signal);
  try {
    return await dial();
  } catch (error) {
    // A stream that somebody else has opened is spent.
    const chance =
      connection.socket === undefined && error instanceof Error ? pins.recheck?.(error) : undefined;
    if (chance === undefined || !(await chance)) throw error;
    return dial();
  }
}

async function prepared(pins: SocketPins, target: Target, signal: AbortSignal | undefined): Promise<void> {
  const waiting = pins.prepare?.(target);
  if (waiting === undefined) return;
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    const tell = (): void => reject(signal?.reason as Error);
    signal?.addEventListener('abort', tell, { once: true });
    stop = () => signal?.removeEventListener('abort', tell);
  });
  try {
    await Promise.race([waiting, aborted]);
  } finally {
    stop();
  }
}

async function secured(socket: TLSSocket, signal: AbortSignal | undefined): Promise<TLSSocket> {
  const onAbort = (): void => void socket.destroy(signal?.reason as Error);
  signal?.addEventListener('abort', onAbort, { once: true });
  return new Promise((resolve, reject) => {
    let failure: Error | undefined;
    const onSecure = (): void => {
      // By its guard, which is asked first; 'close' tells.
      if (socket.destroyed) return;
      stop();
      resolve(socket);
    };
    const onError = (error: Error): void => {
      failure = error;
    };
    const onClose = (): void => {
      stop();
      reject(failure ?? new Error(`the connection was closed in its handshake`));
    };
    const stop = (): void => {
      signal?.removeEventListener('abort', onAbort);
      socket.off('secureConnect', onSecure).off('error', onError).off('close', onClose);
    };
    socket.once('secureConnect', onSecure).on('error', onError).once('close', onClose);
  });
}
