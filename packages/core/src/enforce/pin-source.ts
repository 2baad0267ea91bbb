import type { PinEventListener } from '../resolver/events.js';
import type { Lookup, Verdict } from '../resolver/judgement.js';
import type { Target } from '../policy/host.js';
import type { NodeCertificate } from '../verify/certificate.js';
import type { Evidence } from '../verify/evidence.js';

/**
 * What enforcement needs of a resolver. Taken by shape, so that a resolver from another copy of the package serves too.
 */
export interface PinSource {
  /** Judges a handshake: host name first, pins second. Throws to refuse. */
  verify(target: Target, certificate: NodeCertificate): Verdict;
  /** The same question about an earlier handshake, under the pins in force now. Throws to refuse. */
  judge(evidence: Evidence): Verdict;
  on(name: 'rotate', listener: PinEventListener<'rotate'>): unknown;
  off(name: 'rotate', listener: PinEventListener<'rotate'>): unknown;
  /** What governs a target: plain `http:` is for those whose row says `none`. Without it, for nobody. */
  lookup?(target: Target): Lookup;
  /**
   * What a request to this target has to wait for before it may use or open a connection: `undefined` where nothing.
   * A rejection ends the request with its reason, and nothing is dialled.
   */
  prepare?(target: Target): Promise<void> | undefined;
  /**
   * A connection to this target is being opened: its pins are kept until the returned function is called, when it is
   * closed.
   */
  retain?(target: Target): () => void;
  /**
   * After a refusal: whether pins that the store holds by now accept the very chain that was refused with this error.
   * `undefined` where no refresh is to be had now. Bounded in time; never rejects.
   */
  recheck?(refusal: Error): Promise<boolean> | undefined;
  /**
   * The proof of `proveLive` that a request is part of, which may be under a wrong pin: it shares no connection with
   * others, and its connections end when the signal aborts.
   */
  readonly proof?: AbortSignal | undefined;
}

/** Whether a value can serve as the pins of an agent. */
export function isPinSource(value: unknown): value is PinSource {
  if (typeof value !== 'object' || value === null) return false;
  const { verify, judge, on, off, lookup, prepare, retain, recheck } = value as Partial<
    Record<keyof PinSource, unknown>
  >;
  return (
    [verify, judge, on, off].every((method) => typeof method === 'function') &&
    [lookup, prepare, retain, recheck].every((method) => method === undefined || typeof method === 'function')
  );
}
