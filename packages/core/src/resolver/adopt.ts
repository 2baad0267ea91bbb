import { PinDocumentError } from '../errors.js';
import {
  type DocumentRow,
  inOrder,
  type PinDocument,
  type PinEntry,
  type RevokedPin,
  rowKey,
  rowsByPattern,
} from '../policy/document.js';
import type { RequiredHosts } from './required-hosts.js';

/**
 * The document that takes effect when `next` was read after `previous`: good rows as they are, bad rows with what was
 * last good under their key, required hosts with their last pins where the new document drops them.
 *
 * @throws PinDocumentError (`ERR_DOCUMENT_REQUIRED_HOST`) where a required host has no pins and never had any
 */
export function adoptDocument(
  next: PinDocument,
  previous: PinDocument | undefined,
  requiredHosts: RequiredHosts,
): PinDocument {
  return requiredHosts.keep(keepLastGoodRows(next, previous), previous);
}

function keepLastGoodRows(next: PinDocument, previous: PinDocument | undefined): PinDocument {
  if (previous === undefined || next.badRows.length === 0) return next;
  const rows = new Map(next.rows.map((row) => [rowKey(row), row]));
  const patterns = new Set(next.rows.map((row) => row.pattern));
  const lastGood = new Map(previous.rows.map((row) => [rowKey(row), row]));
  const badRows = next.badRows.filter((row) => row.overruledBy === undefined);
  for (const badRow of badRows) {
    const same = lastGood.get(rowKey(badRow));
    if (same !== undefined) rows.set(rowKey(same), kept(same, 'bad-row'));
  }
  const withRows = new Set([...rows.values()].map((row) => row.pattern));
  for (const { pattern } of badRows) {
    if (patterns.has(pattern) || withRows.has(pattern)) continue;
    // Every row of the key is bad under labels that are new: the key as a whole keeps what it had.
    for (const row of previous.rows) if (row.pattern === pattern) rows.set(rowKey(row), kept(row, 'bad-row'));
  }
  return Object.freeze({ ...next, rows: inOrder(rows) });
}

function kept(row: DocumentRow, why: NonNullable<DocumentRow['kept']>): DocumentRow {
  return Object.freeze({ ...row, kept: why });
}

/**
 * Rollback attack: who can write an old document back must not bring a removed pin back with it.
 *
 * @param holder - what has the number `floor`, for the message
 */
export function refuseRollback(
  next: PinDocument,
  floor: number | undefined,
  holder = 'the one in force',
): void {
  if (floor === undefined || (next.generation !== undefined && next.generation >= floor)) return;
  const found = next.generation === undefined ? 'has no $generation' : `has $generation ${next.generation}`;
  throw new PinDocumentError('ERR_DOCUMENT_ROLLBACK', `the document ${found}, ${holder} has ${floor}`, {
    reason: 'rollback',
    key: '$generation',
    hint: `to go back on purpose, give the restored document a $generation above ${floor}`,
  });
}

/** A mistyped year must not end the pins that are in force: a document that is over already replaces none that is not. */
export function refuseEnded({ expiresAt }: PinDocument, now: number): void {
  if (expiresAt === undefined || now <= expiresAt) return;
  throw new PinDocumentError(
    'ERR_DOCUMENT_MALFORMED',
    `$expires ${new Date(expiresAt).toISOString()} has passed: the document ended before it was read`,
    { reason: 'bad-value', key: '$expires', hint: 'to end all connections, say block' },
  );
}

/** The document with the revocations of the other one besides: what was revoked stays so, whatever it has not heard of. */
export function withRevocationsOf(document: PinDocument, other: PinDocument | undefined): PinDocument {
  const united = new Map<string, RevokedPin>();
  for (const revoked of [...document.revoked, ...(other?.revoked ?? [])]) {
    const identity = `${revoked.where} ${revoked.pin}`;
    if (!united.has(identity)) united.set(identity, revoked);
  }
  return Object.freeze({ ...document, revoked: Object.freeze([...united.values()]) });
}

/** Which patterns a change of documents touches. */
export interface DocumentChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

/** Compares what is in force; `undefined` where nothing that decides a verdict is different. */
export function compareDocuments(previous: PinDocument, next: PinDocument): DocumentChange | undefined {
  const [before, after] = [coverage(previous), coverage(next)];
  const added = [...after.keys()].filter((pattern) => !before.has(pattern));
  const removed = [...before.keys()].filter((pattern) => !after.has(pattern));
  const changed: string[] = [];
  for (const [pattern, rows] of after) {
    const rowsBefore = before.get(pattern);
    if (rowsBefore !== undefined && !areSame(rowsBefore, rows, saysTheSame)) changed.push(pattern);
  }
  const isSame =
    added.length + removed.length + changed.length === 0 &&
    JSON.stringify(previous.revoked) === JSON.stringify(next.revoked) &&
    previous.expiresAt === next.expiresAt;
  return isSame ? undefined : Object.freeze({ added, removed, changed });
}

/** The rows of each pattern; none where it is quarantined. */
function coverage(document: PinDocument): ReadonlyMap<string, readonly DocumentRow[]> {
  const rows = rowsByPattern(document);
  const quarantined = document.badRows.filter(({ pattern }) => !rows.has(pattern));
  if (quarantined.length === 0) return rows;
  return new Map([...rows, ...quarantined.map(({ pattern }) => [pattern, []] as const)]);
}

/** Whatever their labels are. */
function saysTheSame(left: DocumentRow, right: DocumentRow): boolean {
  return left.rule === right.rule && left.mode === right.mode && areSame(left.pins, right.pins, isSamePin);
}

function isSamePin(left: PinEntry, right: PinEntry): boolean {
  return left.pin === right.pin && left.until === right.until && left.review === right.review;
}

function areSame<Item>(
  left: readonly Item[],
  right: readonly Item[],
  isSame: (left: Item, right: Item) => boolean,
): boolean {
  return left.length === right.length && left.every((item, index) => isSame(item, right[index] as Item));
}
