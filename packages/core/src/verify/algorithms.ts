import type { DerElement } from '../pin/der.js';
import { contentOf, readChildren, readOid, readOnly, tags } from './der-fields.js';

// What a path may stand on, whatever security level OpenSSL runs at: named here is what counts, so that an algorithm
// nobody thought of does not. OIDs are the hexadecimal of their DER content.

const rsaPss = '2a864886f70d01010a';
const mgf1 = '2a864886f70d010108';

const mlDsa = ['608648016503040311', '608648016503040312', '608648016503040313'];
const edwards = ['2b6570', '2b6571'];

const strongSignatures: ReadonlySet<string> = new Set([
  '2a864886f70d01010b', // sha256, sha384, sha512WithRSAEncryption
  '2a864886f70d01010c',
  '2a864886f70d01010d',
  '2a8648ce3d040302', // ecdsa-with-SHA256, -SHA384, -SHA512
  '2a8648ce3d040303',
  '2a8648ce3d040304',
  ...edwards,
  ...mlDsa,
]);

const strongHashes: ReadonlySet<string> = new Set([
  '608648016503040201', // SHA-256, -384, -512
  '608648016503040202',
  '608648016503040203',
]);

const ecPublicKey = '2a8648ce3d0201';
const strongCurves: ReadonlySet<string> = new Set([
  '2a8648ce3d030107', // P-256, P-384, P-521
  '2b81040022',
  '2b81040023',
  '2b8104000a', // secp256k1
  '2b2403030208010107', // brainpoolP256r1, P384r1, P512r1
  '2b240303020801010b',
  '2b240303020801010d',
]);

const rsaKeys: ReadonlySet<string> = new Set(['2a864886f70d010101', rsaPss]);
const keysWithoutParameters: ReadonlySet<string> = new Set([...edwards, ...mlDsa]);
const minRsaBits = 2_048;

/** Whether a signature of this AlgorithmIdentifier proves anything: no MD5, no SHA-1, no DSA. @throws DerError */
export function isStrongSignature(der: Uint8Array, algorithm: DerElement): boolean {
  const [oid, parameters] = readChildren(der, algorithm);
  const name = readOid(der, oid);
  if (name !== rsaPss) return strongSignatures.has(name);
  // RFC 4055 §3.1: each field that is absent means SHA-1.
  const fields = parameters === undefined ? [] : readChildren(der, parameters);
  const hash = fields.find(({ tag }) => tag === 0xa0);
  const mask = fields.find(({ tag }) => tag === 0xa1);
  if (hash === undefined || mask === undefined) return false;
  const [maskName, maskHash] = readChildren(der, readOnly(der, mask, tags.sequence));
  return (
    isStrongHash(der, readOnly(der, hash, tags.sequence)) &&
    readOid(der, maskName) === mgf1 &&
    maskHash !== undefined &&
    isStrongHash(der, maskHash)
  );
}

function isStrongHash(der: Uint8Array, algorithm: DerElement): boolean {
  return strongHashes.has(readOid(der, readChildren(der, algorithm)[0]));
}

/**
 * Whether the key of a SubjectPublicKeyInfo is one that only its holder can sign with: RSA of 2,048 bits or more, a named
 * curve of 256 or more, Ed25519, Ed448, ML-DSA. Curves that are spelled out instead of named are not (RFC 5480 §2.1.1):
 * with parameters of one's own choice, a private key can be made for anybody's public point.
 *
 * @throws DerError
 */
export function isStrongKey(der: Uint8Array, spki: DerElement): boolean {
  const [algorithm, key] = readChildren(der, spki);
  const [oid, parameters] = algorithm === undefined ? [] : readChildren(der, algorithm);
  const name = readOid(der, oid);
  if (name === ecPublicKey) return parameters?.tag === tags.oid && strongCurves.has(readOid(der, parameters));
  if (!rsaKeys.has(name)) return keysWithoutParameters.has(name);
  return key !== undefined && isStrongRsaKey(der, key);
}

function isStrongRsaKey(der: Uint8Array, key: DerElement): boolean {
  // The first octet of a BIT STRING counts its unused bits.
  const numbers = readOnly(der, { ...key, contentStart: key.contentStart + 1 }, tags.sequence);
  const [modulus, exponent] = readChildren(der, numbers).map((number) => contentOf(der, number));
  if (modulus === undefined || exponent === undefined) return false;
  // With an exponent of 1 a signature is the message.
  return bitLength(modulus) >= minRsaBits && bitLength(exponent) > 1;
}

function bitLength(magnitude: Uint8Array): number {
  const first = magnitude.findIndex((octet) => octet !== 0);
  return first < 0 ? 0 : (magnitude.length - first) * 8 - (Math.clz32(Number(magnitude[first])) - 24);
}
