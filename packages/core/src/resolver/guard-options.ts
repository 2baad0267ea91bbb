import { invalidOption } from '../errors.js';
import type { NodeCertificate } from '../verify/certificate.js';

/** What guarding needs of a TLS socket on the client's side: Node's `tls.TLSSocket`, by shape. */
export interface GuardableSocket {
  readonly destroyed: boolean;
  readonly authorized: boolean;
  readonly authorizationError: unknown;
  isSessionReused(): boolean;
  getPeerCertificate(detailed: true): NodeCertificate | null;
  /** Defined when the handshake is over. */
  getPeerFinished?(): unknown;
  once?(event: string, listener: () => void): unknown;
  prependOnceListener(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
  destroy(error?: Error): unknown;
}

/** What becomes of an open connection that the pins in force no longer accept. */
export interface GuardOptions {
  /**
   * `drain`: the owner is told, and the connection is destroyed when `graceMs` is over, unless the pins accept it again.
   * `close`: destroyed at once. `keep`: goes on until its own end.
   *
   * **Security:** `keep` lets a connection outlive its pin. A key under `$revoked` is destroyed at once, whatever the
   * policy; so is, always, a connection that was not accepted when it was opened.
   * @defaultValue `'drain'`
   */
  readonly policy?: 'drain' | 'close' | 'keep' | undefined;
  /** How long the owner has to finish under `drain`, in milliseconds. @defaultValue 30 000 */
  readonly graceMs?: number | undefined;
  /** Under `drain`: time to finish, and to use the connection for nothing new. What it throws becomes a process warning. */
  readonly onDrain?: ((reason: Error) => void) | undefined;
}

/** The options, checked and with their defaults. */
export interface GuardSettings {
  readonly policy: 'drain' | 'close' | 'keep';
  readonly graceMs: number;
  readonly onDrain: ((reason: Error) => void) | undefined;
}

// Node clamps a longer delay to 1 ms.
const maxGraceMs = 2 ** 31 - 1;

/** @throws TypeError (`ERR_INVALID_OPTION`) */
export function readGuardOptions(options: GuardOptions): GuardSettings {
  const { policy = 'drain', graceMs, onDrain } = options;
  if (!['drain', 'close', 'keep'].includes(policy))
    throw invalidOption('policy', 'is none of "drain", "close", "keep"');
  if (graceMs !== undefined && (typeof graceMs !== 'number' || !(graceMs >= 0) || graceMs > maxGraceMs))
    throw invalidOption('graceMs', 'is no number of milliseconds');
  if (onDrain !== undefined && typeof onDrain !== 'function')
    throw invalidOption('onDrain', 'is no function');
  if (policy !== 'drain' && (graceMs !== undefined || onDrain !== undefined)) {
    const option = graceMs === undefined ? 'onDrain' : 'graceMs';
    throw invalidOption(option, `is for the policy "drain", and the policy is "${policy}"`);
  }
  return { policy, graceMs: graceMs ?? 30_000, onDrain };
}

/** @throws TypeError (`ERR_INVALID_OPTION`) */
export function assertGuardable(socket: GuardableSocket): void {
  const needed = ['getPeerCertificate', 'isSessionReused', 'prependOnceListener', 'off', 'destroy'] as const;
  const isOne =
    typeof socket === 'object' &&
    socket !== null &&
    needed.every((method) => typeof socket[method] === 'function');
  if (!isOne) throw invalidOption('socket', 'is no TLS socket: pass what tls.connect() returned');
}
