import { authority } from '../authority.js';
import { wrapped } from '../text.js';
import { minuteText, remainingText } from './dates.js';
import { type Entry, type PinReport, row } from './report.js';
import { warningsOf } from './warnings.js';

const margin = '  ';

/** The report as text: the row alone on the first line, then what it rests on, then what to do next. */
export function reportText(report: PinReport, now: number): string {
  const { source, rowKey, entries } = report;
  const warnings = warningsOf(report, now).map((warning) => wrapped(warning, `${margin}  `, `${margin}! `));
  const paragraphs = [
    row(rowKey, entries[0].pin),
    wrapped(headline(report), ''),
    entries.map((entry, index) => entryText(entry, index, now)).join('\n'),
    ...(source.kind === 'host' && source.endsBecause !== undefined ? [endText(source.endsBecause)] : []),
    ...(warnings.length === 0 ? [] : [warnings.join('\n')]),
    ...furtherRows(report),
  ];
  return `${paragraphs.join('\n\n')}\n`;
}

function headline({ source, rowKey }: PinReport): string {
  if (source.kind === 'file') return `${source.path}: not verified, read from a file. It holds:`;
  const name = rowKey === source.host ? 'host name' : `the name ${rowKey}`;
  return `${authority(source)}, ${source.protocol}: chain and ${name} verified. The path, leaf first:`;
}

function entryText(entry: Entry, index: number, now: number): string {
  const number = `${margin}${String(index).padStart(2)}  `;
  if (entry.kind !== 'certificate') {
    const remark = entry.kind === 'private key' ? ' (only its public half was used)' : '';
    return `${number}key   ${entry.pin}\n${' '.repeat(12)}${entry.kind}, ${entry.algorithm}${remark}`;
  }
  const indent = ' '.repeat(12);
  const validity = `${minuteText(entry.notBefore)} to ${minuteText(entry.notAfter)} UTC, ${remainingText(entry, now)}`;
  return [
    `${number}${entry.role.padEnd(4)}  ${entry.pin}`,
    wrapped(entry.subject, indent),
    indent + validity,
  ].join('\n');
}

function endText(reason: string): string {
  return wrapped(
    `The path ends here: ${reason}. What else the server showed is not listed, and no pin can match it.`,
    margin,
  );
}

function furtherRows(report: PinReport): string[] {
  const { source, rowKey, entries } = report;
  const further = [backupRow(rowKey, entries[0])];
  if (source.kind === 'file') return further;
  const issuer = entries[1];
  if (issuer !== undefined) {
    further.push(
      withRow(
        'Or pin the CA, and accept every certificate that it issues for the host, also with a new key:',
        row(rowKey, `ca:${issuer.pin}`),
      ),
    );
  }
  if (source.port !== 443) {
    further.push(
      withRow(
        `The row holds for every port of the host. For port ${source.port} alone:`,
        row(authority({ host: rowKey, port: source.port }), entries[0].pin),
      ),
    );
  }
  return further;
}

function backupRow(rowKey: string, first: Entry): string {
  // A bare key is mostly the one to come.
  return first.kind === 'certificate'
    ? withRow(
        'Before you rely on it, add a backup: the pin of a key not in use yet (pinvault pin next-key.pem).',
        row(`${rowKey}#next`, 'sha256/<pin of the next key>'),
      )
    : withRow(
        'If it is the key to come, add it beside the row of the key in use:',
        row(`${rowKey}#next`, first.pin),
      );
}

function withRow(prose: string, line: string): string {
  return `${wrapped(prose, '')}\n${margin}${line}`;
}
