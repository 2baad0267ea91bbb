import { X509Certificate } from 'node:crypto';
import { printable } from '../internal/text.js';

/** The subject of a certificate on one line, safe to print: `C=DE, O=Example, CN=api.example.com`. */
export function subjectText(der: Uint8Array): string {
  // Typed as always there; Node leaves it out where the name is empty.
  const subject: string | undefined = new X509Certificate(der).subject;
  return printable((subject ?? '').split('\n').join(', ')) || '(no subject)';
}
