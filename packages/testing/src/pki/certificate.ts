import { X509Certificate } from 'node:crypto';
import type { TestKey } from './key.js';
import { mint, type Issuer, type Minted } from './mint.js';
import type { CertificateOptions } from './options.js';

/** A minted certificate together with its private key: it can be served, trusted, pinned, and issue others. */
export class TestCertificate {
  /** The certificate as PEM, with a line feed at the end. */
  readonly pem: string;
  /** The certificate as DER. */
  readonly der: Buffer;
  /** The key pair of its subject. */
  readonly key: TestKey;
  /** `sha256/<base64>` of the subject's public key; the same for every certificate of one key. */
  readonly pin: string;
  /** The name as text, fit to be passed as `subject` again: `CN=x,O=y`. */
  readonly subject: string;
  /** SHA-256 of the whole certificate, lower-case hexadecimal without colons. */
  readonly fingerprint256: string;
  /** The certificate as Node reads it. */
  readonly x509: X509Certificate;
  /** The identifier that it carries, or would carry, as subjectKeyIdentifier. */
  readonly keyIdentifier: Buffer;
  readonly #issuer: Issuer;

  private constructor(minted: Minted) {
    this.#issuer = minted.issuer;
    this.der = minted.der;
    this.key = minted.issuer.key;
    this.pin = this.key.pin;
    this.subject = minted.subject;
    this.keyIdentifier = minted.issuer.keyIdentifier;
    this.pem = encodePem(minted.der);
    this.x509 = new X509Certificate(minted.der);
    this.fingerprint256 = this.x509.fingerprint256.replaceAll(':', '').toLowerCase();
  }

  /**
   * Issues an end-entity certificate under this one. Works under a leaf too: what a non-CA signs is a test case.
   *
   * @throws TypeError where an option cannot be encoded
   */
  async issue(options: CertificateOptions = {}): Promise<TestCertificate> {
    return new TestCertificate(await mint(options, { ca: false, subject: 'Test Leaf' }, this.#issuer));
  }

  /**
   * Issues an intermediate CA under this one. A cross-sign is an `issueCa` with the other CA's `key` and `subject`.
   *
   * @throws TypeError where an option cannot be encoded
   */
  async issueCa(options: CertificateOptions = {}): Promise<TestCertificate> {
    return new TestCertificate(await mint(options, { ca: true, subject: 'Test Intermediate' }, this.#issuer));
  }

  /** Mints a self-signed CA. Exported as `createRootCa`. */
  static async root(options: CertificateOptions = {}): Promise<TestCertificate> {
    return new TestCertificate(await mint(options, { ca: true, subject: 'Test Root' }));
  }

  /** Mints a self-signed certificate without the CA bit. Exported as `createSelfSigned`. */
  static async selfSigned(options: CertificateOptions = {}): Promise<TestCertificate> {
    return new TestCertificate(await mint(options, { ca: false, subject: 'Test Self-Signed' }));
  }
}

/**
 * Mints a root: a self-signed CA, on a P-256 key unless told otherwise.
 *
 * @example
 * ```ts
 * const root = await createRootCa();
 * const intermediate = await root.issueCa({ pathLength: 0 });
 * const leaf = await intermediate.issue({ hosts: ['api.example.test'] });
 * const server = await startTlsServer({ chain: [leaf, intermediate] });
 * ```
 */
export async function createRootCa(options: CertificateOptions = {}): Promise<TestCertificate> {
  return TestCertificate.root(options);
}

/** Mints one self-signed certificate without the CA bit: a lone server certificate. */
export async function createSelfSigned(options: CertificateOptions = {}): Promise<TestCertificate> {
  return TestCertificate.selfSigned(options);
}

/** Joins certificates to one PEM text, in the order given: what `cert` and `ca` of Node's TLS options take. */
export function chainPem(...certificates: readonly TestCertificate[]): string {
  return certificates.map((certificate) => certificate.pem).join('');
}

function encodePem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
