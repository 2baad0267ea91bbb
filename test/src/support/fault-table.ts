/** What came of one kind of failure. */
export interface FaultRow {
  readonly fault: string;
  readonly code: string;
  readonly requests: number;
  readonly readsIn10Minutes: number;
  readonly readsInAll: number;
  readonly recoveredAfterMs: number;
}

/** The figures of the fault suite, printed when it is through. */
export class FaultTable {
  readonly #rows: FaultRow[] = [];

  add(row: FaultRow): void {
    this.#rows.push(row);
  }

  print(): void {
    if (this.#rows.length === 0) return;
    const head = [
      'fault',
      'requests',
      'lost',
      'reads in 10 min',
      'reads in all',
      'recovered after',
      'seen as',
    ];
    // Every row is of a test that has found nothing lost.
    const lines = this.#rows.map((row) => [
      row.fault,
      String(row.requests),
      '0',
      String(row.readsIn10Minutes),
      String(row.readsInAll),
      `${Math.round(row.recoveredAfterMs / 1_000)} s`,
      row.code,
    ]);
    const widths = head.map((title, column) =>
      Math.max(...[head, ...lines].map((line) => line[column]?.length ?? 0), title.length),
    );
    const text = [head, ...lines].map(
      (line) =>
        `    ${line
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}`,
    );
    process.stdout.write(`\n${text.join('\n')}\n`);
  }
}
