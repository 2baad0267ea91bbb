import { appendFileSync } from 'node:fs';

/** What a cell of the table says. */
export type Outcome = 'works' | 'no' | 'no server' | 'failed';

/** Adds a cell to the file of `pnpm test:clients`; elsewhere the tests themselves say it all. */
export function record(client: string, cell: string, outcome: Outcome, note = ''): void {
  const file = process.env['PINVAULT_CLIENTS_RESULTS'];
  if (file === undefined) return;
  const node = process.versions.node.split('.')[0];
  appendFileSync(file, `${JSON.stringify({ node, client, cell, outcome, note })}\n`);
}
