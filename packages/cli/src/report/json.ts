import { daysUntil } from './dates.js';
import type { Entry, PinReport } from './report.js';
import { warningsOf } from './warnings.js';

/** The report for programs. Names are only ever added. */
export function reportJson(report: PinReport, now: number): string {
  const { source, rowKey, entries } = report;
  const value = {
    row: { [rowKey]: entries[0].pin },
    verified: source.kind === 'host',
    source: sourceJson(report),
    entries: entries.map((entry, index) => entryJson(entry, index, now)),
    ...(source.kind === 'host' && source.endsBecause !== undefined
      ? { endsBecause: source.endsBecause }
      : {}),
    warnings: warningsOf(report, now),
  };
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function sourceJson({ source, rowKey }: PinReport): object {
  if (source.kind === 'file') return { file: source.path };
  const { host, port, protocol } = source;
  return { host, port, verifiedName: rowKey, protocol };
}

function entryJson(entry: Entry, index: number, now: number): object {
  if (entry.kind !== 'certificate') return { index, ...entry };
  const { kind, role, isCa, pin, subject, notBefore, notAfter } = entry;
  return {
    index,
    kind,
    role,
    isCa,
    pin,
    subject,
    notBefore: new Date(notBefore).toISOString(),
    notAfter: new Date(notAfter).toISOString(),
    daysLeft: daysUntil(notAfter, now),
  };
}
