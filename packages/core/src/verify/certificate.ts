import { DerError, type DerElement, expectElement, readElement } from '../pin/der.js';
import { certificateLayout } from '../pin/spki.js';

/**
 * What pinvault reads of Node's detailed peer certificate (`socket.getPeerCertificate(true)`, or the second argument
 * of `checkServerIdentity`). Only `raw` is believed; everything else is computed from it.
 */
export interface NodeCertificate {
  readonly raw: Uint8Array;
  readonly issuerCertificate?: NodeCertificate | undefined;
}

/** What the path check needs to know of one certificate, read from its DER. */
export interface CertificateFacts {
  /** Epoch ms. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Issuer and subject are the same name, bytewise. */
  readonly selfIssued: boolean;
  /** basicConstraints' pathLenConstraint (RFC 5280 §4.2.1.9); `undefined` where there is none. */
  readonly pathLength: number | undefined;
  readonly hasNameConstraints: boolean;
  /** OIDs (hex of their DER content) of critical extensions that this check does not know. */
  readonly unknownCritical: readonly string[];
  /** OID (hex of its DER content) of the algorithm that signed this certificate. */
  readonly signatureAlgorithm: string;
}

const tags = {
  boolean: 0x01,
  integer: 0x02,
  octetString: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  extensions: 0xa3,
} as const;

const basicConstraints = '551d13';
const nameConstraints = '551d1e';

/** Extensions that OpenSSL processes, or that this check reads itself: subject and issuer alternative name, … */
const knownExtensions: ReadonlySet<string> = new Set([
  basicConstraints,
  nameConstraints,
  '551d0e', // subjectKeyIdentifier
  '551d0f', // keyUsage
  '551d11', // subjectAltName
  '551d12', // issuerAltName
  '551d1f', // cRLDistributionPoints
  '551d20', // certificatePolicies
  '551d21', // policyMappings
  '551d23', // authorityKeyIdentifier
  '551d24', // policyConstraints
  '551d25', // extKeyUsage
  '551d36', // inhibitAnyPolicy
]);

/** Reads the facts of a certificate. @throws DerError */
export function readCertificateFacts(der: Uint8Array): CertificateFacts {
  const layout = certificateLayout(der);
  const field = ([start, end]: readonly [number, number]): Buffer =>
    Buffer.from(der.buffer, der.byteOffset + start, end - start);
  const validity = readElement(der, layout.validity[0], layout.validity[1]);
  const first = readElement(der, validity.contentStart, validity.end);
  const second = readElement(der, first.end, validity.end);
  const signature = readElement(der, layout.signature[0], layout.signature[1]);
  return {
    notBefore: readTime(der, first),
    notAfter: readTime(der, second),
    selfIssued: field(layout.issuer).equals(field(layout.subject)),
    signatureAlgorithm: contentHex(der, expectElement(der, signature.contentStart, signature.end, tags.oid)),
    ...readExtensions(der, layout.rest),
  };
}

/** The instant (epoch ms) after which a certificate is no longer valid. @throws DerError */
export function readNotAfter(der: Uint8Array): number {
  const [start, end] = certificateLayout(der).validity;
  const validity = readElement(der, start, end);
  const first = readElement(der, validity.contentStart, validity.end);
  return readTime(der, readElement(der, first.end, validity.end));
}

type ExtensionFacts = Pick<CertificateFacts, 'pathLength' | 'hasNameConstraints' | 'unknownCritical'>;

function readExtensions(der: Uint8Array, [start, end]: readonly [number, number]): ExtensionFacts {
  let pathLength: number | undefined;
  let hasNameConstraints = false;
  const unknownCritical: string[] = [];
  for (let cursor = start; cursor < end;) {
    const element = readElement(der, cursor, end);
    cursor = element.end;
    // issuerUniqueID and subjectUniqueID may stand before; nobody uses them, nothing follows from them.
    if (element.tag !== tags.extensions) continue;
    const list = expectElement(der, element.contentStart, element.end, tags.sequence);
    for (let at = list.contentStart; at < list.end;) {
      const extension = expectElement(der, at, list.end, tags.sequence);
      at = extension.end;
      const { oid, critical, value } = readExtension(der, extension);
      if (oid === basicConstraints) pathLength = readPathLength(der, value);
      if (oid === nameConstraints) hasNameConstraints = true;
      if (critical && !knownExtensions.has(oid)) unknownCritical.push(oid);
    }
  }
  return { pathLength, hasNameConstraints, unknownCritical };
}

function readExtension(
  der: Uint8Array,
  extension: DerElement,
): { oid: string; critical: boolean; value: DerElement } {
  const oid = expectElement(der, extension.contentStart, extension.end, tags.oid);
  let next = readElement(der, oid.end, extension.end);
  let critical = false;
  if (next.tag === tags.boolean) {
    critical = der[next.contentStart] !== 0;
    next = readElement(der, next.end, extension.end);
  }
  if (next.tag !== tags.octetString) throw new DerError(`extension without a value at ${extension.start}`);
  return { oid: contentHex(der, oid), critical, value: next };
}

function readPathLength(der: Uint8Array, value: DerElement): number | undefined {
  const constraints = expectElement(der, value.contentStart, value.end, tags.sequence);
  for (let cursor = constraints.contentStart; cursor < constraints.end;) {
    const element = readElement(der, cursor, constraints.end);
    cursor = element.end;
    if (element.tag !== tags.integer) continue;
    const hex = contentHex(der, element);
    if (hex === '') throw new DerError(`empty integer at ${element.start}`);
    // A negative one allows nothing; more than three bytes is no path anybody walks.
    if (/^[89a-f]/u.test(hex)) return 0;
    return hex.length > 6 ? Infinity : Number.parseInt(hex, 16);
  }
  return undefined;
}

/** UTCTime or GeneralizedTime in the only forms that RFC 5280 §4.1.2.5 allows: to the second, in UTC. @throws DerError */
function readTime(der: Uint8Array, { tag, start, contentStart, end }: DerElement): number {
  const yearDigits = tag === tags.utcTime ? 2 : 4;
  if (tag !== tags.utcTime && tag !== tags.generalizedTime) throw new DerError(`no time at ${start}`);
  if (end - contentStart !== yearDigits + 11 || der[end - 1] !== zulu)
    throw new DerError(`malformed time at ${start}`);
  const pair = (index: number, min: number, max: number): number => {
    const value = twoDigits(der, contentStart + index);
    if (value < min || value > max) throw new DerError(`malformed time at ${start}`);
    return value;
  };
  const first = pair(0, 0, 99);
  // RFC 5280 §4.1.2.5.1: two digits from 50 on are 19xx.
  const year = yearDigits === 4 ? first * 100 + pair(2, 0, 99) : first + (first >= 50 ? 1_900 : 2_000);
  const at = yearDigits;
  const [month, day] = [pair(at, 1, 12), pair(at + 2, 1, 31)];
  return Date.UTC(year, month - 1, day, pair(at + 4, 0, 23), pair(at + 6, 0, 59), pair(at + 8, 0, 59));
}

const zulu = 0x5a;

function twoDigits(der: Uint8Array, offset: number): number {
  const [tens, ones] = [digit(der, offset), digit(der, offset + 1)];
  return tens * 10 + ones;
}

function digit(der: Uint8Array, offset: number): number {
  const value = Number(der[offset]) - 0x30;
  if (!(value >= 0 && value <= 9)) throw new DerError(`malformed time at ${offset}`);
  return value;
}

function contentHex(der: Uint8Array, element: DerElement): string {
  return Buffer.from(
    der.buffer,
    der.byteOffset + element.contentStart,
    element.end - element.contentStart,
  ).toString('hex');
}
