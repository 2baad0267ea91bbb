import { authority } from '../authority.js';
import { CommandError } from '../command-error.js';
import { printable } from '../text.js';
import { verificationFailure } from './verification-failure.js';

/** Where a connection had got to. */
interface Attempt {
  readonly host: string;
  readonly port: number;
  readonly servername?: string | undefined;
  readonly timeoutMs: number;
  /** TCP stood. */
  readonly isConnected: boolean;
}

/** Says in one line why there was no handshake. */
export function connectFailure(
  error: NodeJS.ErrnoException,
  attempt: Attempt & { readonly isVerification: boolean },
): CommandError {
  if (attempt.isVerification) return verificationFailure(error, attempt);
  return new CommandError(reasonOf(error, attempt), { cause: error });
}

/** Nothing came in time. */
export function timeoutFailure(attempt: Attempt): CommandError {
  const seconds = `${attempt.timeoutMs / 1000} s`;
  return new CommandError(
    attempt.isConnected
      ? `${authority(attempt)} accepted the connection, but no TLS handshake came about within ${seconds}; does it speak TLS on this port?`
      : `no connection to ${authority(attempt)} within ${seconds} (see --timeout)`,
  );
}

/** Node let an unverified connection through. Not reachable; if it ever is, there is no pin to print. */
export function unauthorised(attempt: { readonly host: string; readonly port: number }): CommandError {
  return new CommandError(`the connection to ${authority(attempt)} was not verified`);
}

function reasonOf(error: NodeJS.ErrnoException, attempt: Attempt): string {
  const place = authority(attempt);
  const code = error.code ?? '';
  switch (code) {
    case 'ECONNREFUSED':
      return `${place} refused the connection: nothing listens there`;
    case 'ENOTFOUND':
      return `the name ${attempt.host} is not known to DNS`;
    case 'EAI_AGAIN':
      return `the name ${attempt.host} could not be looked up: DNS does not answer`;
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
      return `there is no route to ${place}`;
    case 'ETIMEDOUT':
      return `no connection to ${place}: the system gave up waiting`;
    case 'ECONNRESET':
    case 'EPIPE':
      return `${place} closed the connection during the TLS handshake; does it speak TLS on this port, from the first byte on?`;
    default:
      return tlsReason(code, printable(error.message), place);
  }
}

function tlsReason(code: string, message: string, place: string): string {
  if (/^ERR_SSL_.*ALERT/u.test(code)) {
    const alert = code
      .replace(/^ERR_SSL_(?:.*_)?ALERT_/u, '')
      .toLowerCase()
      .replaceAll('_', ' ');
    const isAboutClient = /certificate|handshake failure|unknown ca|access denied/u.test(alert);
    const guess = isAboutClient ? '; it may ask for a client certificate' : '';
    return `${place} refused the TLS handshake with the alert "${alert}"${guess}`;
  }
  if (/^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNKNOWN_PROTOCOL)$/u.test(code)) {
    return `${place} answered, but not in TLS; a port that turns to TLS later (STARTTLS) will not do`;
  }
  return `no TLS handshake with ${place}: ${message === '' ? code : message}`;
}
