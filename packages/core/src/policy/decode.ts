import { setImmediate } from 'node:timers/promises';
import { messageWithoutCode, PinDocumentError } from '../errors.js';
import { expected } from '../internal/expected.js';
import { printable } from '../internal/text.js';
import {
  type BadRow,
  type DocumentRow,
  frozenList,
  inOrder,
  type PinDocument,
  rowKey,
  groupedByPattern,
} from './document.js';
import { type Directives, readDirective } from './directives.js';
import { refuseOtherHost } from './host-key.js';
import { parseJsonText } from './json-text.js';
import { doubledKey, parseRowKey, refuseOddKey, type RowPlace } from './row-key.js';
import { parseRowValue, type RowValue } from './row.js';

/** Bytes of a document that are read at most, unless the caller says otherwise. */
export const defaultMaxDocumentBytes: number = 1024 * 1024;

/** How a document is decoded. */
export interface DecodeOptions {
  /** Bytes that are read at most. @defaultValue 1 MiB */
  readonly maxDocumentBytes?: number | undefined;
  /**
   * The document is that of this host (normalised) alone: its rows are named after it, or `pins`. A row for any other host,
   * or for more than this one, is set aside.
   */
  readonly host?: string | undefined;
}

/**
 * Turns what a store handed over into a document, or refuses it whole. The only place where untrusted JSON becomes a
 * value. A row with a bad value is set aside in `badRows` and takes no neighbour along.
 *
 * @param raw - text, UTF-8 bytes, or an object that the store's API parsed (in which doubled keys cannot be seen)
 * @throws PinDocumentError
 */
export function decodeDocument(raw: string | Uint8Array | object, options: DecodeOptions = {}): PinDocument {
  const steps = decodeSteps(raw, options);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

/**
 * The same, with a turn of the event loop after every thousand rows: a large document must not hold up the connections
 * of the service that refreshes it.
 *
 * @throws PinDocumentError
 */
export async function decodeInTurns(
  raw: string | Uint8Array | object,
  options: DecodeOptions = {},
): Promise<PinDocument> {
  const steps = decodeSteps(raw, options);
  let step = steps.next();
  while (step.done !== true) {
    await setImmediate();
    step = steps.next();
  }
  return step.value;
}

const rowsInOneTurn = 1_000;

function* decodeSteps(
  raw: string | Uint8Array | object,
  options: DecodeOptions,
): Generator<undefined, PinDocument, undefined> {
  const limit = options.maxDocumentBytes ?? defaultMaxDocumentBytes;
  const value =
    typeof raw === 'string' || raw instanceof Uint8Array ? parseText(raw, limit) : checkedObject(raw, limit);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongShape(value);
  const directives: Directives = { revoked: [], notes: [] };
  const rows = new Map<string, DocumentRow>();
  const bad = new Map<string, BadRow>();
  const written = new Map<string, string>();
  const directiveKeys: string[] = [];
  for (const key of Object.keys(value)) {
    const rowValue: unknown = Reflect.get(value, key);
    if (written.size % rowsInOneTurn === rowsInOneTurn - 1) yield;
    refuseOddKey(key);
    if (key.startsWith('$')) {
      directiveKeys.push(key);
      continue;
    }
    refuseWholeDocument(key, rowValue);
    const place = parseRowKey(key, options.host);
    const identity = rowKey(place);
    const other = written.get(identity);
    if (other !== undefined) throw doubledKey(key, other);
    written.set(identity, key);
    try {
      if (options.host !== undefined) refuseOtherHost(key, place.pattern, options.host);
      rows.set(identity, frozenRow(place, parseRowValue(key, rowValue)));
    } catch (error) {
      bad.set(identity, badRow(place, key, expected(error, PinDocumentError)));
    }
  }
  // What follows sorts all of them.
  if (written.size >= rowsInOneTurn) yield;
  // Like rows: in the order that makes equal documents equal values.
  for (const key of directiveKeys.sort()) readDirective(key, Reflect.get(value, key), directives);
  const warnings = settleContradictions(rows, bad, written);
  if (rows.size === 0) throw nothingUsable(bad);
  return Object.freeze({
    format: 'pinvault/1' as const,
    rows: inOrder(rows),
    badRows: inOrder(bad),
    revoked: frozenList(directives.revoked.map((revoked) => Object.freeze(revoked))),
    ...(directives.generation === undefined ? {} : { generation: directives.generation }),
    ...(directives.expiresAt === undefined ? {} : { expiresAt: directives.expiresAt }),
    notes: frozenList(directives.notes),
    warnings: frozenList(warnings.sort()),
  });
}

/** Written out, since most of a large document is rows. */
function frozenRow({ pattern, label }: RowPlace, value: RowValue): DocumentRow {
  const { rule, pins, mode } = value;
  const row: { -readonly [Name in keyof DocumentRow]: DocumentRow[Name] } = { pattern, rule, pins };
  if (label !== undefined) row.label = label;
  if (mode !== undefined) row.mode = mode;
  return Object.freeze(row);
}

function parseText(raw: string | Uint8Array, limit: number): unknown {
  refuseTooLarge(typeof raw === 'string' ? Buffer.byteLength(raw) : raw.byteLength, limit);
  if (typeof raw === 'string') return parseJsonText(raw);
  if ((raw[0] === 0xff && raw[1] === 0xfe) || (raw[0] === 0xfe && raw[1] === 0xff)) {
    throw new PinDocumentError('ERR_DOCUMENT_MALFORMED', 'the document is not UTF-8', {
      reason: 'encoding',
      hint: 'it is UTF-16: save it as UTF-8',
    });
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw);
  } catch {
    throw new PinDocumentError('ERR_DOCUMENT_MALFORMED', 'the document is not UTF-8', {
      reason: 'encoding',
      hint: 'save it as UTF-8',
    });
  }
  return parseJsonText(text);
}

function checkedObject(raw: object, limit: number): unknown {
  let text: string | undefined;
  try {
    text = JSON.stringify(raw);
  } catch {
    // Nothing of the error is passed on: it comes from the object, which may hold more than pins.
    throw new PinDocumentError('ERR_DOCUMENT_MALFORMED', 'the document is not plain data', {
      reason: 'bad-value',
    });
  }
  refuseTooLarge(Buffer.byteLength(text ?? ''), limit);
  // Parsed again, so that what is decoded is plain data whatever the object was.
  return text === undefined ? undefined : JSON.parse(text);
}

function refuseTooLarge(bytes: number, limit: number): void {
  if (bytes <= limit) return;
  throw new PinDocumentError(
    'ERR_DOCUMENT_TOO_LARGE',
    `the document has ${bytes} bytes, the limit is ${limit}`,
    {
      reason: 'too-large',
      hint: 'raise maxDocumentBytes, or split it into one secret per host',
    },
  );
}

function wrongShape(value: unknown): PinDocumentError {
  const isDoubleEncoded = typeof value === 'string' && /^\s*["{[]/u.test(value);
  return new PinDocumentError('ERR_DOCUMENT_MALFORMED', 'the document is not a JSON object', {
    reason: 'bad-value',
    hint: isDoubleEncoded
      ? 'it is JSON inside a JSON string: store the object itself'
      : 'rows of "host": "pins"',
  });
}

const wholeDocumentKeys = new Set(['pins', 'value', 'json', 'document', 'data', 'SecretString']);

/** What a store's user interface makes of a document that is pasted into it; each row has to be one of its own. */
function refuseWholeDocument(key: string, value: unknown): void {
  if (typeof value !== 'string' || !wholeDocumentKeys.has(key) || !value.trimStart().startsWith('{')) return;
  throw new PinDocumentError('ERR_DOCUMENT_MALFORMED', `the row "${key}" holds a whole document as text`, {
    reason: 'bad-value',
    key,
    hint: 'make each host a row of its own',
  });
}

function badRow(place: RowPlace, key: string, error: PinDocumentError): BadRow {
  const { code, reason, message, tokenIndex } = error;
  return Object.freeze({
    ...place,
    key,
    code,
    reason,
    message,
    ...(tokenIndex === undefined ? {} : { tokenIndex }),
  });
}

/** Rows of one pattern that say opposite things: the stricter side holds, the other row is set aside by name. */
function settleContradictions(
  rows: Map<string, DocumentRow>,
  bad: Map<string, BadRow>,
  written: ReadonlyMap<string, string>,
): string[] {
  const warnings: string[] = [];
  const labelled = new Set<string>();
  for (const { pattern, label } of rows.values()) if (label !== undefined) labelled.add(pattern);
  // Without a label there is one row for a pattern, and nothing to contradict it.
  if (labelled.size === 0) return warnings;
  const candidates: { pattern: string; key: string; identity: string; row: DocumentRow }[] = [];
  for (const [identity, key] of written) {
    const row = rows.get(identity);
    if (row !== undefined && labelled.has(row.pattern))
      candidates.push({ pattern: row.pattern, key, identity, row });
  }
  for (const [pattern, group] of groupedByPattern(candidates)) {
    const holds = group.some(({ row }) => row.rule === 'block')
      ? 'block'
      : group.some(({ row }) => row.rule === 'pins')
        ? 'pins'
        : 'none';
    for (const { key, identity, row } of group) {
      if (holds === 'none' || row.rule === holds) continue;
      const error = new PinDocumentError(
        'ERR_PIN_ROW_INVALID',
        `row "${printable(key, 120)}": ${row.rule} beside ${holds} for the same host; ${holds} holds`,
        { reason: 'bad-value', key },
      );
      rows.delete(identity);
      const place = { pattern, ...(row.label === undefined ? {} : { label: row.label }) };
      bad.set(identity, Object.freeze({ ...badRow(place, key, error), overruledBy: holds }));
    }
    const modes = new Set(group.map(({ row }) => row.mode).filter((mode) => mode !== undefined));
    if (modes.size > 1)
      warnings.push(`rows of "${pattern}" say both mode=enforce and mode=report; enforce holds`);
  }
  return warnings;
}

/** A document without one usable row is refused whole, with the reason of its first bad row. */
function nothingUsable(bad: ReadonlyMap<string, BadRow>): PinDocumentError {
  const [first] = bad.values();
  if (first === undefined) {
    return new PinDocumentError('ERR_DOCUMENT_EMPTY', 'the document has no rows', {
      reason: 'empty',
      hint: 'a host that wants no pins says none',
    });
  }
  return new PinDocumentError('ERR_DOCUMENT_MALFORMED', `no usable row: ${messageWithoutCode(first)}`, {
    reason: first.reason,
    key: first.key,
    tokenIndex: first.tokenIndex,
  });
}
