import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import { HostSyntaxError, normaliseHost, Pin, verifiedPath } from 'pinvault';
import { CommandError } from '../command-error.js';
import type { KeyMaterial } from '../source/key-material.js';
import { type CertificateEntry, type Entry, type PinReport, unknownHost } from './report.js';

/**
 * What a file holds: the certificate of the row first (or the key, where there is none), the rest in the file's order.
 *
 * @param path - safe to print
 * @throws CommandError
 */
export function reportOfFile(path: string, items: readonly KeyMaterial[], now: number): PinReport {
  const certificate = items.find((item) => item.kind === 'certificate');
  const first = certificate ?? items[0];
  if (first === undefined) throw new CommandError(`${path} holds no certificate and no key`);
  const entryOf = (item: KeyMaterial): Entry =>
    item.kind === 'certificate' ? certificateEntry(path, item.der, now) : keyEntry(item.kind, item.publicKey);
  const others = items.filter((item) => item !== first);
  return {
    source: { kind: 'file', path },
    rowKey: certificate === undefined ? unknownHost : hostOf(new X509Certificate(certificate.der)),
    entries: [entryOf(first), ...others.map(entryOf)],
  };
}

function certificateEntry(path: string, der: Buffer, now: number): CertificateEntry {
  try {
    const x509 = new X509Certificate(der);
    // A path of one certificate has no link that could be wrong.
    const [facts] = verifiedPath({ raw: der }, now).certificates;
    if (facts === undefined) throw new Error('no certificate');
    const role = !x509.ca ? 'leaf' : x509.checkIssued(x509) ? 'root' : 'CA';
    return { kind: 'certificate', role, isCa: x509.ca, ...facts };
  } catch (error) {
    throw new CommandError(`${path} holds a certificate that cannot be read`, { cause: error });
  }
}

function keyEntry(kind: 'public key' | 'private key', key: KeyObject): Entry {
  const spki = key.export({ type: 'spki', format: 'der' });
  const pin = Pin.parse(`sha256/${createHash('sha256').update(spki).digest('base64')}`);
  return { kind, pin: pin.toString(), algorithm: algorithmOf(key) };
}

const curves: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};

function algorithmOf(key: KeyObject): string {
  const { modulusLength, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return `RSA, ${modulusLength} bits`;
    case 'rsa-pss':
      return `RSA-PSS, ${modulusLength} bits`;
    case 'ec':
      return `EC ${curves[namedCurve] ?? namedCurve}`;
    case 'ed25519':
      return 'Ed25519';
    case 'ed448':
      return 'Ed448';
    default:
      return key.asymmetricKeyType ?? 'unknown kind';
  }
}

/** The first DNS name that a certificate is for, as the key of a row. Node quotes a name that could be taken for two. */
function hostOf(certificate: X509Certificate): string {
  const name = /(?:^|, )DNS:([^,]+)/u.exec(certificate.subjectAltName ?? '')?.[1] ?? '';
  const wildcard = name.startsWith('*.') ? '*.' : '';
  try {
    return wildcard + normaliseHost(name.slice(wildcard.length));
  } catch (error) {
    if (!(error instanceof HostSyntaxError)) throw error;
    return unknownHost;
  }
}
