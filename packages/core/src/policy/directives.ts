import { PinDocumentError } from '../errors.js';
import { expected } from '../internal/expected.js';
import { printable } from '../internal/text.js';
import type { RevokedPin } from './document.js';
import { parseToken, tokensOf } from './row.js';
import { parseLastInstant } from './timestamp.js';

/** What the directives of a document say; filled while its keys are read. */
export interface Directives {
  revoked: RevokedPin[];
  notes: string[];
  generation?: number;
  expiresAt?: number;
}

/**
 * Reads one `$` row. A directive that is not understood refuses the whole document: what it asks for may be a
 * restriction.
 *
 * @throws PinDocumentError
 */
export function readDirective(key: string, value: unknown, into: Directives): void {
  const hash = key.indexOf('#');
  const name = hash === -1 ? key : key.slice(0, hash);
  const label = hash === -1 ? undefined : key.slice(hash + 1);
  if (name.startsWith('$x-')) return;
  if (name === '$note') {
    // Not written out again: a value nested deeply enough overflows the stack.
    into.notes.push(typeof value === 'string' ? value : '(not text)');
    return;
  }
  if (name === '$revoked') {
    readRevoked(key, label, value, into.revoked);
    return;
  }
  if (label === undefined) {
    if (name === '$format') return readFormat(key, value);
    if (name === '$generation') {
      into.generation = readGeneration(key, value);
      return;
    }
    if (name === '$expires') {
      into.expiresAt = readExpires(key, value);
      return;
    }
  }
  throw new PinDocumentError('ERR_DOCUMENT_MALFORMED', `unknown directive "${printable(key, 80)}"`, {
    reason: 'unknown-directive',
    key,
    hint: '$format, $generation, $revoked, $expires, $note; free ones begin with $x-',
  });
}

function readFormat(key: string, value: unknown): void {
  if (value === 'pinvault/1') return;
  throw new PinDocumentError(
    'ERR_DOCUMENT_FORMAT',
    `$format is ${formatText(value)}, this version reads pinvault/1`,
    { reason: 'format', key, hint: 'update the pinvault packages of this service before the document' },
  );
}

/** A format of ours is named; anything else may be what somebody pasted. */
function formatText(value: unknown): string {
  if (typeof value !== 'string') return 'not text';
  return /^pinvault\/[0-9]{1,3}$/u.test(value) ? value : 'none of ours';
}

function readGeneration(key: string, value: unknown): number {
  const number = typeof value === 'string' && /^(?:0|[1-9][0-9]*)$/u.test(value) ? Number(value) : value;
  // -0 is 0: equal documents are equal values.
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number + 0;
  throw badDirective(key, 'is not a whole number');
}

function readExpires(key: string, value: unknown): number {
  const instant = typeof value === 'string' ? parseLastInstant(value) : undefined;
  if (instant === undefined)
    throw badDirective(key, 'is no date', 'RFC 3339: 2027-06-30 or 2027-06-30T12:00:00Z');
  return instant;
}

/** A revocation that cannot be read is never dropped: the document is refused whole. */
function readRevoked(key: string, label: string | undefined, value: unknown, into: RevokedPin[]): void {
  let tokens: string[];
  try {
    tokens = tokensOf(key, value);
  } catch (error) {
    const { summary, reason, position, hint } = expected(error, PinDocumentError);
    throw new PinDocumentError('ERR_DOCUMENT_MALFORMED', summary, { reason, key, position, hint });
  }
  if (tokens.length === 0) throw badDirective(key, 'is empty', 'delete the row to revoke nothing');
  tokens.forEach((token, index) => {
    try {
      const pin = parseToken(key, tokens, index);
      into.push({
        pin: pin.subject === 'certificate' ? pin.toString() : `sha256/${pin.digest}`,
        where: pin.role === 'ca' ? 'any-certificate' : 'leaf',
        ...(label === undefined ? {} : { label }),
      });
    } catch (error) {
      const { summary, reason, tokenIndex, hint } = expected(error, PinDocumentError);
      throw new PinDocumentError('ERR_DOCUMENT_MALFORMED', summary, {
        reason,
        key,
        tokenIndex,
        hint: takesPinsAlone(token) ? '$revoked takes pins alone, without attributes' : hint,
      });
    }
  });
}

function takesPinsAlone(token: string): boolean {
  return /^(?:none|block|mode=.*|until=.*|review=.*)$/su.test(token);
}

function badDirective(key: string, problem: string, hint?: string): PinDocumentError {
  return new PinDocumentError('ERR_DOCUMENT_MALFORMED', `${printable(key, 80)} ${problem}`, {
    reason: 'bad-value',
    key,
    hint,
  });
}
