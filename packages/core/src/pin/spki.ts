import { hash } from 'node:crypto';
import { DerError, expectElement, readElement } from './der.js';

/** Where the fields of a TBSCertificate lie (RFC 5280 §4.1). */
export interface CertificateLayout {
  /** Offsets of the fields, tag included; `[start, end)`. */
  readonly signature: readonly [number, number];
  readonly issuer: readonly [number, number];
  readonly validity: readonly [number, number];
  readonly subject: readonly [number, number];
  readonly spki: readonly [number, number];
  /** What follows the SubjectPublicKeyInfo inside the TBSCertificate. */
  readonly rest: readonly [number, number];
}

const sequence = 0x30;
const integer = 0x02;
const version = 0xa0;

/**
 * Finds the fields of an X.509 certificate by walking its DER, bounds checked.
 *
 * @throws DerError for anything but one whole certificate.
 */
export function certificateLayout(der: Uint8Array): CertificateLayout {
  const certificate = expectElement(der, 0, der.length, sequence);
  if (certificate.end !== der.length) throw new DerError('bytes after the certificate');
  const tbs = expectElement(der, certificate.contentStart, certificate.end, sequence);
  let cursor = tbs.contentStart;
  const first = readElement(der, cursor, tbs.end);
  if (first.tag === version) cursor = first.end;
  cursor = expectElement(der, cursor, tbs.end, integer).end;
  const signature = expectElement(der, cursor, tbs.end, sequence);
  const issuer = expectElement(der, signature.end, tbs.end, sequence);
  const validity = expectElement(der, issuer.end, tbs.end, sequence);
  const subject = expectElement(der, validity.end, tbs.end, sequence);
  const spki = expectElement(der, subject.end, tbs.end, sequence);
  return {
    signature: [signature.start, signature.end],
    issuer: [issuer.start, issuer.end],
    validity: [validity.start, validity.end],
    subject: [subject.start, subject.end],
    spki: [spki.start, spki.end],
    rest: [spki.end, tbs.end],
  };
}

/**
 * The SubjectPublicKeyInfo of a certificate, header included, as a view on its bytes.
 *
 * Node's `cert.pubkey` is not that: for EC keys it is the bare point, for Ed25519 it is missing.
 */
export function sliceSpki(der: Uint8Array): Uint8Array {
  const [start, end] = certificateLayout(der).spki;
  return der.subarray(start, end);
}

/** SHA-256 as standard base64 with padding. */
export function sha256Base64(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'base64');
}

/** SHA-256 as lower-case hexadecimal. */
export function sha256Hex(bytes: Uint8Array | string): string {
  return hash('sha256', bytes, 'hex');
}

/** Base64 of the SHA-256 of a certificate's SubjectPublicKeyInfo: what stands behind `sha256/`. */
export function spkiDigest(der: Uint8Array): string {
  return sha256Base64(sliceSpki(der));
}
