import { LRUCache } from 'lru-cache';
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
  #validUntil: number | undefined;

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

  /** The instant (epoch ms) after which one of the certificates that Node showed is no longer valid. @throws DerError */
  get validUntil(): number {
    return (this.#validUntil ??= Math.min(...this.certificates.map(readNotAfter)));
  }

  /** Whether these are the same certificates, byte for byte, in the same order. */
  isOf(certificate: NodeCertificate): boolean {
    let shown: NodeCertificate | undefined = certificate;
    for (const der of this.certificates) {
      if (!(shown?.raw instanceof Uint8Array) || !isSame(shown.raw, der)) return false;
      shown = issuerOf(shown);
    }
    return shown === undefined;
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
  for (let current: NodeCertificate | undefined = leaf; current !== undefined; current = issuerOf(current)) {
    if (!(current.raw instanceof Uint8Array)) throw new DerError('Node showed no certificate');
    if (certificates.length === maxShown) throw new DerError('too many certificates');
    certificates.push(current.raw);
  }
  return certificates;
}

/** Node ends the chain with a certificate that refers to itself, or to none. */
function issuerOf(certificate: NodeCertificate): NodeCertificate | undefined {
  const { issuerCertificate } = certificate;
  return issuerCertificate === certificate ? undefined : issuerCertificate;
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return left.byteLength === right.byteLength && Buffer.compare(left, right) === 0;
}

// Some 1,000 usual chains.
const maxBytes = 4 * 1_024 * 1_024;

/**
 * Gives connections to one host that show the same certificates one evidence between them: what was worked out for one
 * is known for the next, and a thousand connections hold their certificates once. A server that always shows others
 * makes it forget, and gains nothing: certificates are compared whole, and the amount kept is bounded.
 */
export class EvidenceCache {
  readonly #known = new LRUCache<string, Evidence>({ maxSize: maxBytes, sizeCalculation: byteLength });

  /** @throws DerError where Node showed no certificate, or too many */
  of(host: string, port: number | undefined, certificate: NodeCertificate): Evidence {
    const key = `${host} ${port} ${roughly(certificate)}`;
    const known = this.#known.get(key);
    if (known?.isOf(certificate) === true) return known;
    const evidence = new Evidence(host, port, certificate);
    this.#known.set(key, evidence);
    return evidence;
  }
}

/** Tells most leaves of one host apart, so that a fleet with a key for each server has a place for each. */
function roughly({ raw }: NodeCertificate): string {
  return raw instanceof Uint8Array ? `${raw[raw.length - 1]} ${raw[raw.length - 2]}` : '';
}

function byteLength({ certificates }: Evidence): number {
  return certificates.reduce((sum, der) => sum + der.byteLength, 1);
}
