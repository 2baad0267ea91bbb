import { type NodeCertificate, readCertificateFacts } from './certificate.js';
import { Evidence } from './evidence.js';
import { LinkCache } from './link.js';
import { walkPath } from './path.js';
import { subjectText } from './subject.js';

/** One certificate of a verified path, for people. */
export interface VerifiedCertificate {
  /** `sha256/<base64>` of its public key. */
  readonly pin: string;
  readonly subject: string;
  /** Epoch ms. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** The part of a chain that a CA pin could match. */
export interface VerifiedPath {
  /** Leaf first; every link was checked. */
  readonly certificates: readonly VerifiedCertificate[];
  /** Why the path ends before the last certificate that Node showed. */
  readonly endsBecause?: string;
}

/**
 * The verified path of a connection: what `ca:` pins may name.
 *
 * @param certificate - `socket.getPeerCertificate(true)` of an authorised connection
 * @param now - epoch ms
 */
export function verifiedPath(certificate: NodeCertificate, now: number): VerifiedPath {
  const evidence = new Evidence('', undefined, certificate);
  const { steps, end } = walkPath(evidence, new LinkCache(), now);
  const certificates = [0, ...steps.map(({ index }) => index)].map((index) => describe(evidence, index));
  return end === undefined
    ? { certificates }
    : { certificates, endsBecause: `of certificate ${end.index}, ${end.reason}` };
}

function describe(evidence: Evidence, index: number): VerifiedCertificate {
  const der = evidence.certificate(index);
  const { notBefore, notAfter } = readCertificateFacts(der);
  return { pin: `sha256/${evidence.spkiDigest(index)}`, subject: subjectText(der), notBefore, notAfter };
}
