import { PinDocumentError } from '../errors.js';
import { codePointHex, printable } from '../internal/text.js';

const characterNames: Readonly<Record<string, string>> = {
  '\u00a0': 'no-break space',
  '\u00ad': 'soft hyphen',
  '\u200b': 'zero width space',
  '\u200c': 'zero width non-joiner',
  '\u200d': 'zero width joiner',
  '\u2060': 'word joiner',
  '\u202f': 'narrow no-break space',
  '\ufeff': 'byte order mark',
};

const odd = /[\p{Cc}\p{Cf}\p{Zs}\p{Zl}\p{Zp}]/gu;
const plain = /^[\x20-\x7e]*$/u;

/** The first control, format or non-ASCII white-space character; `allowed` are let through. */
export function findOddCharacter(
  text: string,
  allowed: string,
): { name: string; position: number } | undefined {
  if (plain.test(text)) return undefined;
  for (const match of text.matchAll(odd)) {
    const character = match[0];
    if (character === ' ' || allowed.includes(character)) continue;
    const codePoint = `U+${codePointHex(character)}`;
    const name = characterNames[character];
    return { name: name === undefined ? codePoint : `${name} ${codePoint}`, position: match.index };
  }
  return undefined;
}

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

/** V8's own message quotes the text, and has a position only now and then: the slip is looked for here. */
function explain(text: string): PinDocumentError {
  if (text.startsWith('\ufeff')) return notJson('a second byte order mark');
  if (/^[ \t\r\n]*</u.test(text))
    return notJson('it looks like an HTML page: a proxy or a login page answered');
  const { position, hint, isOdd } = findSlip(text);
  if (isOdd)
    return malformed('forbidden-character', 'a character that no JSON may hold here', hint, position);
  return notJson(hint, position);
}

function notJson(hint: string, position?: number): PinDocumentError {
  const place = position === undefined ? '' : `, position ${position}`;
  return malformed('not-json', 'the document is not JSON', `${hint}${place}`, position);
}

interface Slip {
  readonly position?: number;
  readonly hint: string;
  readonly isOdd: boolean;
}

/** The first character outside of strings, or the first line break inside of one, that no JSON can hold there. */
function findSlip(text: string): Slip {
  let comma: number | undefined;
  for (let position = 0; position < text.length; position += 1) {
    const character = text.charAt(position);
    if (character === '"') {
      const end = endOfString(text, position);
      const control = /[\u0000-\u001f]/u.exec(text.slice(position + 1, end));
      if (control !== null)
        return {
          position: position + 1 + control.index,
          hint: 'line break inside a string: write \\n or a space',
          isOdd: false,
        };
      if (end === text.length) break;
      position = end;
      comma = undefined;
    } else if (character === ',') {
      comma = position;
    } else if ((character === '}' || character === ']') && comma !== undefined) {
      return { position: comma, hint: 'trailing comma', isOdd: false };
    } else if (!' \t\r\n'.includes(character)) {
      comma = undefined;
      if (!/[-+{}[\]:0-9.a-zA-Z]/u.test(character)) return slipAt(position, character);
    }
  }
  return {
    hint: 'the text ends too early or lacks a quote, colon or comma: cut off while copying?',
    isOdd: false,
  };
}

function slipAt(position: number, character: string): Slip {
  if (/[\u2018-\u201f\u00ab\u00bb]/u.test(character))
    return { position, hint: 'smart quote: write "', isOdd: false };
  if (character === "'") return { position, hint: 'single quote: JSON takes "', isOdd: false };
  if (character === '/' || character === '#')
    return { position, hint: 'comment: JSON has none, use $note', isOdd: false };
  const name = findOddCharacter(character, '')?.name;
  if (name !== undefined) return { position, hint: `${name}, position ${position}`, isOdd: true };
  return { position, hint: 'unexpected character', isOdd: false };
}

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
              hint: 'a second row for a host takes a label: host#next',
            },
          );
        }
        keys.add(key);
      }
      cursor = end;
    }
  }
}

function isFollowedByColon(text: string, start: number): boolean {
  let cursor = start;
  while (/[ \t\r\n]/u.test(text.charAt(cursor))) cursor += 1;
  return text[cursor] === ':';
}

/** `start` is the opening quote of a valid JSON string. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  for (; end !== -1; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === '\\') slashes += 1;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}
