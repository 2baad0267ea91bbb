import {
  type DocumentRow,
  frozenList,
  type PinDocument,
  type RevokedPin,
  rowKey,
} from '../../policy/document.js';
import type { PinProvider } from '../../provider.js';
import type { Snapshot } from '../snapshot.js';
import type { HostPins } from './host-pins.js';

/**
 * The hosts that are loaded, as one snapshot: their rows together, each host's `$expires` as `until=` of its pins, and what
 * any of them revokes, which is stricter than each alone. A host past its end is left out.
 */
export function pictureOf(
  hosts: Iterable<HostPins>,
  revision: string,
  { name, location }: PinProvider,
): Snapshot {
  const rows: DocumentRow[] = [];
  const badRows: PinDocument['badRows'][number][] = [];
  const revoked = new Map<string, RevokedPin>();
  let fetchedAt = 0;
  for (const pins of hosts) {
    const { document, fetchedAt: at } = pins.snapshot;
    fetchedAt = Math.max(fetchedAt, at);
    for (const each of document.revoked) revoked.set(`${each.where} ${each.pin}`, each);
    if (pins.isExpired()) continue;
    rows.push(...document.rows.map((row) => endingWith(row, document.expiresAt)));
    badRows.push(...document.badRows);
  }
  const byKey = (
    left: { pattern: string; label?: string },
    right: { pattern: string; label?: string },
  ): number => (rowKey(left) < rowKey(right) ? -1 : 1);
  const document: PinDocument = Object.freeze({
    format: 'pinvault/1',
    rows: frozenList(rows.sort(byKey)),
    badRows: frozenList(badRows.sort(byKey)),
    revoked: frozenList([...revoked.values()]),
    notes: frozenList([]),
    warnings: frozenList([]),
  });
  const where = location === undefined ? {} : { location };
  return Object.freeze({ document, revision, source: 'provider', provider: name, ...where, fetchedAt });
}

function endingWith(row: DocumentRow, expiresAt: number | undefined): DocumentRow {
  if (expiresAt === undefined) return row;
  const pins = row.pins.map((pin) =>
    Object.freeze({ ...pin, until: Math.min(pin.until ?? Infinity, expiresAt) }),
  );
  return Object.freeze({ ...row, pins: Object.freeze(pins) });
}
