import { constants, sign } from 'node:crypto';
import { constructedTag, nullValue, objectIdentifier, sequence, smallInteger } from './der.js';
import type { TestKey } from './key.js';

/**
 * Hash of a certificate's signature. Ed25519 brings its own and ignores it. OpenSSL refuses SHA-1 and MD5 in a
 * chain, unless its security level is 0; MD5 is for RSA issuers only.
 */
export type SignatureHash = 'SHA-256' | 'SHA-384' | 'SHA-1' | 'MD5';

interface HashFacts {
  readonly node: string;
  readonly oid: string;
  readonly length: number;
  readonly ecdsa: string;
  readonly rsa: string;
}

const hashes: Readonly<Record<SignatureHash, HashFacts>> = {
  'SHA-256': {
    node: 'sha256',
    oid: '2.16.840.1.101.3.4.2.1',
    length: 32,
    ecdsa: '1.2.840.10045.4.3.2',
    rsa: '1.2.840.113549.1.1.11',
  },
  'SHA-384': {
    node: 'sha384',
    oid: '2.16.840.1.101.3.4.2.2',
    length: 48,
    ecdsa: '1.2.840.10045.4.3.3',
    rsa: '1.2.840.113549.1.1.12',
  },
  'SHA-1': {
    node: 'sha1',
    oid: '1.3.14.3.2.26',
    length: 20,
    ecdsa: '1.2.840.10045.4.1',
    rsa: '1.2.840.113549.1.1.5',
  },
  MD5: {
    node: 'md5',
    oid: '1.2.840.113549.2.5',
    length: 16,
    // There is none.
    ecdsa: '0.0',
    rsa: '1.2.840.113549.1.1.4',
  },
};

/** How a key signs: the AlgorithmIdentifier for the certificate, and the act itself. */
export interface Signer {
  readonly algorithm: Buffer;
  sign(content: Uint8Array): Buffer;
}

/** Picks the signature algorithm that fits the key; `hash` falls back to SHA-384 for P-384 and SHA-256 otherwise. */
export function createSigner(key: TestKey, hash?: SignatureHash): Signer {
  const facts = hashes[hash ?? (key.type === 'ec384' ? 'SHA-384' : 'SHA-256')];
  switch (key.type) {
    case 'ed25519':
      return {
        algorithm: sequence(objectIdentifier('1.3.101.112')),
        sign: (content) => sign(null, content, key.privateKey),
      };
    case 'rsa-pss':
      return {
        algorithm: pssAlgorithm(facts),
        sign: (content) =>
          sign(facts.node, content, {
            key: key.privateKey,
            padding: constants.RSA_PKCS1_PSS_PADDING,
            saltLength: facts.length,
          }),
      };
    case 'rsa':
      return {
        algorithm: sequence(objectIdentifier(facts.rsa), nullValue()),
        sign: (content) => sign(facts.node, content, key.privateKey),
      };
    case 'ec':
    case 'ec384':
      return {
        algorithm: sequence(objectIdentifier(facts.ecdsa)),
        sign: (content) => sign(facts.node, content, key.privateKey),
      };
  }
}

function pssAlgorithm(facts: HashFacts): Buffer {
  const oid = objectIdentifier('1.2.840.113549.1.1.10');
  // SHA-1 with 20 octets of salt is what absent parameters mean, and DER forbids spelling a default out (RFC 4055).
  if (facts.node === 'sha1') return sequence(oid, sequence());
  const hash = sequence(objectIdentifier(facts.oid), nullValue());
  const maskGeneration = sequence(objectIdentifier('1.2.840.113549.1.1.8'), hash);
  return sequence(
    oid,
    sequence(
      constructedTag(0, hash),
      constructedTag(1, maskGeneration),
      constructedTag(2, smallInteger(facts.length)),
    ),
  );
}
