import { PinDocumentError } from '../errors.js';
import { expected } from '../internal/expected.js';
import { printable } from '../internal/text.js';
import { HostSyntaxError, withoutUser } from './host.js';
import { ownPattern } from './host-key.js';
import { parseHostPattern } from './host-pattern.js';
import { findOddCharacter } from './odd-character.js';

/** What the key of a row says. */
export interface RowPlace {
  /** Canonical host pattern. */
  readonly pattern: string;
  /** What stands behind `#`. */
  readonly label?: string;
}

/**
 * Reads the key of a row: a host pattern, and a label behind `#`. A wrong key refuses the document: nobody knows which
 * host its row was meant for.
 *
 * @param ownHost - the host whose document this is, where each has one (normalised)
 * @throws PinDocumentError (`ERR_DOCUMENT_MALFORMED`)
 */
export function parseRowKey(key: string, ownHost?: string): RowPlace {
  const hash = key.indexOf('#');
  const host = hash === -1 ? key : key.slice(0, hash);
  try {
    if (host === '__proto__') throw new HostSyntaxError(host, 'not a host name');
    const parsed = parseHostPattern(host);
    const pattern = ownHost === undefined ? parsed.text : ownPattern(parsed, ownHost);
    return hash === -1 ? { pattern } : { pattern, label: key.slice(hash + 1) };
  } catch (error) {
    const { problem } = expected(error, HostSyntaxError);
    throw new PinDocumentError(
      'ERR_DOCUMENT_MALFORMED',
      `the key "${printable(withoutUser(key), 120)}" is no host pattern: ${problem}`,
      {
        reason: 'bad-key',
        key: withoutUser(key),
        hint: slips.find(({ looksLike }) => looksLike.test(host))?.hint,
      },
    );
  }
}

/** Invisible characters make two keys that look the same. @throws PinDocumentError (`ERR_DOCUMENT_MALFORMED`) */
export function refuseOddKey(key: string): void {
  const character = findOddCharacter(key, '');
  if (character === undefined) return;
  throw new PinDocumentError(
    'ERR_DOCUMENT_MALFORMED',
    `the key "${printable(key, 120)}" holds ${character.name} at character ${character.position + 1}`,
    { reason: 'forbidden-character', key, position: character.position, hint: 'type the key anew' },
  );
}

/** Two keys of one host. */
export function doubledKey(key: string, other: string): PinDocumentError {
  return new PinDocumentError(
    'ERR_DOCUMENT_MALFORMED',
    `"${printable(other, 80)}" and "${printable(key, 80)}" are one host`,
    { reason: 'duplicate-key', key, hint: 'a second row for a host takes a label: host#next' },
  );
}

// What people write where a host belongs; the first that fits. Tried only on a key that is refused already.
const slips: readonly { readonly looksLike: RegExp; readonly hint: string }[] = [
  { looksLike: /^\s|\s$/u, hint: 'no space before or behind the host, nor before #' },
  { looksLike: /^["'`\u2018\u201c]/u, hint: 'no quotes around the host' },
  { looksLike: /:\/\//u, hint: 'the host alone, without https:// and path' },
  { looksLike: /^[0-9a-f.:]+\/[0-9]{1,3}$/iu, hint: 'an address, not a network: each address is a row' },
  { looksLike: /[/?]/u, hint: 'the host alone, without path' },
  { looksLike: /^(?:subject|issuer|DNS|IP|CN|O)\s*[:=]/iu, hint: 'the host alone, without CN= or DNS:' },
  { looksLike: /@/u, hint: 'the host alone, without user' },
  { looksLike: /[,;\s]/u, hint: 'one host in a row: each host is a row' },
  { looksLike: /^\[[^\]:]*\]/u, hint: 'brackets are for IPv6 addresses alone' },
  { looksLike: /[{}<>]/u, hint: 'a placeholder that nothing has filled in?' },
  { looksLike: /\\|\^|\$$/u, hint: 'no regular expression: *.name for one label, **.name for any number' },
];
