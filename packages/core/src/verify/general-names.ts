import { DerError, type DerElement } from '../pin/der.js';
import { contentOf, readChildren, readOnly, tags } from './der-fields.js';

/** A GeneralName (RFC 5280 §4.2.1.6) as it stands in the DER. */
export interface GeneralName {
  readonly tag: number;
  /** For a directoryName the RDNs, without the SEQUENCE around them. */
  readonly content: Buffer;
}

/** The nameConstraints of a CA (RFC 5280 §4.2.1.10). */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

const rfc822Name = 0x81;
const dnsName = 0x82;
const directoryName = 0xa4;
const ipAddress = 0x87;

// Attribute of a subject that is constrained like an rfc822Name.
const emailAddress = Buffer.from('06092a864886f70d010901', 'hex');

/** The names of a subjectAltName. @throws DerError */
export function readGeneralNames(der: Uint8Array, value: DerElement): GeneralName[] {
  return readChildren(der, readOnly(der, value, tags.sequence)).map((name) => readGeneralName(der, name));
}

/** The names that a subject stands for; none where it is empty. */
export function subjectNames(der: Uint8Array, subject: DerElement): GeneralName[] {
  const content = contentOf(der, subject);
  if (content.length === 0) return [];
  const names = [{ tag: directoryName, content }];
  return content.includes(emailAddress) ? [...names, { tag: rfc822Name, content }] : names;
}

/** @throws DerError */
export function readNameConstraints(der: Uint8Array, value: DerElement): NameConstraints {
  let permitted: GeneralName[] = [];
  let excluded: GeneralName[] = [];
  for (const subtrees of readChildren(der, readOnly(der, value, tags.sequence))) {
    const bases = readChildren(der, subtrees).map((subtree) => {
      const [base, ...range] = readChildren(der, subtree);
      // RFC 5280 §4.2.1.10: minimum is 0 and left out, maximum is absent.
      if (base === undefined || range.length > 0) throw new DerError(`malformed subtree at ${subtree.start}`);
      return readGeneralName(der, base);
    });
    if (subtrees.tag === 0xa0) permitted = bases;
    else if (subtrees.tag === 0xa1) excluded = bases;
    else throw new DerError(`malformed name constraints at ${subtrees.start}`);
  }
  return { permitted, excluded };
}

function readGeneralName(der: Uint8Array, name: DerElement): GeneralName {
  const { tag } = name;
  if (tag !== directoryName) return { tag, content: contentOf(der, name) };
  return { tag, content: contentOf(der, readOnly(der, name, tags.sequence)) };
}

// Far more than any chain in use, and less than 10 ms.
const maxComparisons = 10_000;

/**
 * Whether the certificates below a CA keep its constraints. DNS names, IP addresses and permitted subjects are compared;
 * a constraint of any other kind is kept only where nothing below has a name of that kind.
 *
 * @param below - the names of each certificate below, the leaf's first
 */
export function keepConstraints(
  below: readonly (readonly GeneralName[])[],
  { permitted, excluded }: NameConstraints,
): boolean {
  const names = below.flat();
  // A certificate of thousands of each would hold up the event loop: refused, as OpenSSL refuses more than 2^20.
  if (names.length * (permitted.length + excluded.length) > maxComparisons) return false;
  const isDns = ({ tag }: GeneralName): boolean => tag === dnsName;
  // Without a DNS name Node goes by the common name, which is not compared here.
  if ([...permitted, ...excluded].some(isDns) && below[0]?.some(isDns) !== true) return false;
  return names.every((name) => {
    const isSameKind = ({ tag }: GeneralName): boolean => tag === name.tag;
    const bases = permitted.filter(isSameKind);
    if (bases.length > 0 && !bases.some((base) => isWithin(name, base))) return false;
    return !excluded.filter(isSameKind).some((base) => mayBeWithin(name, base));
  });
}

function isWithin(name: GeneralName, base: GeneralName): boolean {
  switch (name.tag) {
    case dnsName:
      return isDnsWithin(dnsText(name), dnsText(base));
    case ipAddress:
      return isAddressWithin(name.content, base.content);
    case directoryName:
      // Bytewise: a subject in another encoding than the constraint is outside of it.
      return name.content.subarray(0, base.content.length).equals(base.content);
    default:
      return false;
  }
}

/** For exclusions, where what cannot be told counts as excluded. */
function mayBeWithin(name: GeneralName, base: GeneralName): boolean {
  switch (name.tag) {
    case dnsName: {
      const [host, excluded] = [dnsText(name), dnsText(base)];
      // A wildcard stands for names that an exclusion below it may mean.
      const isWildcardAbove = host.startsWith('*.') && `.${excluded}`.endsWith(host.slice(1));
      return isWildcardAbove || isDnsWithin(host, excluded);
    }
    case ipAddress: {
      const isComparable = [8, 32].includes(base.content.length) && [4, 16].includes(name.content.length);
      return !isComparable || isAddressWithin(name.content, base.content);
    }
    default:
      return true;
  }
}

function dnsText({ content }: GeneralName): string {
  return content.toString('latin1').toLowerCase().replace(/\.$/u, '');
}

/** A base `example.com` means that name and all below it; `.example.com`, all below it. */
function isDnsWithin(host: string, base: string): boolean {
  if (base === '' || host === base) return true;
  return host.endsWith(base.startsWith('.') ? base : `.${base}`);
}

/** The base is an address and a mask of the same length. */
function isAddressWithin(address: Uint8Array, base: Uint8Array): boolean {
  const { length } = address;
  return (
    base.length === length * 2 &&
    address.every((octet, index) => ((octet ^ Number(base[index])) & Number(base[length + index])) === 0)
  );
}
