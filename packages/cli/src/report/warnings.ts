import { daysUntil, remainingText } from './dates.js';
import { type CertificateEntry, type PinReport, unknownHost } from './report.js';

const soonDays = 30;

/** What a person should know before the row goes into a document. */
export function warningsOf(report: PinReport, now: number): readonly string[] {
  const [first] = report.entries;
  const warnings: string[] = [];
  if (report.rowKey === unknownHost && first.kind === 'certificate') {
    warnings.push('the certificate names no host: put the host into the row yourself');
  }
  if (first.kind === 'certificate')
    warnings.push(...validityWarnings(report, first, now), ...caWarnings(report, first));
  return warnings;
}

function validityWarnings(report: PinReport, certificate: CertificateEntry, now: number): string[] {
  const remaining = remainingText(certificate, now);
  if (remaining === 'expired') return ['the certificate has expired'];
  if (remaining === 'not valid yet') return ['the certificate is not valid yet'];
  if (daysUntil(certificate.notAfter, now) >= soonDays) return [];
  return [
    `the ${certificate.role} expires soon (${remaining}): if its successor has another key, that key's pin has to be in the document first, as ${JSON.stringify(`${report.rowKey}#next`)}`,
  ];
}

function caWarnings(report: PinReport, certificate: CertificateEntry): string[] {
  if (!certificate.isCa) return [];
  return report.source.kind === 'host'
    ? [
        `the server's own certificate is a CA: written like this, its pin accepts every certificate that it issues; "leaf:${certificate.pin}" accepts this key only as the server's own`,
      ]
    : [
        `the certificate is a CA: its pin accepts every certificate that it issues for the host; to say so, write "ca:${certificate.pin}"`,
      ];
}
