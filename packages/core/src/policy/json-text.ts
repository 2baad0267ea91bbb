import { PinDocumentError } from '../errors.js';
import { printable } from '../internal/text.js';
import { findJsonSlip } from './json-slip.js';

/**
 * Parses JSON text, refusing what `JSON.parse` lets pass (doubled keys) and saying for the common slips what they are.
 * The text itself never gets into an error.
 *
 * @throws PinDocumentError (`ERR_DOCUMENT_MALFORMED`, `ERR_DOCUMENT_EMPTY`)
 */
export function parseJsonText(text: string): unknown {
  const body = text.startsWith('\ufeff') ? text.slice(1) : text;
  if (body.trim() === '' && body.search(/[^ \t\r\n]/u) === -1) {
    throw new PinDocumentError('ERR_DOCUMENT_EMPTY', 'the document is empty', { reason: 'empty' });
  }
  if (body.includes('\0')) {
    throw malformed('encoding', 'the document holds NUL bytes', 'UTF-16? save it as UTF-8');
  }
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw explain(body);
  }
  refuseDoubledKeys(body);
  return value;
}

function malformed(
  reason: 'not-json' | 'encoding' | 'forbidden-character' | 'duplicate-key',
  message: string,
  hint?: string,
  position?: number,
): PinDocumentError {
  return new PinDocumentError('ERR_DOCUMENT_MALFORMED', message, { reason, hint, position });
}

/** What is wrong with a text that JSON.parse refuses. */
function explain(text: string): PinDocumentError {
  if (text.startsWith('\ufeff')) return malformed('not-json', notJson, 'a second byte order mark');
  if (/^[ \t\r\n]*</u.test(text)) {
    return malformed('not-json', notJson, 'it looks like an HTML page: a proxy or a login page answered');
  }
  const { position, isOdd, ...slip } = findJsonSlip(text);
  const hint = `${slip.hint}, position ${position}`;
  return isOdd
    ? malformed('forbidden-character', 'a character that no JSON may hold here', hint, position)
    : malformed('not-json', notJson, hint, position);
}

const notJson = 'the document is not JSON';

/** JSON.parse keeps the last of two equal keys silently; for pins that is a lost row. The text is valid JSON here. */
function refuseDoubledKeys(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  for (let cursor = 0; cursor < text.length; cursor += 1) {
    const character = text[cursor];
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(undefined);
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const end = endOfString(text, cursor);
      const keys = open.at(-1);
      if (keys !== undefined && isFollowedByColon(text, end + 1)) {
        const raw = text.slice(cursor + 1, end);
        const key = raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
        if (keys.has(key)) {
          throw new PinDocumentError(
            'ERR_DOCUMENT_MALFORMED',
            `the key "${printable(key, 80)}" stands twice`,
            {
              reason: 'duplicate-key',
              key: printable(key),
              position: cursor,
              hint: doubledHint(key, open.length),
            },
          );
        }
        keys.add(key);
      }
      cursor = end;
    }
  }
}

function doubledHint(key: string, depth: number): string {
  if (depth > 1) return 'in the long form each member stands once';
  return key.startsWith('$')
    ? 'a directive stands once; more of $revoked and $note take a label: $note#2'
    : 'a second row for a host takes a label: host#next';
}

function isFollowedByColon(text: string, start: number): boolean {
  let cursor = start;
  while (/[ \t\r\n]/u.test(text.charAt(cursor))) cursor += 1;
  return text[cursor] === ':';
}

/** The closing quote; `start` is the opening one of a string in valid JSON. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

function isEscaped(text: string, position: number): boolean {
  let slashes = 0;
  while (text[position - 1 - slashes] === '\\') slashes += 1;
  return slashes % 2 === 1;
}
