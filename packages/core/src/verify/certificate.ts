import { DerError, type DerElement, expectElement, readElement } from '../pin/der.js';
import { certificateLayout } from '../pin/spki.js';
import { isStrongKey, isStrongSignature } from './algorithms.js';
import { bytesOf, readChildren, tags } from './der-fields.js';
import { type ExtensionFacts, findExtensions, readExtensions } from './extensions.js';
import { type GeneralName, subjectNames } from './general-names.js';
import { readTime } from './time.js';

/**
 * What pinvault reads of Node's detailed peer certificate (`socket.getPeerCertificate(true)`, or the second argument
 * of `checkServerIdentity`). Only `raw` is believed; everything else is computed from it.
 */
export interface NodeCertificate {
  readonly raw: Uint8Array;
  readonly issuerCertificate?: NodeCertificate | undefined;
}

/** What the path check needs to know of one certificate, read from its DER. */
export interface CertificateFacts extends ExtensionFacts {
  /** Epoch ms. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Issuer and subject are the same name, bytewise. */
  readonly selfIssued: boolean;
  /** Version 3, the only one with extensions (RFC 5280 §4.1.2.1). */
  readonly isVersion3: boolean;
  /** How it was signed, and what its own key is, proves something: no MD5, no SHA-1, no short keys. */
  readonly hasStrongSignature: boolean;
  readonly hasStrongKey: boolean;
  /** Every name that it is for: the subject, and the subjectAltName. */
  readonly names: readonly GeneralName[];
}

/** Reads the facts of a certificate. @throws DerError */
export function readCertificateFacts(der: Uint8Array): CertificateFacts {
  const layout = certificateLayout(der);
  const element = ([start, end]: readonly [number, number]): DerElement => readElement(der, start, end);
  const signature = element(layout.signature);
  assertSameAlgorithm(der, signature, layout.rest[1]);
  const validity = readChildren(der, element(layout.validity));
  const [first, second] = validity;
  if (first === undefined || second === undefined || validity.length > 2)
    throw new DerError(`malformed validity at ${layout.validity[0]}`);
  const extensions = readExtensions(der, findExtensions(der, layout.rest));
  const { issuer, subject } = readNames(der);
  return {
    notBefore: readTime(der, first),
    notAfter: readTime(der, second),
    selfIssued: issuer.equals(subject),
    isVersion3: isVersion3(der),
    hasStrongSignature: isStrongSignature(der, signature),
    hasStrongKey: isStrongKey(der, element(layout.spki)),
    names: [...subjectNames(der, element(layout.subject)), ...extensions.alternativeNames],
    ...extensions,
  };
}

/** Issuer and subject of a certificate, as they stand in its DER. @throws DerError */
export function readNames(der: Uint8Array): { issuer: Buffer; subject: Buffer } {
  const { issuer, subject } = certificateLayout(der);
  const bytes = ([start, end]: readonly [number, number]): Buffer => bytesOf(der, { start, end });
  return { issuer: bytes(issuer), subject: bytes(subject) };
}

/** The instant (epoch ms) after which a certificate is no longer valid. @throws DerError */
export function readNotAfter(der: Uint8Array): number {
  const [start, end] = certificateLayout(der).validity;
  const validity = readElement(der, start, end);
  const first = readElement(der, validity.contentStart, validity.end);
  return readTime(der, readElement(der, first.end, validity.end));
}

/** RFC 5280 §4.1.1.2: the algorithm is named twice, and what is outside the signature must not differ. @throws DerError */
function assertSameAlgorithm(der: Uint8Array, signature: DerElement, tbsEnd: number): void {
  const outer = expectElement(der, tbsEnd, der.length, tags.sequence);
  const value = expectElement(der, outer.end, der.length, tags.bitString);
  if (value.end !== der.length) throw new DerError(`bytes after the signature at ${value.end}`);
  if (!bytesOf(der, signature).equals(bytesOf(der, outer)))
    throw new DerError('two different signature algorithms');
}

function isVersion3(der: Uint8Array): boolean {
  const certificate = readElement(der, 0, der.length);
  const tbs = readElement(der, certificate.contentStart, certificate.end);
  const version = readElement(der, tbs.contentStart, tbs.end);
  // [0] EXPLICIT INTEGER 2.
  return bytesOf(der, version).toString('hex') === 'a003020102';
}
