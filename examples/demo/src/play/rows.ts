import type { PinResolver } from 'pinvault';

type Document = PinResolver['snapshot']['document'];

/** Rows as they stand in the vault: key to value. */
export type ShownRows = ReadonlyMap<string, string>;

/** The rows in force, as their keys and values read in the vault's interface. */
export function rowsInForce({ rows, revoked }: Document): ShownRows {
  const keyOf = (name: string, label: string | undefined): string =>
    label === undefined ? name : `${name}#${label}`;
  const roles = { any: '', leaf: 'leaf:', ca: 'ca:' } as const;
  const shown = new Map<string, string>();
  for (const { pattern, label, rule, pins, mode } of rows) {
    const tokens = rule === 'pins' ? pins.map(({ pin, role }) => `${roles[role]}${pin}`) : [rule];
    if (mode === 'report') tokens.push('mode=report');
    shown.set(keyOf(pattern, label), tokens.join(' '));
  }
  for (const { pin, label } of revoked) {
    const key = keyOf('$revoked', label);
    const before = shown.get(key);
    shown.set(key, before === undefined ? pin : `${before} ${pin}`);
  }
  return shown;
}

/** A row that is different now: `before` and `after` are `undefined` where there is none. */
export interface RowChange {
  readonly key: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** What an edit has changed, in the order of the keys. */
export function changedRows(before: ShownRows, after: ShownRows): RowChange[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .toSorted((left, right) => left.localeCompare(right))
    .map((key) => ({ key, before: before.get(key), after: after.get(key) }))
    .filter((change) => change.before !== change.after);
}
