import { X509Certificate } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type CertificateFacts, readCertificateFacts } from './certificate.js';
import type { Evidence } from './evidence.js';

/** One checked step from a certificate to its issuer: the facts of both, or why it is none. */
export type Link =
  | { readonly sound: true; readonly child: CertificateFacts; readonly issuer: CertificateFacts }
  | { readonly sound: false; readonly reason: string };

/** A certificate, read both ways: by OpenSSL and by our own reader. */
interface ReadCertificate {
  readonly fingerprint: string;
  readonly x509: X509Certificate;
  readonly facts: CertificateFacts;
}

/**
 * Checks links and remembers the answers: by the hashes of both certificates, never by a name. What depends on the
 * time is left to the caller, and a link whose certificates have ended is forgotten, so that nothing remembered
 * outlives them.
 */
export class LinkCache {
  readonly #links = new LRUCache<string, Link>({ max: 2_000, maxSize: maxBytes, sizeCalculation: sizeOf });
  // The issuer of one link is the child of the next, and reading it costs more than its signature (OpenSSL 3.0).
  #lastRead: ReadCertificate | undefined;

  /** Links that are remembered. */
  get size(): number {
    return this.#links.size;
  }

  /**
   * The link from one certificate of the evidence to another.
   *
   * @param now - epoch ms
   * @throws DerError where there is no such certificate
   */
  check(evidence: Evidence, child: number, issuer: number, now: number): Link {
    const key = `${evidence.fingerprint(child)}${evidence.fingerprint(issuer)}`;
    const known = this.#links.get(key);
    if (known !== undefined && !hasEnded(known, now)) return known;
    const link = this.#check(evidence, child, issuer);
    if (hasEnded(link, now)) this.#links.delete(key);
    else this.#links.set(key, link);
    return link;
  }

  #check(evidence: Evidence, child: number, issuer: number): Link {
    try {
      return checkLink(this.#read(evidence, child), this.#read(evidence, issuer));
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

// A certificate may have thousands of names: the number of links alone bounds no memory.
const maxBytes = 16 * 1_024 * 1_024;

/** Roughly, in bytes: the names are most of it. */
function sizeOf(link: Link): number {
  return link.sound ? 8_000 + 200 * (link.child.names.length + link.issuer.names.length) : 500;
}

function hasEnded(link: Link, now: number): boolean {
  return link.sound && now > Math.min(link.child.notAfter, link.issuer.notAfter);
}

/**
 * Everything that must hold between a certificate and its issuer at any time (node-tls rules 1, 2, 3 and 5; RFC 5280
 * §4 and §6.1). What our own reader says comes first: it refuses what two parsers could read differently.
 */
function checkLink(child: ReadCertificate, issuer: ReadCertificate): Link {
  const { facts } = issuer;
  if (!facts.isCa || !facts.isVersion3) return broken('its issuer is not a CA');
  if (!facts.maySignCertificates) return broken('its issuer may not sign certificates (key usage)');
  if (!facts.isForServers) return broken('its issuer is not for TLS servers (extended key usage)');
  if (facts.unknownCritical.length > 0)
    return broken('its issuer has a critical extension that is not understood');
  if (!facts.hasStrongKey) return broken('the key of its issuer is weak, or of a kind that is not known');
  if (!child.facts.hasStrongSignature)
    return broken('it is signed with an algorithm that is weak or not known');
  // OpenSSL refuses more than we read: extensions that it finds malformed, a proxy certificate.
  if (!issuer.x509.ca) return broken('its issuer is not a CA to OpenSSL');
  // Names, key identifiers, the kind of key.
  if (!child.x509.checkIssued(issuer.x509)) return broken('it was not issued by the next certificate shown');
  if (!child.x509.verify(issuer.x509.publicKey))
    return broken('its signature is not by the key of the next certificate shown');
  return { sound: true, child: child.facts, issuer: facts };
}

function broken(reason: string): Link {
  return { sound: false, reason };
}
