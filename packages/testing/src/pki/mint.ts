import { createHash, randomBytes } from 'node:crypto';
import * as der from './der.js';
import { canonicalSubject, encodeDistinguishedName } from './distinguished-name.js';
import * as extension from './extensions.js';
import { TestKey } from './key.js';
import { EXTENDED_KEY_USAGES, type CertificateOptions, type KeyUsage, type RawExtension } from './options.js';
import { createSigner } from './signature.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What a signature needs to know of the certificate above. */
export interface Issuer {
  readonly key: TestKey;
  readonly name: Buffer;
  readonly keyIdentifier: Buffer;
}

/** What minting brings forth: the certificate, and itself as an issuer of others. */
export interface Minted {
  readonly der: Buffer;
  readonly subject: string;
  readonly issuer: Issuer;
}

/** What differs between a root, an intermediate and a leaf when the options say nothing. */
export interface Role {
  readonly ca: boolean;
  readonly subject: string;
}

/** Writes and signs one certificate; without an issuer it signs itself. */
export async function mint(options: CertificateOptions, role: Role, issuer?: Issuer): Promise<Minted> {
  const key = options.key ?? (await TestKey.create(options.keyType));
  const ca = options.ca ?? role.ca;
  const subject = canonicalSubject(options.subject ?? options.hosts?.[0] ?? randomName(role.subject));
  const own: Issuer = {
    key,
    name: encodeDistinguishedName(subject),
    keyIdentifier: subjectIdentifier(options, key),
  };
  const signedBy = issuer ?? own;
  const signer = createSigner(signedBy.key, options.signatureHash);
  const now = Date.now();
  const version = options.version === 1 ? [] : [der.constructedTag(0, der.smallInteger(2))];
  const extensions = listExtensions(options, ca, own, signedBy).map(extension.encodeExtension);
  const content = der.sequence(
    ...version,
    der.unsignedInteger(serialOctets(options.serialNumber)),
    signer.algorithm,
    signedBy.name,
    der.sequence(
      der.time(options.notBefore ?? new Date(now - HOUR_MS)),
      der.time(options.notAfter ?? new Date(now + (ca ? 3653 : 90) * DAY_MS)),
    ),
    own.name,
    key.spki,
    ...(extensions.length === 0 ? [] : [der.constructedTag(3, der.sequence(...extensions))]),
  );
  const certificate = der.sequence(content, signer.algorithm, der.bitString(signer.sign(content)));
  return { der: certificate, subject, issuer: own };
}

function listExtensions(
  options: CertificateOptions,
  ca: boolean,
  own: Issuer,
  signedBy: Issuer,
): RawExtension[] {
  const list: RawExtension[] = [];
  if (options.basicConstraints !== 'absent') list.push(extension.basicConstraints(ca, options.pathLength));
  const usages = options.keyUsages === undefined ? defaultKeyUsages(ca, own.key) : options.keyUsages;
  if (usages !== null) list.push(extension.keyUsage(usages));
  const extended = options.extendedKeyUsages ?? (ca ? [] : [EXTENDED_KEY_USAGES.serverAuth]);
  if (extended.length > 0) list.push(extension.extendedKeyUsage(extended));
  if (options.keyIdentifiers !== false) {
    list.push(extension.subjectKeyIdentifier(own.keyIdentifier));
    list.push(extension.authorityKeyIdentifier(authorityIdentifier(options, signedBy)));
  }
  if (options.hosts !== undefined && options.hosts.length > 0) {
    list.push(extension.subjectAlternativeName(options.hosts));
  }
  if (options.nameConstraints !== undefined) list.push(extension.nameConstraints(options.nameConstraints));
  return [...list, ...(options.extensions ?? [])];
}

function defaultKeyUsages(ca: boolean, key: TestKey): readonly KeyUsage[] {
  if (ca) return ['keyCertSign', 'cRLSign'];
  return key.type === 'rsa' ? ['digitalSignature', 'keyEncipherment'] : ['digitalSignature'];
}

function subjectIdentifier(options: CertificateOptions, key: TestKey): Buffer {
  const forged = typeof options.keyIdentifiers === 'object' ? options.keyIdentifiers.subject : undefined;
  // RFC 7093 §2 (4): a hash of the whole SubjectPublicKeyInfo, cut to the usual 160 bits.
  return forged === undefined
    ? createHash('sha256').update(key.spki).digest().subarray(0, 20)
    : Buffer.from(forged);
}

function authorityIdentifier(options: CertificateOptions, signedBy: Issuer): Uint8Array {
  const forged = typeof options.keyIdentifiers === 'object' ? options.keyIdentifiers.authority : undefined;
  return forged ?? signedBy.keyIdentifier;
}

function serialOctets(hexadecimal: string | undefined): Buffer {
  // 0x40 keeps the first octet non-zero, so that every serial has the same length.
  if (hexadecimal === undefined) return Buffer.concat([Buffer.from([0x40]), randomBytes(15)]);
  if (!/^(?:[0-9a-f]{2}){1,20}$/i.test(hexadecimal)) {
    throw new TypeError(`"serialNumber" must be 1 to 20 octets in hexadecimal: ${hexadecimal}`);
  }
  return Buffer.from(hexadecimal, 'hex');
}

function randomName(word: string): string {
  return `${word} ${randomBytes(4).toString('hex')}`;
}
