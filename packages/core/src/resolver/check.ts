import { PinMismatchError } from '../errors.js';
import type { Target } from '../policy/host.js';
import type { NodeCertificate } from '../verify/certificate.js';

/** The shape in which Node, undici and drivers take a check of the server's certificate. */
export type ServerIdentityCheck = (
  this: unknown,
  host: string,
  certificate: NodeCertificate,
) => Error | undefined;

/**
 * Makes a check that can be handed to Node: it returns an Error and never throws, because a throw inside Node's
 * callback sends the request all the same where an `uncaughtException` handler is present.
 *
 * @param fixed - what the connection is for; without a host, the one that Node passes is used
 */
export function createServerIdentityCheck(
  verify: (target: Target, certificate: NodeCertificate) => unknown,
  fixed: { readonly host?: string | undefined; readonly port?: number | undefined } = {},
): ServerIdentityCheck {
  // Not an arrow function: Node passes the connect options as `this`.
  return function check(this: unknown, host: string, certificate: NodeCertificate): Error | undefined {
    try {
      insistOnVerification(this);
      verify({ host: fixed.host ?? host, port: fixed.port }, certificate);
      return undefined;
    } catch (error) {
      return errorOf(error, fixed.host ?? host);
    }
  };
}

/** What a check answers with: an Error, whatever was thrown in it; anything else Node would hand over as it is. */
export function errorOf(thrown: unknown, host: string): Error {
  return thrown instanceof Error
    ? thrown
    : new PinMismatchError('ERR_PIN_MISMATCH', 'the check failed', { host });
}

/** With `rejectUnauthorized: false` Node would call the check and ignore its answer; the flag is read after the call. */
function insistOnVerification(connectOptions: unknown): void {
  if (typeof connectOptions !== 'object' || connectOptions === null) return;
  if ('rejectUnauthorized' in connectOptions) connectOptions.rejectUnauthorized = true;
}
