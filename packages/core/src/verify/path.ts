import { DerError } from '../pin/der.js';
import { expected } from '../internal/expected.js';
import { type CertificateFacts, readNames } from './certificate.js';
import type { Evidence } from './evidence.js';
import { type GeneralName, keepConstraints } from './general-names.js';
import type { LinkCache } from './link.js';

// OkHttp's bound on signers; the longest chain in use is far shorter.
const maxSigners = 9;

// Every link of the longest chain, and as many again to certificates that only bear the right name. A server that shows
// more of those costs us no more signatures than this.
const maxLinks = 2 * maxSigners;

/** An issuer that is reached from the leaf over checked links only. */
export interface PathStep {
  /** Its index among the certificates that Node showed. */
  readonly index: number;
  /** The last instant (epoch ms) at which every certificate up to here is valid. */
  readonly validUntil: number;
}

/** Why there is no way on from the certificate at `index`. */
export interface PathEnd {
  readonly index: number;
  readonly reason: string;
}

/** How far the certificates that Node showed form paths, from the leaf up. */
export interface Walk {
  /** Nearest to the leaf first, each once. */
  readonly steps: readonly PathStep[];
  /** The link that did not hold, of more than one the highest; `undefined`: every one did. */
  readonly end: PathEnd | undefined;
  /** A path leads to a certificate that is its own issuer by name: there is nothing above it. */
  readonly isComplete: boolean;
}

/** A step, and what the constraints of the CAs above are held against. */
interface Reached extends PathStep {
  /** Names of the certificates below, the leaf's first. */
  readonly namesBelow: readonly (readonly GeneralName[])[];
  readonly facts: CertificateFacts | undefined;
}

/**
 * Walks from the leaf along the certificates that Node showed, over checked links only.
 *
 * Node's `issuerCertificate` chain is not the one that OpenSSL verified: it is put together by names, key identifiers
 * and key usage, without signatures and dates. So each link is checked here, and the constraints of every CA are held
 * against what stands below it (RFC 5280 §6.1.4; stricter in that self-issued CAs count for path lengths, and that a
 * CA with name constraints ends the walk: it may be pinned itself where all below it keeps them, nothing above it may).
 *
 * Where the next certificate shown is not the issuer, another one of the issuer's name may be: a root and its successor
 * bear one name. The shortest path to each counts, so that no path length is held against a longer one.
 */
export function walkPath(evidence: Evidence, links: LinkCache, now: number): Walk {
  const names = evidence.certificates.map(readableNames);
  const steps: PathStep[] = [];
  const seen = new Set([0]);
  let end: PathEnd | undefined;
  let tried = 0;

  /** The issuer, or why it is not reached; `below`: CAs that stand below it. */
  const reach = (child: Reached, index: number, below: number): Reached | string => {
    if (below === maxSigners) return `the path is longer than ${maxSigners} signers`;
    if (tried > maxLinks) return 'too many certificates bear the name of its issuer';
    if (child.facts?.nameConstraints !== undefined) return 'it carries name constraints, which end a path';
    const link = links.check(evidence, child.index, index, now);
    if (!link.sound) return link.reason;
    const { issuer } = link;
    if (now < issuer.notBefore) return 'its issuer is not valid yet';
    if (now > issuer.notAfter) return 'its issuer has expired';
    if (issuer.pathLength !== undefined && below > issuer.pathLength)
      return 'more CAs stand below its issuer than the path length allows';
    const namesBelow = [...child.namesBelow, link.child.names];
    if (issuer.nameConstraints !== undefined && !keepConstraints(namesBelow, issuer.nameConstraints))
      return 'the name constraints of its issuer are not kept';
    return { index, validUntil: Math.min(child.validUntil, issuer.notAfter), namesBelow, facts: issuer };
  };

  let level: Reached[] = [{ index: 0, validUntil: evidence.notAfter, namesBelow: [], facts: undefined }];
  for (let below = 0; level.length > 0; below += 1) {
    const next: Reached[] = [];
    for (const child of level) {
      for (const index of possibleIssuers(names, child.index)) {
        if (seen.has(index)) continue;
        tried += 1;
        const found = reach(child, index, below);
        if (typeof found === 'string') {
          end = { index: child.index, reason: found };
          continue;
        }
        seen.add(index);
        steps.push({ index, validUntil: found.validUntil });
        next.push(found);
      }
    }
    level = next;
  }
  return { steps, end, isComplete: [...seen].some((index) => isSelfIssued(names[index])) };
}

type Names = ReturnType<typeof readNames>;

/** `undefined` where a certificate cannot be read: nothing bears its name, and no link leads to it. */
function readableNames(der: Uint8Array): Names | undefined {
  try {
    return readNames(der);
  } catch (error) {
    expected(error, DerError);
    return undefined;
  }
}

function isSelfIssued(names: Names | undefined): boolean {
  return names?.issuer.equals(names.subject) === true;
}

/** What Node shows as the issuer, then whatever bears the issuer's name, in the order shown. */
function possibleIssuers(names: readonly (Names | undefined)[], child: number): number[] {
  const nearest = child + 1;
  const issuer = names[child]?.issuer;
  const namesakes = [...names.keys()].filter(
    (index) =>
      index !== child && index !== nearest && issuer !== undefined && names[index]?.subject.equals(issuer),
  );
  return nearest < names.length ? [nearest, ...namesakes] : namesakes;
}
