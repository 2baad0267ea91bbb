/**
 * Text that came from outside, fit for an error: one line, bounded, and without the token, should the sender echo it.
 */
export function foreignText(text: string, token: string, maxLength: number): string {
  // In lower case, too: that is what URL parsers make of a host.
  const forms = [token, token.toLowerCase()].filter((form) => form !== '');
  const masked = forms.reduce((rest, form) => rest.replaceAll(form, '[token]'), text);
  return masked
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\s]+/gu, ' ')
    .trim()
    .slice(0, maxLength);
}
