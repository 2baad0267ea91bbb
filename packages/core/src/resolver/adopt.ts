import { PinDocumentError } from '../errors.js';
import { type BadRow, type DocumentRow, type PinDocument, rowKey } from '../policy/document.js';
import type { Target } from '../policy/host.js';
import { parseHostPattern } from '../policy/host-pattern.js';
import { type Governing, Policy } from '../policy/policy.js';

/**
 * The document that takes effect when `next` was read after `previous`: good rows as they are, bad rows with what was
 * last good under their key, required hosts with their last pins where the new document drops them.
 *
 * @throws PinDocumentError (`ERR_DOCUMENT_REQUIRED_HOST`) where a required host has no pins and never had any
 */
export function adoptDocument(
  next: PinDocument,
  previous: PinDocument | undefined,
  requiredHosts: readonly Target[],
): PinDocument {
  return keepRequiredHosts(keepLastGoodRows(next, previous), previous, requiredHosts);
}

function keepLastGoodRows(next: PinDocument, previous: PinDocument | undefined): PinDocument {
  if (previous === undefined || next.badRows.length === 0) return next;
  const rows = new Map(next.rows.map((row) => [rowKey(row), row]));
  const patterns = new Set(next.rows.map((row) => row.pattern));
  const lastGood = new Map(previous.rows.map((row) => [rowKey(row), row]));
  for (const badRow of next.badRows) {
    const same = lastGood.get(rowKey(badRow));
    if (same !== undefined) rows.set(rowKey(same), kept(same, 'bad-row'));
  }
  const withRows = new Set([...rows.values()].map((row) => row.pattern));
  for (const { pattern } of next.badRows) {
    if (patterns.has(pattern) || withRows.has(pattern)) continue;
    // Every row of the key is bad under labels that are new: the key as a whole keeps what it had.
    for (const row of previous.rows) if (row.pattern === pattern) rows.set(rowKey(row), kept(row, 'bad-row'));
  }
  return withRowsOf(next, rows);
}

function keepRequiredHosts(
  next: PinDocument,
  previous: PinDocument | undefined,
  requiredHosts: readonly Target[],
): PinDocument {
  if (requiredHosts.length === 0) return next;
  const policy = new Policy(next);
  const before = previous === undefined ? undefined : new Policy(previous);
  const rows = new Map(next.rows.map((row) => [rowKey(row), row]));
  const badRows: BadRow[] = [];
  const ports = portsOf(next);
  for (const { host, port, isImplied } of requiredHosts.flatMap((target) => withPorts(target, ports))) {
    const governing = policy.lookup(host, port);
    const problem = whyNotPinned(governing, before !== undefined);
    if (problem === undefined) continue;
    const last = before?.lookup(host, port);
    if (isImplied && !takesPinsAway(governing, last)) continue;
    const error = requiredHostError(host, problem, last?.kind === 'pins');
    if (previous === undefined || last?.kind !== 'pins') throw error;
    const pattern = exactPattern(host, port);
    for (const [identity, row] of rows) if (row.pattern === pattern) rows.delete(identity);
    for (const row of previous.rows) {
      if (row.pattern !== last.pattern) continue;
      const { mode: _mode, ...rest } = row;
      const own = kept({ ...rest, pattern }, 'required-host');
      rows.set(rowKey(own), own);
    }
    const { code, reason, message } = error;
    badRows.push(Object.freeze({ pattern, key: pattern, code, reason, message }));
  }
  if (badRows.length === 0) return next;
  return withRowsOf({ ...next, badRows: Object.freeze([...next.badRows, ...badRows]) }, rows);
}

/** A host that is required whatever the port is not to be unpinned by a row for one port either. */
function withPorts(target: Target, ports: ReadonlySet<number>): (Target & { readonly isImplied: boolean })[] {
  const own = { ...target, isImplied: false };
  if (target.port !== undefined) return [own];
  return [own, ...[...ports].map((port) => ({ host: target.host, port, isImplied: true }))];
}

/** Whether a row for one port opens what was pinned; a port that never was may go its own way. */
function takesPinsAway(governing: Governing, last: Governing | undefined): boolean {
  if (governing.kind !== 'none' && governing.kind !== 'pins') return false;
  const hasOwnRow = parseHostPattern(governing.pattern).port !== undefined;
  return hasOwnRow && last?.kind === 'pins' && last.mode === 'enforce';
}

function portsOf(document: PinDocument): ReadonlySet<number> {
  const ports = document.rows.map(({ pattern }) => parseHostPattern(pattern).port);
  return new Set(ports.filter((port) => port !== undefined));
}

/** A required host may be blocked later, which is stricter than any pin; at the start it has to be pinned. */
function whyNotPinned(governing: Governing, isRunning: boolean): string | undefined {
  switch (governing.kind) {
    case 'pins':
      return governing.mode === 'report' ? 'is only in report mode' : undefined;
    case 'block':
      return isRunning ? undefined : 'is blocked';
    case 'none':
      return 'says none';
    case 'quarantined':
      return 'has no usable row';
    case 'uncovered':
      return 'has no row';
  }
}

function requiredHostError(host: string, problem: string, hasLastPins: boolean): PinDocumentError {
  const outcome = hasLastPins ? '; its last pins stay in force' : '';
  return new PinDocumentError(
    'ERR_DOCUMENT_REQUIRED_HOST',
    `the required host ${host} ${problem}${outcome}`,
    {
      reason: 'required-host',
      key: host,
      hint: `add the row "${host}": "sha256/<its pin>", or take the host out of requiredHosts`,
    },
  );
}

function exactPattern(host: string, port: number | undefined): string {
  if (port === undefined) return host;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function kept(row: DocumentRow, why: NonNullable<DocumentRow['kept']>): DocumentRow {
  return Object.freeze({ ...row, kept: why });
}

function withRowsOf(document: PinDocument, rows: ReadonlyMap<string, DocumentRow>): PinDocument {
  const sorted = [...rows].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, row]) => row);
  return Object.freeze({ ...document, rows: Object.freeze(sorted) });
}

/** Rollback attack: who can write an old document back must not bring a removed pin back with it. */
export function refuseRollback(next: PinDocument, floor: number | undefined): void {
  if (floor === undefined || (next.generation !== undefined && next.generation >= floor)) return;
  const found = next.generation === undefined ? 'has no $generation' : `has $generation ${next.generation}`;
  throw new PinDocumentError(
    'ERR_DOCUMENT_ROLLBACK',
    `the document ${found}, the one in force has ${floor}`,
    {
      reason: 'rollback',
      key: '$generation',
      hint: `to go back on purpose, give the restored document a $generation above ${floor}`,
    },
  );
}

/** Which patterns a change of documents touches. */
export interface DocumentChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

/** Compares what is in force; `undefined` where nothing that decides a verdict is different. */
export function compareDocuments(previous: PinDocument, next: PinDocument): DocumentChange | undefined {
  const [before, after] = [byPattern(previous), byPattern(next)];
  const added = [...after.keys()].filter((pattern) => !before.has(pattern));
  const removed = [...before.keys()].filter((pattern) => !after.has(pattern));
  const changed = [...after]
    .filter(([pattern, text]) => before.has(pattern) && before.get(pattern) !== text)
    .map(([pattern]) => pattern);
  const isSame =
    added.length + removed.length + changed.length === 0 &&
    JSON.stringify(previous.revoked) === JSON.stringify(next.revoked) &&
    previous.expiresAt === next.expiresAt;
  return isSame ? undefined : Object.freeze({ added, removed, changed });
}

function byPattern(document: PinDocument): Map<string, string> {
  const texts = new Map<string, string>();
  const add = (pattern: string, part: unknown): void => {
    texts.set(pattern, `${texts.get(pattern) ?? ''}${JSON.stringify(part)}`);
  };
  for (const { pattern, rule, pins, mode } of document.rows) add(pattern, [rule, pins, mode]);
  for (const { pattern } of document.badRows) if (!texts.has(pattern)) add(pattern, 'quarantined');
  return texts;
}
