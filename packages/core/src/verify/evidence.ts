import { DerError } from '../pin/der.js';
import { sha256Hex, spkiDigest } from '../pin/spki.js';
import { type NodeCertificate, readNotAfter } from './certificate.js';

// Node shows what the server sent; a TLS server cannot make us look at more than this.
const maxShown = 64;

/**
 * What is remembered of one handshake, so that the same connection can be judged again under newer pins, when the
 * socket no longer tells: host, port and the certificates that Node showed. Immutable as seen from outside.
 */
export class Evidence {
  /** Normalised host whose pins govern the connection. */
  readonly host: string;
  readonly port: number | undefined;
  /** DER of the certificates in the order in which Node showed them, leaf first. */
  readonly certificates: readonly Uint8Array[];
  #spkiDigests: (string | undefined)[] | undefined;
  #fingerprints: (string | undefined)[] | undefined;
  #notAfter: number | undefined;

  constructor(host: string, port: number | undefined, certificate: NodeCertificate) {
    this.host = host;
    this.port = port;
    this.certificates = Object.freeze(shownCertificates(certificate));
    Object.freeze(this);
  }

  /** Base64 SHA-256 of the public key of the certificate at `index`. @throws DerError */
  spkiDigest(index: number): string {
    this.#spkiDigests ??= [];
    return (this.#spkiDigests[index] ??= spkiDigest(this.certificate(index)));
  }

  /** Hexadecimal SHA-256 of the whole certificate at `index`. */
  fingerprint(index: number): string {
    this.#fingerprints ??= [];
    return (this.#fingerprints[index] ??= sha256Hex(this.certificate(index)));
  }

  /** The instant (epoch ms) after which the leaf is no longer valid. @throws DerError */
  get notAfter(): number {
    return (this.#notAfter ??= readNotAfter(this.certificate(0)));
  }

  /** DER of the certificate at `index`. @throws DerError where there is none */
  certificate(index: number): Uint8Array {
    const certificate = this.certificates[index];
    if (certificate === undefined) throw new DerError('no such certificate');
    return certificate;
  }
}

function shownCertificates(leaf: NodeCertificate): Uint8Array[] {
  const certificates: Uint8Array[] = [];
  let current: NodeCertificate | undefined = leaf;
  while (current !== undefined) {
    if (!(current.raw instanceof Uint8Array)) throw new DerError('Node showed no certificate');
    if (certificates.length === maxShown) throw new DerError('too many certificates');
    certificates.push(current.raw);
    const issuer: NodeCertificate | undefined = current.issuerCertificate;
    // Node ends the chain with a certificate that refers to itself.
    current = issuer === current ? undefined : issuer;
  }
  return certificates;
}
