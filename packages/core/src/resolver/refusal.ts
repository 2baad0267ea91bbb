import { PinMismatchError, type PinMismatchErrorCode, type PresentedCertificate } from '../errors.js';
import type { PinRule } from '../policy/policy.js';
import type { Evidence } from '../verify/evidence.js';
import { subjectText } from '../verify/subject.js';

/** What the refusal of a chain is about. */
export interface Refusal {
  readonly code: PinMismatchErrorCode;
  /** One clause. */
  readonly reason: string;
  readonly evidence: Evidence;
  readonly rule?: PinRule | undefined;
  readonly pattern?: string | undefined;
  /** `vault secret/tls-pins, revision 12, confirmed 14 s ago` */
  readonly document: string;
  readonly revision: string;
}

/** The error for a chain that was shown and refused: everything that is needed to mend the document. */
export function refusedChain(refusal: Refusal): PinMismatchError {
  const { code, reason, evidence, rule, pattern, document, revision } = refusal;
  const { host, port } = evidence;
  const presented = presentedCertificates(evidence);
  const lines = [`${hostText(host, port)}: ${reason}`, '  certificates shown:'];
  presented.forEach(({ pin, subject }, index) => lines.push(`    ${index}  ${pin}  ${subject}`));
  const expected = rule?.pins.map((entry) => entry.pin) ?? [];
  if (rule !== undefined) {
    lines.push(`  pins expected, by the row "${rule.pattern}":`);
    for (const { pin, until } of rule.pins) {
      lines.push(`    ${pin}${until === undefined ? '' : `  until ${new Date(until).toISOString()}`}`);
    }
  }
  lines.push(`  document: ${document}`);
  return new PinMismatchError(code, lines.join('\n'), {
    host,
    port,
    pattern: rule?.pattern ?? pattern,
    presented,
    expected,
    revision,
  });
}

/** `host:port`, or the host alone where the port is not known. */
export function hostText(host: string, port: number | undefined): string {
  if (port === undefined) return host;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

// A mismatch message is for people; a server that sends fifty certificates gets no fifty lines.
const maxListed = 12;

function presentedCertificates(evidence: Evidence): PresentedCertificate[] {
  return evidence.certificates.slice(0, maxListed).map((der, index) => {
    let pin = 'unreadable';
    let subject = 'unreadable';
    try {
      pin = `sha256/${evidence.spkiDigest(index)}`;
      subject = subjectText(der);
    } catch {
      // The words above say it.
    }
    return { pin, subject };
  });
}
