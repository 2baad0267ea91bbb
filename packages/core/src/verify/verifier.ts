import type { PinEntry } from '../policy/document.js';
import type { PinRule, Policy } from '../policy/policy.js';
import type { Evidence } from './evidence.js';
import type { LinkCache } from './link.js';
import { type Walk, walkPath } from './path.js';

/** A pin that matched, and for how long that stays so if nothing is edited. */
export interface Match {
  readonly matched: true;
  readonly entry: PinEntry;
  /** Index of the matching certificate, leaf = 0. */
  readonly chainIndex: number;
  /** Epoch ms. */
  readonly validUntil: number;
}

/** No pin matched, and why. */
export interface NoMatch {
  readonly matched: false;
  readonly code: 'ERR_PIN_MISMATCH' | 'ERR_PIN_EXPIRED' | 'ERR_PIN_CHAIN_UNVERIFIED';
  /** One clause for people. */
  readonly reason: string;
}

/**
 * Whether a pin of the rule matches the chain. Pure, synchronous, no I/O.
 *
 * The leaf comes first: its key was used in the handshake, so a leaf match needs nothing else. A CA pin counts only
 * where a checked path leads from the leaf to a CA with that key.
 *
 * @throws DerError where a certificate cannot be read
 */
export function matchPins(rule: PinRule, evidence: Evidence, links: LinkCache, now: number): Match | NoMatch {
  const leafEnd = evidence.notAfter;
  if (now > leafEnd)
    return {
      matched: false,
      code: 'ERR_PIN_MISMATCH',
      reason: 'the certificate of this connection has expired',
    };
  const leaf =
    counting(rule.leafKeys.get(evidence.spkiDigest(0)), now) ??
    (rule.leafCertificates.size === 0
      ? undefined
      : counting(rule.leafCertificates.get(evidence.fingerprint(0)), now));
  if (leaf !== undefined) {
    return {
      matched: true,
      entry: leaf,
      chainIndex: 0,
      validUntil: Math.min(leafEnd, leaf.until ?? Infinity),
    };
  }
  if (rule.pins.every((pin) => counting(pin, now) === undefined)) {
    return {
      matched: false,
      code: 'ERR_PIN_EXPIRED',
      reason: 'every pin of the host is past its until= date',
    };
  }
  return rule.caKeys.size === 0 ? noMatch() : matchCa(rule, evidence, links, now);
}

function matchCa(rule: PinRule, evidence: Evidence, links: LinkCache, now: number): Match | NoMatch {
  const isPinned = (index: number): PinEntry | undefined =>
    counting(rule.caKeys.get(evidence.spkiDigest(index)), now);
  const walk = walkPath(evidence, links, now);
  for (const { index, validUntil } of walk.steps) {
    const entry = isPinned(index);
    if (entry !== undefined) {
      return {
        matched: true,
        entry,
        chainIndex: index,
        validUntil: Math.min(validUntil, entry.until ?? Infinity),
      };
    }
  }
  const pinned = evidence.certificates.findIndex((_, index) => index > 0 && isPinned(index) !== undefined);
  const isAnyCounting = [...rule.caKeys.values()].some((entry) => counting(entry, now) !== undefined);
  return isAnyCounting ? withoutPath(walk, pinned) : noMatch();
}

/** A mismatch is a path up to a root without a pinned key; where there is no such path, the pins were not to be told. */
function withoutPath({ steps, end, isComplete }: Walk, pinned: number): NoMatch {
  const why = end === undefined ? '' : `of certificate ${end.index}, ${end.reason}`;
  if (pinned > 0)
    return unverified(`certificate ${pinned} has a pinned key, but no verified path leads to it: ${why}`);
  if (isComplete) return noMatch();
  if (why !== '') return unverified(`no pin matched, and no verified path leads to a root: ${why}`);
  const last = steps.at(-1)?.index ?? 0;
  return unverified(
    `no pin matched, and Node shows no issuer of certificate ${last}, so that CAs above it cannot be told; ` +
      'the server has to send each issuer right after what it signed (a CA in ca: that is no root has none); or pin what is shown',
  );
}

function unverified(reason: string): NoMatch {
  return { matched: false, code: 'ERR_PIN_CHAIN_UNVERIFIED', reason };
}

function noMatch(): NoMatch {
  return { matched: false, code: 'ERR_PIN_MISMATCH', reason: 'no pin matched the certificates' };
}

function counting(entry: PinEntry | undefined, now: number): PinEntry | undefined {
  return entry === undefined || (entry.until !== undefined && now > entry.until) ? undefined : entry;
}

/**
 * Index of the certificate whose key is under `$revoked`; `undefined` where none is. The leaf counts always, the others
 * for keys revoked with `ca:`: all that Node shows, whether or not a path leads there, since a revocation has no need
 * to be proven.
 *
 * @throws DerError where a certificate cannot be read
 */
export function findRevoked(policy: Policy, evidence: Evidence): number | undefined {
  const { revokedLeafKeys, revokedCertificates, revokedAnyKeys } = policy;
  if (revokedLeafKeys.size > 0 && revokedLeafKeys.has(evidence.spkiDigest(0))) return 0;
  if (revokedCertificates.size > 0 && revokedCertificates.has(evidence.fingerprint(0))) return 0;
  if (revokedAnyKeys.size === 0) return undefined;
  for (let index = 1; index < evidence.certificates.length; index += 1) {
    if (revokedAnyKeys.has(evidence.spkiDigest(index))) return index;
  }
  return undefined;
}
