import { findOddCharacter } from './odd-character.js';

/** Why a text is no JSON. */
export interface JsonSlip {
  /** Index of the first character that no JSON can hold there; the length of the text where it ends too early. */
  readonly position: number;
  readonly hint: string;
  /** An invisible or foreign white-space character. */
  readonly isOdd: boolean;
}

/** What may stand at a position, as far as it matters. */
type Awaited = 'document' | 'value' | 'first-value' | 'key' | 'first-key' | 'colon' | 'comma' | 'end';

const word = /(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![\w.])/uy;

/**
 * Finds the first place where a text that `JSON.parse` refuses is no JSON (RFC 8259). V8's own message quotes the text, and
 * has a position only now and then. One pass, whatever the text.
 */
export function findJsonSlip(text: string): JsonSlip {
  const open: ('{' | '[')[] = [];
  let awaited: Awaited = 'document';
  let comma: number | undefined;
  for (let position = 0; position < text.length; position += 1) {
    const character = text.charAt(position);
    if (' \t\r\n'.includes(character)) continue;
    if (mayClose(awaited, open.at(-1), character)) {
      open.pop();
      awaited = open.length === 0 ? 'end' : 'comma';
    } else if (character === ',' && awaited === 'comma') {
      awaited = open.at(-1) === '{' ? 'key' : 'value';
      comma = position;
      continue;
    } else if (character === ':' && awaited === 'colon') {
      awaited = 'value';
    } else if ((character === '{' || character === '[') && isValue(awaited)) {
      open.push(character);
      awaited = character === '{' ? 'first-key' : 'first-value';
    } else if (character === '"' && (isValue(awaited) || isKey(awaited))) {
      const end = readString(text, position);
      if (typeof end !== 'number') return end;
      position = end;
      awaited = isKey(awaited) ? 'colon' : open.length === 0 ? 'end' : 'comma';
    } else {
      word.lastIndex = position;
      if (!isValue(awaited) || !word.test(text)) return slipAt(text, position, awaited, comma);
      position = word.lastIndex - 1;
      awaited = open.length === 0 ? 'end' : 'comma';
    }
    comma = undefined;
  }
  return slip(text.length, 'the text ends too early: cut off while copying?');
}

function slip(position: number, hint: string): JsonSlip {
  return { position, hint, isOdd: false };
}

function mayClose(awaited: Awaited, opened: '{' | '[' | undefined, character: string): boolean {
  if (character === '}') return opened === '{' && (awaited === 'comma' || awaited === 'first-key');
  if (character === ']') return opened === '[' && (awaited === 'comma' || awaited === 'first-value');
  return false;
}

function isKey(awaited: Awaited): boolean {
  return awaited === 'key' || awaited === 'first-key';
}

function isValue(awaited: Awaited): boolean {
  return awaited === 'value' || awaited === 'first-value' || awaited === 'document';
}

/** The closing quote of the string that begins at `start`, or what is wrong inside of it. */
function readString(text: string, start: number): number | JsonSlip {
  for (let position = start + 1; position < text.length; position += 1) {
    const character = text.charAt(position);
    if (character === '"') return position;
    if (character === '\n' || character === '\r')
      return slip(position, 'line break inside a string: write \\n or a space');
    if (character < ' ') return slip(position, 'control character inside a string');
    if (character !== '\\') continue;
    if (!/^\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/u.test(text.slice(position, position + 6)))
      return slip(position, 'a backslash that escapes nothing: write \\\\');
    position += 1;
  }
  return slip(text.length, 'the text ends inside a string: cut off, or a quote is missing');
}

function slipAt(text: string, position: number, awaited: Awaited, comma: number | undefined): JsonSlip {
  const character = String.fromCodePoint(Number(text.codePointAt(position)));
  const name = findOddCharacter(character, '')?.name;
  if (name !== undefined) return { position, hint: name, isOdd: true };
  const isClosing = character === '}' || character === ']';
  if (isClosing && comma !== undefined) return slip(comma, 'trailing comma');
  return slip(position, hintFor(character, awaited));
}

function hintFor(character: string, awaited: Awaited): string {
  if (/[\u2018-\u201f\u00ab\u00bb]/u.test(character)) return 'smart quote: write "';
  if (character === "'" || character === '`') return 'single quote: JSON takes "';
  if (awaited === 'document')
    return 'a document begins with {, as in {"host": "sha256/…"}; base64 goes into PINVAULT_PINS_B64';
  if (character === '/' || character === '#') return 'comment: JSON has none, use $note';
  if (awaited === 'end') return 'text behind the end of the document';
  if (awaited === 'comma') return 'a comma or a closing bracket is missing here';
  if (awaited === 'colon') return 'a colon is missing here';
  return isKey(awaited)
    ? 'a key stands in double quotes: "host"'
    : 'a value stands in double quotes: "sha256/…"';
}
