import type { Evidence } from './evidence.js';
import type { LinkCache } from './link.js';

// OkHttp's bound on signers; the longest chain in use is far shorter.
const maxSigners = 9;

/** How far the certificates that Node showed form a path, from the leaf up. */
export interface PathStep {
  /** Index of the issuer that was reached. */
  readonly index: number;
  /** The last instant (epoch ms) at which every issuer up to here is valid. */
  readonly validUntil: number;
}

/** Why the walk went no further: the certificate at `index` has no sound link upwards. */
export interface PathEnd {
  readonly index: number;
  readonly reason: string;
}

/**
 * Walks from the leaf along the certificates that Node showed, and yields each issuer that is reached over checked
 * links only; the generator's return value says why the walk ended (`undefined`: at the last certificate).
 *
 * Node's `issuerCertificate` chain is not the one that OpenSSL verified: it is put together by names, key identifiers
 * and key usage, without signatures and dates. So each link is checked here, and the constraints of every CA are held
 * against what stands below it (RFC 5280 §6.1.4; stricter in that self-issued CAs count for path lengths, and any
 * name constraints below the pinned CA end the walk instead of being evaluated).
 */
export function* walkPath(
  evidence: Evidence,
  links: LinkCache,
  now: number,
): Generator<PathStep, PathEnd | undefined> {
  let validUntil = evidence.notAfter;
  let constrainedBelow = false;
  const last = evidence.certificates.length - 1;
  for (let index = 0; index < last; index += 1) {
    if (index === maxSigners) return { index, reason: `the path is longer than ${maxSigners} signers` };
    const link = links.check(evidence, index);
    if (!link.sound) return { index, reason: link.reason };
    const { issuer } = link;
    if (now < issuer.notBefore) return { index, reason: 'its issuer is not valid yet' };
    if (now > issuer.notAfter) return { index, reason: 'its issuer has expired' };
    // CAs below this issuer: every issuer reached so far.
    if (issuer.pathLength !== undefined && index > issuer.pathLength) {
      return { index, reason: 'more CAs stand below its issuer than the path length allows' };
    }
    if (constrainedBelow) return { index, reason: 'a CA on the way carries name constraints' };
    validUntil = Math.min(validUntil, issuer.notAfter);
    yield { index: index + 1, validUntil };
    constrainedBelow = issuer.hasNameConstraints;
  }
  return undefined;
}
