import type { PinDocumentErrorCode, DocumentErrorReason } from '../errors.js';
import type { PinRole } from '../pin/pin.js';

/** How a mismatch is treated: refused, or only told. */
export type EnforcementMode = 'enforce' | 'report';

/** One pin of a row. */
export interface PinEntry {
  /** Canonical text, as `Pin#toString()` writes it. */
  readonly pin: string;
  readonly role: PinRole;
  /** The pin counts up to and including this instant (epoch ms). */
  readonly until?: number;
  /** From 30 days before this instant (epoch ms) a warning asks for a review; nothing else changes. */
  readonly review?: number;
}

/** One good row of a document. */
export interface DocumentRow {
  /** Canonical host pattern. */
  readonly pattern: string;
  /** What stands behind `#` in the key. */
  readonly label?: string;
  readonly rule: 'pins' | 'none' | 'block';
  readonly pins: readonly PinEntry[];
  readonly mode?: EnforcementMode;
  /** The row is not in the document that the store holds now: it was kept from the last good one, and why. */
  readonly kept?: 'bad-row' | 'required-host';
}

/** One row that was set aside. */
export interface BadRow {
  readonly pattern: string;
  readonly label?: string;
  /** The key as it was written. */
  readonly key: string;
  readonly code: PinDocumentErrorCode;
  readonly reason: DocumentErrorReason;
  readonly message: string;
  readonly tokenIndex?: number;
  /** The row can be read, but a stricter one of the same host holds: nothing of it is kept from earlier. */
  readonly overruledBy?: 'pins' | 'block';
}

/** A key that never matches again. */
export interface RevokedPin {
  readonly pin: string;
  /** `leaf`: refuses where the leaf has it. `any-certificate`: anywhere in the chain that Node shows. */
  readonly where: 'leaf' | 'any-certificate';
  readonly label?: string;
}

/** A decoded pin document: plain, frozen data, which can be cloned into a worker. */
export interface PinDocument {
  readonly format: 'pinvault/1';
  /** In the order of their patterns and labels, so that equal documents are equal values. */
  readonly rows: readonly DocumentRow[];
  readonly badRows: readonly BadRow[];
  readonly revoked: readonly RevokedPin[];
  readonly generation?: number;
  /** The whole document counts up to and including this instant (epoch ms). */
  readonly expiresAt?: number;
  /** `$note`s, as written. */
  readonly notes: readonly string[];
  /** What is legal but looks like a slip. */
  readonly warnings: readonly string[];
}

/** Rows, or what stands for them, by their patterns, in their order. */
export function groupedByPattern<Row extends { readonly pattern: string }>(
  rows: Iterable<Row>,
): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(row.pattern);
    if (group === undefined) groups.set(row.pattern, [row]);
    else group.push(row);
  }
  return groups;
}

const remembered = new WeakMap<readonly DocumentRow[], ReadonlyMap<string, readonly DocumentRow[]>>();

/** The rows of a document by their patterns; worked out once, since every refresh asks several times. */
export function rowsByPattern({ rows }: PinDocument): ReadonlyMap<string, readonly DocumentRow[]> {
  let groups = remembered.get(rows);
  if (groups === undefined) {
    groups = groupedByPattern(rows);
    remembered.set(rows, groups);
  }
  return groups;
}

const none: readonly never[] = Object.freeze([]);

/** Frozen; one array for all that are empty, since most lists of most documents are, and there may be many documents. */
export function frozenList<Item>(items: readonly Item[]): readonly Item[] {
  return items.length === 0 ? none : Object.freeze(items);
}

/** The rows behind their keys, frozen, in the order that makes equal documents equal values. */
export function inOrder<Row>(rows: ReadonlyMap<string, Row>): readonly Row[] {
  if (rows.size === 0) return none;
  const keys = [...rows.keys()].sort();
  return Object.freeze(keys.map((key) => rows.get(key) as Row));
}

/** The key that identifies a row: pattern and label. */
export function rowKey(row: { readonly pattern: string; readonly label?: string }): string {
  return row.label === undefined ? row.pattern : `${row.pattern}#${row.label}`;
}
