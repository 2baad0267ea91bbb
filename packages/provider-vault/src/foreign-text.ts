/** What was sent and must appear nowhere: the token, or all that a log-in shows. */
export type Secrets = string | readonly string[];

/**
 * Text that came from outside, fit for an error: one line, bounded, and without the secrets that were sent, should the
 * sender echo them.
 */
export function foreignText(text: string, secrets: Secrets, maxLength: number): string {
  const forms = new Set([secrets].flat().flatMap(formsOf));
  forms.delete('');
  // The longest first: one may hold another. In one pass, so that nothing is put into what was put in.
  const pattern = [...forms]
    .sort((left, right) => right.length - left.length)
    .map(escaped)
    .join('|');
  const masked = pattern === '' ? text : text.replaceAll(new RegExp(pattern, 'gu'), '[token]');
  return masked
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\s]+/gu, ' ')
    .trim()
    .slice(0, maxLength);
}

/** As it is, in lower case (which is what URL parsers make of a host), and as JSON and URLs write it. */
function formsOf(secret: string): string[] {
  return [secret, secret.toLowerCase(), JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)];
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, String.raw`\$&`);
}
