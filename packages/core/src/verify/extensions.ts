import { DerError, type DerElement, readElement } from '../pin/der.js';
import { contentHex, contentOf, readBoolean, readChildren, readOid, readOnly, tags } from './der-fields.js';
import {
  type GeneralName,
  type NameConstraints,
  readGeneralNames,
  readNameConstraints,
} from './general-names.js';

/** What the extensions of a certificate say that a path depends on. */
export interface ExtensionFacts {
  /** basicConstraints' cA (RFC 5280 §4.2.1.9). */
  readonly isCa: boolean;
  /** basicConstraints' pathLenConstraint; `undefined` where there is none. */
  readonly pathLength: number | undefined;
  /** No keyUsage, or one with keyCertSign. */
  readonly maySignCertificates: boolean;
  /** No extendedKeyUsage, or one with serverAuth or anyExtendedKeyUsage. */
  readonly isForServers: boolean;
  readonly nameConstraints: NameConstraints | undefined;
  /** subjectAltName. */
  readonly alternativeNames: readonly GeneralName[];
  /** OIDs (hex of their DER content) of critical extensions that this check does not know. */
  readonly unknownCritical: readonly string[];
}

const basicConstraints = '551d13';
const keyUsage = '551d0f';
const extendedKeyUsage = '551d25';
const nameConstraints = '551d1e';
const subjectAlternativeName = '551d11';

const serverAuth = '2b06010505070301';
const anyPurpose = '551d2500';
const keyCertSign = 0x04;

/** Extensions that this check reads, or that OpenSSL processes and that restrict no path for TLS servers. */
const knownExtensions: ReadonlySet<string> = new Set([
  basicConstraints,
  keyUsage,
  extendedKeyUsage,
  nameConstraints,
  subjectAlternativeName,
  '551d0e', // subjectKeyIdentifier
  '551d1f', // cRLDistributionPoints
  '551d20', // certificatePolicies
  '551d21', // policyMappings
  '551d23', // authorityKeyIdentifier
  '551d24', // policyConstraints
  '551d36', // inhibitAnyPolicy
]);

/** Reads the Extensions inside their `[3]`. @throws DerError */
export function readExtensions(der: Uint8Array, tagged: DerElement | undefined): ExtensionFacts {
  const facts: Writable<ExtensionFacts> = {
    isCa: false,
    pathLength: undefined,
    maySignCertificates: true,
    isForServers: true,
    nameConstraints: undefined,
    alternativeNames: [],
    unknownCritical: [],
  };
  if (tagged === undefined) return facts;
  const seen = new Set<string>();
  const unknownCritical: string[] = [];
  for (const extension of readChildren(der, readOnly(der, tagged, tags.sequence))) {
    const { oid, critical, value } = readExtension(der, extension);
    // RFC 5280 §4.2: at most one of each. Of two, one parser takes the first, another the last or none.
    if (seen.has(oid)) throw new DerError(`an extension for the second time at ${extension.start}`);
    seen.add(oid);
    if (critical && !knownExtensions.has(oid)) unknownCritical.push(oid);
    readValue(der, oid, value, facts);
  }
  facts.unknownCritical = unknownCritical;
  return facts;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

function readValue(der: Uint8Array, oid: string, value: DerElement, facts: Writable<ExtensionFacts>): void {
  switch (oid) {
    case basicConstraints:
      readBasicConstraints(der, value, facts);
      break;
    case keyUsage:
      facts.maySignCertificates = readCertSign(der, value);
      break;
    case extendedKeyUsage:
      facts.isForServers = readForServers(der, value);
      break;
    case nameConstraints:
      facts.nameConstraints = readNameConstraints(der, value);
      break;
    case subjectAlternativeName:
      facts.alternativeNames = readGeneralNames(der, value);
      break;
    default:
  }
}

function readExtension(
  der: Uint8Array,
  extension: DerElement,
): { oid: string; critical: boolean; value: DerElement } {
  const [first, ...others] = readChildren(der, extension);
  const oid = readOid(der, first);
  const flag = others[0]?.tag === tags.boolean ? others.shift() : undefined;
  const [value, more] = others;
  if (value?.tag !== tags.octetString || more !== undefined)
    throw new DerError(`extension without a value at ${extension.start}`);
  return { oid, critical: flag !== undefined && readBoolean(der, flag), value };
}

function readBasicConstraints(der: Uint8Array, value: DerElement, facts: Writable<ExtensionFacts>): void {
  const fields = readChildren(der, readOnly(der, value, tags.sequence));
  const flag = fields[0]?.tag === tags.boolean ? fields.shift() : undefined;
  const limit = fields[0]?.tag === tags.integer ? fields.shift() : undefined;
  if (fields.length > 0) throw new DerError(`malformed basicConstraints at ${value.start}`);
  facts.isCa = flag !== undefined && readBoolean(der, flag);
  facts.pathLength = limit === undefined ? undefined : readPathLength(der, limit);
}

function readPathLength(der: Uint8Array, limit: DerElement): number {
  const hex = contentHex(der, limit);
  if (hex === '' || /^[89a-f]/u.test(hex)) throw new DerError(`malformed path length at ${limit.start}`);
  // More than three bytes is no path anybody walks.
  return hex.length > 6 ? Infinity : Number.parseInt(hex, 16);
}

function readCertSign(der: Uint8Array, value: DerElement): boolean {
  const [unusedBits, first = 0] = contentOf(der, readOnly(der, value, tags.bitString));
  if (unusedBits === undefined) throw new DerError(`malformed keyUsage at ${value.start}`);
  return (first & keyCertSign) !== 0;
}

function readForServers(der: Uint8Array, value: DerElement): boolean {
  const usages = readChildren(der, readOnly(der, value, tags.sequence)).map((oid) => readOid(der, oid));
  return usages.includes(serverAuth) || usages.includes(anyPurpose);
}

/** The `[3]` among what follows the SubjectPublicKeyInfo. @throws DerError */
export function findExtensions(
  der: Uint8Array,
  [start, end]: readonly [number, number],
): DerElement | undefined {
  for (let cursor = start; cursor < end;) {
    const element = readElement(der, cursor, end);
    cursor = element.end;
    if (element.tag !== 0xa3) {
      // issuerUniqueID and subjectUniqueID may stand before; nobody uses them, nothing follows from them.
      if (element.tag === 0x81 || element.tag === 0x82) continue;
      throw new DerError(`unexpected element at ${element.start}`);
    }
    if (cursor !== end) throw new DerError(`bytes after the extensions at ${cursor}`);
    return element;
  }
  return undefined;
}
