import tls, { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { NodeCertificate } from './certificate.js';

/**
 * Node's own check that the certificate is for this host (RFC 9525). A custom check replaces it, so pinvault calls it
 * itself, before it looks at any pin. May throw, as Node's does for a malformed subjectAltName.
 */
export function checkHostName(host: string, certificate: NodeCertificate): Error | undefined {
  return checkServerIdentity(host, certificate as PeerCertificate);
}

/** The curves that Node offers unless it is told otherwise: `'auto'`, or what the process has set. */
export function defaultEcdhCurve(): string {
  // Not a named import: those keep the value that it had when Node started.
  return tls.DEFAULT_ECDH_CURVE;
}
