import { PinDocumentError, type PinDocumentErrorCode } from '../errors.js';
import { expected } from '../internal/expected.js';
import { printable } from '../internal/text.js';
import { Pin, PinSyntaxError, type PinSyntaxProblem } from '../pin/pin.js';
import type { DocumentRow, EnforcementMode, PinEntry } from './document.js';
import { findOddCharacter } from './odd-character.js';
import { attributeSlip, slipOf, standsAlone } from './slip.js';
import { parseLastInstant } from './timestamp.js';

/** What a row's value says, without its key. */
export type RowValue = Pick<DocumentRow, 'rule' | 'pins'> & { readonly mode?: EnforcementMode };

/**
 * Reads the value of one row: text, or the long form (an array of tokens, or an object).
 *
 * @throws PinDocumentError (`ERR_PIN_SYNTAX`, `ERR_PIN_ROW_INVALID`) that names key and token
 */
export function parseRowValue(key: string, value: unknown): RowValue {
  // The usual row of a large document: there is nothing to take apart.
  if (typeof value === 'string' && Pin.isCanonical(value)) {
    return { rule: 'pins', pins: Object.freeze([Object.freeze({ pin: value, role: 'any' as const })]) };
  }
  return readTokens(key, tokensOf(key, value));
}

/** The tokens of a value; attributes of the long form become tokens too, so that both forms decode alike. */
export function tokensOf(key: string, value: unknown): string[] {
  if (typeof value === 'string') return split(key, value);
  if (Array.isArray(value)) {
    return value.flatMap((token, index) => {
      if (typeof token !== 'string') throw invalid(key, `entry ${index + 1} is ${typeName(token)}, not text`);
      return split(key, token, `entry ${index + 1}, `);
    });
  }
  if (typeof value !== 'object' || value === null)
    throw invalid(key, `the value is ${typeName(value)}, not text`, undefined, 'pins as text, or none');
  const unknown = Object.keys(value).find((name) => !(longForm as readonly string[]).includes(name));
  if (unknown !== undefined) throw invalid(key, 'unknown member', undefined, memberHint(value));
  return longForm.flatMap((name) => {
    if (!Object.hasOwn(value, name)) return [];
    const part: unknown = Reflect.get(value, name);
    if (name === 'pins') {
      return tokensOf(key, typeof part === 'string' || Array.isArray(part) ? part : wrongPart(key, name));
    }
    return [`${name}=${typeof part === 'string' ? part : wrongPart(key, name)}`];
  });
}

// In this order whatever the order in the text, so that an error counts tokens alike.
const longForm = ['pins', 'mode', 'until', 'review'] as const;

function memberHint(value: object): string {
  const isDocument = Object.entries(value).some(
    ([name, part]) =>
      name.includes('.') || (typeof part === 'object' && part !== null && !Array.isArray(part)),
  );
  return isDocument
    ? 'a whole document in one row? each host is a row'
    : `the long form holds ${longForm.join(', ')}`;
}

function wrongPart(key: string, name: string): never {
  const hint = name === 'until' || name === 'review' ? dates : undefined;
  throw invalid(key, `"${name}" is not text`, undefined, hint);
}

const dates = 'RFC 3339: 2027-06-30 or 2027-06-30T12:00:00Z';

function split(key: string, value: string, place = ''): string[] {
  const character = findOddCharacter(value, '\t\r\n');
  if (character !== undefined) {
    throw new PinDocumentError(
      'ERR_PIN_ROW_INVALID',
      `row "${printable(key, 120)}": ${place}${character.name} at character ${character.position + 1}`,
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

const noPins: readonly PinEntry[] = Object.freeze([]);

function readTokens(key: string, tokens: readonly string[]): RowValue {
  const [only] = tokens;
  if (only === undefined)
    throw invalid(key, 'the value is empty', undefined, 'a host that wants no pins says none');
  if (tokens.includes('none') || tokens.includes('block')) {
    if (tokens.length === 1) return { rule: only as 'none' | 'block', pins: noPins };
    const index = tokens.findIndex((token) => token !== 'none' && token !== 'block');
    throw invalid(key, 'none and block stand alone', Math.max(index, 1), standsAlone);
  }
  const pins: Pin[] = [];
  const attributes: { mode?: EnforcementMode; until?: number; review?: number } = {};
  tokens.forEach((token, index) => {
    const attribute = attributeOf(token);
    if (attribute === undefined) pins.push(parseToken(key, tokens, index));
    else readAttribute(key, attribute, index, attributes);
  });
  if (pins.length === 0)
    throw invalid(key, 'no pin in the row', undefined, 'a host that wants no pins says none');
  const { mode, ...window } = attributes;
  const entries = new Map<string, PinEntry>();
  for (const pin of pins) {
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
    throw invalid(key, 'unknown attribute', index, attributeSlip(name));
  }
  if (attributes[name] !== undefined) throw invalid(key, `${name}= stands twice`, index);
  if (name === 'mode') {
    if (value !== 'enforce' && value !== 'report')
      throw invalid(key, 'mode is neither enforce nor report', index, 'in lower case, without quotes');
    attributes.mode = value;
    return;
  }
  const instant = parseLastInstant(value);
  if (instant === undefined) {
    throw invalid(key, `${name}= is no date`, index, dates);
  }
  attributes[name] = instant;
}

/** Reads a pin and says of a wrong one where it stands, never what it is: secrets get pasted into the wrong row. */
export function parseToken(key: string, tokens: readonly string[], index: number): Pin {
  const token = String(tokens[index]);
  try {
    return Pin.parse(token);
  } catch (error) {
    const { summary, hint: own, problem } = expected(error, PinSyntaxError);
    const hint = saysItAll.has(problem) ? own : (slipOf(tokens, index) ?? own);
    throw new PinDocumentError(
      'ERR_PIN_SYNTAX',
      `row "${printable(key, 120)}", token ${index + 1} (${describeToken(token)}): ${summary}`,
      { reason: 'bad-pin', key, tokenIndex: index, hint },
    );
  }
}

// Where the parser of pins knows what was meant.
const saysItAll: ReadonlySet<PinSyntaxProblem> = new Set([
  'unsupported-algorithm',
  'bad-role',
  'hash-of-nothing',
]);

/** `sha256/…, 51 characters`: enough to find the token by, and nothing that somebody may have pasted. */
function describeToken(token: string): string {
  const form = token.replace(
    /^((?:(?:leaf|ca):)?(?:(?:pin-)?sha256[/=:]|(?:spki|cert)-sha256:)?).*$/su,
    '$1',
  );
  const length = `${token.length} character${token.length === 1 ? '' : 's'}`;
  return form === '' ? length : `${form}…, ${length}`;
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
