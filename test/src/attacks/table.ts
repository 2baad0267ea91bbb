import type { SecureVersion } from 'node:tls';
import type { KeyType } from '@pinvault/testing';
import { tlsVersions } from './face.js';
import type { Kind } from './verdict.js';
import { keyTypes, type Pinned } from './world.js';

/** What came of one scenario, over one version of TLS, with one kind of key. */
export interface Cell {
  readonly version: SecureVersion;
  readonly keyType: KeyType;
  readonly isAccepted: boolean;
  /** Application bytes that reached the server from pinned clients. */
  readonly bytes: number;
  readonly why: string | undefined;
}

/** One line: a scenario, one of the two CAs pinned. */
export interface Row {
  readonly kind: Kind;
  readonly name: string;
  readonly pinned: Pinned;
  /** Combinations that make no such chain are not among them. */
  readonly cells: readonly Cell[];
}

const titles = {
  attack: 'attacks: chains that this machine trusts, and that do not lead to the pinned CA',
  legitimate: 'legitimate: a path to the pinned CA, among what Node shows',
  price: 'legitimate, and refused all the same: docs/decisions/2026-11-24-verified-path.md',
} as const;

const columnTitles = { ec: 'EC', ec384: 'EC', rsa: 'RSA', 'rsa-pss': 'PSS', ed25519: 'Ed' } as const;
const cellWidth = 5;

/** The lines of all rows, in groups, with a column for each version of TLS and kind of key. */
export function tableLines(rows: readonly Row[]): string[] {
  const width = Math.max(...rows.map(({ name }) => name.length));
  const head = (text: string, pin: string, cells: readonly string[], bytes: string): string =>
    `  ${text.padEnd(width)}  ${pin.padEnd(12)}  ${cells.join('   ')}  ${bytes.padStart(6)}`;
  const across = keyTypes.map((type) => columnTitles[type].padStart(cellWidth)).join('');
  const versions = tlsVersions.map((version) => version.replace('TLSv', 'TLS ').padStart(across.length));
  const lines: string[] = [];
  for (const kind of ['attack', 'legitimate', 'price'] satisfies Kind[]) {
    lines.push('', titles[kind], head('', '', versions, ''));
    lines.push(
      head(
        '',
        'pin',
        tlsVersions.map(() => across),
        'bytes',
      ),
    );
    for (const { name, pinned, cells } of rows.filter((row) => row.kind === kind)) {
      const blocks = tlsVersions.map((version) =>
        keyTypes
          .map((keyType) => cells.find((cell) => cell.version === version && cell.keyType === keyType))
          .map((cell) => sign(cell).padStart(cellWidth))
          .join(''),
      );
      const bytes = cells.reduce((sum, cell) => sum + cell.bytes, 0);
      lines.push(head(name, pinned, blocks, String(bytes)));
    }
  }
  lines.push('', '  ✓ accepted   ✗ refused   ! not as it must be   · no such chain');
  for (const { name, pinned, cells } of rows) {
    for (const { version, keyType, why } of cells) {
      if (why !== undefined) lines.push(`  ! ${name} (${pinned}, ${version}, ${keyType}): ${why}`);
    }
  }
  return lines;
}

function sign(cell: Cell | undefined): string {
  if (cell === undefined) return '·';
  return `${cell.why === undefined ? '' : '!'}${cell.isAccepted ? '✓' : '✗'}`;
}

/** One line for what all rows come to, and whether all is as it must be. */
export function summary(rows: readonly Row[]): { readonly text: string; readonly isGood: boolean } {
  const count = (kind: Kind, isCounted: (cell: Cell) => boolean): number =>
    rows.filter((row) => row.kind === kind).flatMap(({ cells }) => cells.filter(isCounted)).length;
  const all = (): boolean => true;
  const isAccepted = (cell: Cell): boolean => cell.isAccepted;
  const wrong = rows.flatMap(({ cells }) => cells.filter(({ why }) => why !== undefined)).length;
  const text = [
    `${count('attack', isAccepted)} of ${count('attack', all)} attacks accepted`,
    `${count('legitimate', (cell) => !cell.isAccepted)} of ${count('legitimate', all)} legitimate refused`,
    `${count('price', (cell) => !cell.isAccepted)} refused as documented`,
    `${wrong} not as it must be`,
  ].join(', ');
  return { text, isGood: wrong === 0 && count('attack', all) > 0 && count('legitimate', all) > 0 };
}
