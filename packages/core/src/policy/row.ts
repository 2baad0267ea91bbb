import { PinDocumentError, type PinDocumentErrorCode } from '../errors.js';
import { expected } from '../internal/expected.js';
import { printable } from '../internal/text.js';
import { Pin, PinSyntaxError } from '../pin/pin.js';
import type { DocumentRow, EnforcementMode, PinEntry } from './document.js';
import { findOddCharacter } from './json-text.js';
import { parseLastInstant } from './timestamp.js';

/** What a row's value says, without its key. */
export type RowValue = Pick<DocumentRow, 'rule' | 'pins'> & { readonly mode?: EnforcementMode };

/**
 * Reads the value of one row: text, or the long form (an array of tokens, or an object).
 *
 * @throws PinDocumentError (`ERR_PIN_SYNTAX`, `ERR_PIN_ROW_INVALID`) that names key and token
 */
export function parseRowValue(key: string, value: unknown): RowValue {
  return readTokens(key, tokensOf(key, value));
}

/** The tokens of a value; attributes of the long form become tokens too, so that both forms decode alike. */
export function tokensOf(key: string, value: unknown): string[] {
  if (typeof value === 'string') return split(key, value);
  if (Array.isArray(value)) {
    return value.flatMap((token, index) => {
      if (typeof token !== 'string') throw invalid(key, `entry ${index + 1} is ${typeName(token)}, not text`);
      return split(key, token);
    });
  }
  if (typeof value !== 'object' || value === null)
    throw invalid(key, `the value is ${typeName(value)}, not text`);
  return Object.entries(value).flatMap(([name, part]: [string, unknown]) => {
    if (name === 'pins') {
      return tokensOf(key, typeof part === 'string' || Array.isArray(part) ? part : wrongPart(key, name));
    }
    if (name === 'mode' || name === 'until' || name === 'review') {
      return [`${name}=${typeof part === 'string' ? part : wrongPart(key, name)}`];
    }
    throw invalid(key, 'unknown member', undefined, 'pins, mode, until, review');
  });
}

function wrongPart(key: string, name: string): never {
  throw invalid(key, `"${name}" is not text`);
}

function split(key: string, value: string): string[] {
  const character = findOddCharacter(value, '\t\r\n');
  if (character !== undefined) {
    throw new PinDocumentError(
      'ERR_PIN_ROW_INVALID',
      `row "${printable(key, 120)}": ${character.name} at character ${character.position + 1}`,
      {
        reason: 'forbidden-character',
        key,
        position: character.position,
        hint: 'pasted from a chat or a word processor? type it anew',
      },
    );
  }
  return value.split(/[ \t\r\n,;]+/u).filter((token) => token !== '');
}

function readTokens(key: string, tokens: readonly string[]): RowValue {
  const [only] = tokens;
  if (only === undefined)
    throw invalid(key, 'the value is empty', undefined, 'a host that wants no pins says none');
  if (tokens.includes('none') || tokens.includes('block')) {
    if (tokens.length === 1) return { rule: only as 'none' | 'block', pins: [] };
    throw invalid(key, 'none and block stand alone');
  }
  const pins: { pin: Pin; index: number }[] = [];
  const attributes: { mode?: EnforcementMode; until?: number; review?: number } = {};
  tokens.forEach((token, index) => {
    const attribute = attributeOf(token);
    if (attribute === undefined) pins.push({ pin: parseToken(key, token, index), index });
    else readAttribute(key, attribute, index, attributes);
  });
  if (pins.length === 0)
    throw invalid(key, 'no pin in the row', undefined, 'a host that wants no pins says none');
  const { mode, ...window } = attributes;
  const entries = new Map<string, PinEntry>();
  for (const { pin } of pins) {
    entries.set(pin.toString(), Object.freeze({ pin: pin.toString(), role: pin.role, ...window }));
  }
  return {
    rule: 'pins',
    pins: Object.freeze([...entries.values()]),
    ...(mode === undefined ? {} : { mode }),
  };
}

/** Base64 may end in `=` too; an attribute has something behind it, or a name that no digest is. */
function attributeOf(token: string): { name: string; value: string } | undefined {
  const match = /^([A-Za-z][A-Za-z-]*)=(.*)$/su.exec(token);
  if (match === null || token.startsWith('pin-sha256=')) return undefined;
  const [, name = '', value = ''] = match;
  const isDigest = (value === '' || value === '=') && name.length > 20;
  return isDigest ? undefined : { name, value };
}

function readAttribute(
  key: string,
  { name, value }: { name: string; value: string },
  index: number,
  attributes: { mode?: EnforcementMode; until?: number; review?: number },
): void {
  if (name !== 'mode' && name !== 'until' && name !== 'review') {
    const hint = /^(?:sha|md)[0-9-]*$/iu.test(name)
      ? 'a pin is written sha256/<base64>'
      : 'mode=, until= and review=';
    throw invalid(key, 'unknown attribute', index, hint);
  }
  if (attributes[name] !== undefined) throw invalid(key, `${name}= stands twice`, index);
  if (name === 'mode') {
    if (value !== 'enforce' && value !== 'report')
      throw invalid(key, 'mode is neither enforce nor report', index);
    attributes.mode = value;
    return;
  }
  const instant = parseLastInstant(value);
  if (instant === undefined) {
    throw invalid(key, `${name}= is no date`, index, 'RFC 3339: 2027-06-30 or 2027-06-30T12:00:00Z');
  }
  attributes[name] = instant;
}

/** Reads a pin and says of a wrong one where it stands, never what it is: secrets get pasted into the wrong row. */
export function parseToken(key: string, token: string, index: number): Pin {
  try {
    return Pin.parse(token);
  } catch (error) {
    const { summary, hint } = expected(error, PinSyntaxError);
    throw new PinDocumentError(
      'ERR_PIN_SYNTAX',
      `row "${printable(key, 120)}", token ${index + 1} (${describeToken(token)}): ${summary}`,
      {
        reason: 'bad-pin',
        key,
        tokenIndex: index,
        hint: pastedDocument(token) ? 'a whole document in one row? each host is a row' : hint,
      },
    );
  }
}

/** `sha256/…, 51 characters`: enough to find the token by, and nothing that somebody may have pasted. */
function describeToken(token: string): string {
  const form = token.replace(
    /^((?:(?:leaf|ca):)?(?:(?:pin-)?sha256[/=:]|(?:spki|cert)-sha256:)?).*$/su,
    '$1',
  );
  const length = `${token.length} character${token.length === 1 ? '' : 's'}`;
  return form === '' ? length : `${form}…, ${length}`;
}

function pastedDocument(token: string): boolean {
  return token.startsWith('{') || token.startsWith('[{');
}

function invalid(key: string, problem: string, tokenIndex?: number, hint?: string): PinDocumentError {
  const code: PinDocumentErrorCode = 'ERR_PIN_ROW_INVALID';
  const token = tokenIndex === undefined ? '' : `, token ${tokenIndex + 1}`;
  return new PinDocumentError(code, `row "${printable(key, 120)}"${token}: ${problem}`, {
    reason: 'bad-value',
    key,
    tokenIndex,
    hint,
  });
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
