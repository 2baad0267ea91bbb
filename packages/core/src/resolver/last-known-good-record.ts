import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { type DocumentRow, type PinDocument, rowKey } from '../policy/document.js';
import { parseJsonText } from '../policy/json-text.js';

/** The first word of a copy on disk. A version that reads differently gets another number. */
const format = 'pinvault-last-known-good/1';

/** Stands for a value that was set aside, and is set aside again when it is read. */
const notKept = 'value=not-kept-on-disk';

/** What a copy on disk says. Instants in epoch ms. */
export interface LastKnownGoodRecord {
  /** Whose document this is: another provider's, or another path's, is never used. */
  readonly provider: string;
  readonly location: string;
  readonly revision: string;
  /** The document of the store, as text. */
  readonly document: string;
  /** Rows in force that the document itself does not have, as a document of their own: kept under a bad row's key, or for a required host. */
  readonly keptRows: Readonly<Record<string, string>>;
  /** The highest `$generation` in force so far. */
  readonly generationFloor?: number;
  /** When this content was first read. */
  readonly fetchedAt: number;
  /** When the provider last said that it is current: the copy's age counts from here. */
  readonly confirmedAt: number;
  /** Patterns that ever pinned or blocked something. */
  readonly everCovered: readonly string[];
}

/** A copy, or where it lies, is not to be trusted; the message says why, without its content. */
export class RefusedCopy extends Error {}

/** The bytes of a copy: one line that seals what follows, and the record as JSON. */
export function sealRecord(record: LastKnownGoodRecord, key: Uint8Array | undefined): Buffer {
  const body = Buffer.from(JSON.stringify(record));
  const seals = [`sha256=${digestOf(body).toString('hex')}`];
  if (key !== undefined) seals.push(`hmac-sha256=${macOf(body, key).toString('hex')}`);
  return Buffer.concat([Buffer.from(`${format} ${seals.join(' ')}\n`), body]);
}

/**
 * Reads a copy back. The hash finds what was cut off or damaged; only the HMAC tells who wrote it.
 *
 * @throws RefusedCopy
 */
export function openRecord(bytes: Uint8Array, key: Uint8Array | undefined): LastKnownGoodRecord {
  const end = bytes.indexOf(0x0a);
  const head = Buffer.from(bytes.subarray(0, Math.min(Math.max(end, 0), 256))).toString('latin1');
  const body = bytes.subarray(end + 1);
  const match =
    /^(pinvault-last-known-good\/\d{1,6})(?: sha256=([0-9a-f]{64})(?: hmac-sha256=([0-9a-f]{64}))?)?$/u.exec(
      head,
    );
  if (match === null) throw new RefusedCopy('is no copy of pins, or was cut off');
  const [, version, digest = '', mac = ''] = match;
  if (version !== format) throw new RefusedCopy('was written by another version of pinvault');
  if (!isSeal(digest, digestOf(body))) throw new RefusedCopy('was cut off or changed: its hash does not fit');
  if (key !== undefined && !isSeal(mac, macOf(body, key)))
    throw new RefusedCopy('was not written with this key: its HMAC does not fit');
  return readRecord(body);
}

function digestOf(body: Uint8Array): Buffer {
  return createHash('sha256').update(body).digest();
}

/** The format is sealed too: a later one may read the same bytes in another way. */
function macOf(body: Uint8Array, key: Uint8Array): Buffer {
  return createHmac('sha256', key).update(`${format}\n`).update(body).digest();
}

function isSeal(hex: string, wanted: Uint8Array): boolean {
  const found = Buffer.from(hex, 'hex');
  return found.length === wanted.length && timingSafeEqual(found, wanted);
}

function readRecord(body: Uint8Array): LastKnownGoodRecord {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new RefusedCopy('is not JSON');
  }
  if (!isRecord(value)) throw new RefusedCopy('holds no pins in the form of this version');
  return value;
}

function isRecord(value: unknown): value is LastKnownGoodRecord {
  if (!isPlain(value)) return false;
  const { generationFloor, keptRows, everCovered } = value;
  const isText = (name: string): boolean => typeof value[name] === 'string';
  const isInstant = (name: string): boolean => Number.isFinite(value[name]);
  return (
    ['provider', 'location', 'revision', 'document'].every(isText) &&
    ['fetchedAt', 'confirmedAt'].every(isInstant) &&
    (generationFloor === undefined || Number.isSafeInteger(generationFloor)) &&
    isPlain(keptRows) &&
    Object.values(keptRows).every((row) => typeof row === 'string') &&
    Array.isArray(everCovered) &&
    everCovered.every((pattern) => typeof pattern === 'string')
  );
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The document as the provider handed it over, as text, without what nobody needs after a restart: notes, and the values
 * of rows that were set aside, since a secret that was pasted into the wrong row has no place on a disk.
 */
export function documentText(raw: string | Uint8Array | object, { badRows }: PinDocument): string {
  const text =
    typeof raw === 'string' || raw instanceof Uint8Array ? Buffer.from(raw).toString() : JSON.stringify(raw);
  const unreadable = new Set(
    badRows
      .filter(({ reason, overruledBy }) => overruledBy === undefined && reason !== 'required-host')
      .map(({ key }) => key),
  );
  const rows = Object.entries(parseJsonText(text) as object).filter(([key]) => !/^\$(?:note|x-)/u.test(key));
  return JSON.stringify(
    Object.fromEntries(rows.map(([key, value]) => [key, unreadable.has(key) ? notKept : value])),
  );
}

/** The rows in force that the document of the store does not have, as rows of a document. */
export function keptRowsOf(document: PinDocument): Record<string, string> {
  const rows = document.rows.filter((row) => row.kept !== undefined);
  return Object.fromEntries(rows.map((row) => [rowKey(row), rowText(row)]));
}

function rowText({ rule, pins, mode }: DocumentRow): string {
  if (rule !== 'pins') return rule;
  const [first] = pins;
  const dates = (['until', 'review'] as const).flatMap((name) => {
    const instant = first?.[name];
    return instant === undefined ? [] : [`${name}=${new Date(instant).toISOString()}`];
  });
  return [...pins.map(({ pin }) => pin), ...dates, ...(mode === undefined ? [] : [`mode=${mode}`])].join(' ');
}
