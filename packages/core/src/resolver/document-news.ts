import { messageWithoutCode } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import type { BadRow, PinDocument } from '../policy/document.js';
import type { PinEventHub } from './events.js';
import type { Snapshot } from './snapshot.js';
import type { Warnings } from './warnings.js';

/** `review=` is told so long before. */
const reviewNoticeMs = 30 * 86_400_000;

/** A document that is wrong from end to end is no reason to flood a log. */
const maxRowWarnings = 20;

/** Where the news of a document are told. */
export interface NewsContext {
  readonly resolver: string;
  /** Whose document it is, where each host has one. */
  readonly host?: string;
  readonly clock: Clock;
  readonly events: PinEventHub;
  readonly warnings: Pick<Warnings, 'say'>;
}

/** Rows that were set aside are told once for each thing that is wrong with them. */
export function tellRows(
  { document, revision }: Snapshot,
  previous: PinDocument | undefined,
  { resolver, host, clock, events, warnings }: NewsContext,
): void {
  const about = host === undefined ? { resolver } : { resolver, host };
  const known = new Set(previous?.badRows.map(badRowIdentity));
  const rows = document.badRows.filter((row) => !known.has(badRowIdentity(row)));
  rows.forEach((row, index) => {
    if (index < maxRowWarnings) {
      const text = `set aside in revision ${revision}: ${messageWithoutCode(row)}`;
      warnings.say(row.code, badRowIdentity(row), text);
    }
    events.emit({ type: 'rowRejected', ...about, at: clock.now(), revision, row });
  });
  if (rows.length > maxRowWarnings) {
    const text = `${rows.length - maxRowWarnings} more rows were set aside in revision ${revision}: status().quarantined has them all`;
    warnings.say('PINVAULT_DOCUMENT', `rows ${revision}`, text);
  }
  for (const warning of document.warnings) warnings.say('PINVAULT_DOCUMENT', warning, warning);
}

/** Pins that are due for review: each one once, however long its row stays as it is. */
export function tellReviews({ document }: Snapshot, { clock, warnings }: NewsContext): void {
  const dueBefore = clock.now() + reviewNoticeMs;
  for (const { pattern, pins } of document.rows) {
    for (const { pin, review } of pins) {
      if (review === undefined || review > dueBefore) continue;
      const date = new Date(review).toISOString().slice(0, 10);
      const text = `the row "${pattern}": ${pin} is due for review by ${date}`;
      warnings.say('PINVAULT_DOCUMENT', `review ${pattern} ${pin} ${date}`, text);
    }
  }
}

/** Two editors with one number: legal, but somebody should know. */
export function tellSameGeneration(next: Snapshot, previous: Snapshot, { warnings }: NewsContext): void {
  const { generation, revision, source } = next;
  const isComparable = source === 'provider' && previous.source !== 'fallback';
  if (generation === undefined || !isComparable || generation !== previous.generation) return;
  const text = `other content under the same $generation ${generation}`;
  warnings.say('PINVAULT_DOCUMENT', `generation ${revision}`, text);
}

function badRowIdentity(row: BadRow): string {
  return `${row.key} ${row.message}`;
}
