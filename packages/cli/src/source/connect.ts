import type { LookupFunction } from 'node:net';
import { isIP } from 'node:net';
import { checkServerIdentity, connect as connectTls, type DetailedPeerCertificate } from 'node:tls';
import type { CommandError } from '../command-error.js';
import { connectFailure, timeoutFailure, unauthorised } from './connect-failure.js';

/** Whom to connect to, and whom to believe. */
export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  /** The name to ask for and to verify. @defaultValue the host */
  readonly servername?: string | undefined;
  /** Trusted roots as PEM, instead of Node's. */
  readonly roots?: readonly string[] | undefined;
  readonly timeoutMs: number;
  readonly lookup?: LookupFunction | undefined;
}

/** What a verified handshake has shown. */
export interface Handshake {
  /** Leaf first, with `issuerCertificate` as Node links it: not the path that was verified. */
  readonly certificate: DetailedPeerCertificate;
  /** Such as `TLSv1.3`. */
  readonly protocol: string;
}

/**
 * Shakes hands with a server and hangs up; no byte of an application is sent.
 *
 * **Security:** chain and host name are always verified, whatever the environment says. A pin taken from an unverified
 * connection is how an attacker's key gets pinned.
 *
 * @throws CommandError
 */
export async function connect(options: ConnectOptions): Promise<Handshake> {
  const { host, port, servername, roots, timeoutMs, lookup } = options;
  const name = servername ?? (isIP(host) === 0 ? host : undefined);
  return new Promise((resolve, reject) => {
    let isConnected = false;
    const socket = connectTls({
      host,
      port,
      // Explicit, so that the environment cannot switch it off.
      rejectUnauthorized: true,
      checkServerIdentity: (verified, certificate) => {
        try {
          return checkServerIdentity(verified, certificate);
        } catch (error) {
          // It may throw for a malformed subjectAltName: out of an event handler, past every catch.
          return error instanceof Error ? error : new Error(String(error));
        }
      },
      ...(name === undefined ? {} : { servername: name }),
      ...(roots === undefined ? {} : { ca: [...roots] }),
      ...(lookup === undefined ? {} : { lookup }),
    });
    const fail = (error: CommandError): void => {
      clearTimeout(deadline);
      socket.destroy();
      reject(error);
    };
    const deadline = setTimeout(() => fail(timeoutFailure({ ...options, isConnected })), timeoutMs);
    socket.once('connect', () => (isConnected = true));
    socket.once('secureConnect', () => {
      if (!socket.authorized) return fail(unauthorised(options));
      clearTimeout(deadline);
      resolve({
        certificate: socket.getPeerCertificate(true),
        protocol: socket.getProtocol() ?? 'TLS',
      });
      // With a goodbye, so that the server does not log a broken handshake.
      socket.destroySoon();
    });
    // Stays: an error may follow the one that was reported, or the destruction of the socket.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // Set by Node only where the certificate or the host name was the reason.
      const isVerification = Boolean(socket.authorizationError);
      fail(connectFailure(error, { ...options, isConnected, isVerification }));
    });
  });
}
