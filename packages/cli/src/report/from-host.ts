import { X509Certificate } from 'node:crypto';
import { type NodeCertificate, verifiedPath } from 'pinvault';
import type { Handshake } from '../source/connect.js';
import type { CertificateRole, Entry, PinReport } from './report.js';

/** What was verified in a handshake. Certificates that the server sent beside the path are left out. */
export function reportOfHost(
  handshake: Handshake,
  target: { readonly host: string; readonly port: number; readonly servername?: string | undefined },
  now: number,
): PinReport {
  const { certificates, endsBecause } = verifiedPath(handshake.certificate, now);
  const shown = shownCertificates(handshake.certificate, certificates.length);
  const [leaf, ...issuers] = certificates.map((certificate, index): Entry => {
    const x509 = new X509Certificate(shown[index] ?? new Uint8Array());
    return { kind: 'certificate', role: roleAt(index, x509), isCa: x509.ca, ...certificate };
  });
  if (leaf === undefined) throw new Error('a verified path has a leaf');
  return {
    source: { kind: 'host', host: target.host, port: target.port, protocol: handshake.protocol, endsBecause },
    // A client that asks for another name looks the pins of that name up.
    rowKey: target.servername ?? target.host,
    entries: [leaf, ...issuers],
  };
}

function roleAt(index: number, certificate: X509Certificate): CertificateRole {
  if (index === 0) return 'leaf';
  return certificate.checkIssued(certificate) ? 'root' : 'CA';
}

function shownCertificates(leaf: NodeCertificate, count: number): Uint8Array[] {
  const certificates: Uint8Array[] = [];
  let current: NodeCertificate | undefined = leaf;
  while (current !== undefined && certificates.length < count) {
    certificates.push(current.raw);
    current = current.issuerCertificate;
  }
  return certificates;
}
