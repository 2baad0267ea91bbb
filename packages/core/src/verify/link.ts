import { X509Certificate } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type CertificateFacts, readCertificateFacts } from './certificate.js';
import type { Evidence } from './evidence.js';

/** One checked step from a certificate to its issuer: the issuer's facts, or why it is none. */
export type Link =
  | { readonly sound: true; readonly issuer: CertificateFacts }
  | { readonly sound: false; readonly reason: string };

const serverAuth = '1.3.6.1.5.5.7.3.1';
const anyPurpose = '2.5.29.37.0';

/** MD2, MD4, MD5 and SHA-1 with RSA; SHA-1 with DSA and ECDSA: what OpenSSL refuses at its default level, or should. */
const weakSignatures: ReadonlySet<string> = new Set([
  '2a864886f70d010102',
  '2a864886f70d010103',
  '2a864886f70d010104',
  '2a864886f70d010105',
  '2a8648ce380403',
  '2a8648ce3d0401',
]);

/** A certificate, read both ways: by OpenSSL and by our own reader. */
interface ReadCertificate {
  readonly fingerprint: string;
  readonly x509: X509Certificate;
  readonly facts: CertificateFacts;
}

/**
 * Checks links and remembers the answers: by the hashes of both certificates, never by a name. What depends on the
 * time is left to the caller, so that nothing remembered can outlive a certificate.
 */
export class LinkCache {
  readonly #links = new LRUCache<string, Link>({ max: 2_000 });
  // The issuer of one link is the child of the next, and reading it costs more than its signature (OpenSSL 3.0).
  #lastRead: ReadCertificate | undefined;

  /** The link from the certificate at `index` to the next one shown. @throws DerError where there is none */
  check(evidence: Evidence, index: number): Link {
    const key = `${evidence.fingerprint(index)}${evidence.fingerprint(index + 1)}`;
    const known = this.#links.get(key);
    if (known !== undefined) return known;
    const link = this.#check(evidence, index);
    this.#links.set(key, link);
    return link;
  }

  #check(evidence: Evidence, index: number): Link {
    try {
      return checkLink(this.#read(evidence, index), this.#read(evidence, index + 1));
    } catch {
      return broken('it or its issuer cannot be read');
    }
  }

  #read(evidence: Evidence, index: number): ReadCertificate {
    const fingerprint = evidence.fingerprint(index);
    if (this.#lastRead?.fingerprint === fingerprint) return this.#lastRead;
    const der = evidence.certificate(index);
    this.#lastRead = { fingerprint, x509: new X509Certificate(der), facts: readCertificateFacts(der) };
    return this.#lastRead;
  }
}

/** Everything that must hold between a certificate and its issuer at any time (node-tls rules 1, 2, 3 and 5). */
function checkLink(child: ReadCertificate, issuer: ReadCertificate): Link {
  if (!issuer.x509.ca) return broken('its issuer is not a CA');
  // Names, key identifiers and the issuer's keyCertSign bit.
  if (!child.x509.checkIssued(issuer.x509)) return broken('it was not issued by the next certificate shown');
  if (weakSignatures.has(child.facts.signatureAlgorithm)) return broken('it is signed with a weak algorithm');
  if (!child.x509.verify(issuer.x509.publicKey))
    return broken('its signature is not by the key of the next certificate shown');
  const usages: readonly string[] | undefined = issuer.x509.keyUsage;
  // An empty list allows nothing.
  if (usages !== undefined && !usages.includes(serverAuth) && !usages.includes(anyPurpose)) {
    return broken('its issuer is not for TLS servers (extended key usage)');
  }
  if (issuer.facts.unknownCritical.length > 0)
    return broken('its issuer has a critical extension that is not understood');
  return { sound: true, issuer: issuer.facts };
}

function broken(reason: string): Link {
  return { sound: false, reason };
}
