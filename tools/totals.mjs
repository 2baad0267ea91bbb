import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { exitWith } from './steps.mjs';

/** The runs that the reporter has written to a totals file, in order. */
export async function readTotals(file) {
  const text = await readFile(file, 'utf8').catch(() => '');
  const lines = text.split('\n');
  // The last one may be on its way still.
  return lines.slice(0, -1).map((line) => JSON.parse(line));
}

export function sumTotals(runs) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const run of runs) for (const name of Object.keys(sum)) sum[name] += run[name];
  return sum;
}

/** What failed in the runs, each with its Node and its error: the last thing that a long log should say. */
export function formatFailures(runs) {
  const all = runs.flatMap(({ node, failures = [] }) => failures.map((failure) => ({ node, ...failure })));
  return all.map(
    ({ node, title, error }) =>
      `✖ ${node ? `Node ${node}: ` : ''}${title}\n${error.replaceAll(/^/gmu, '    ')}\n`,
  );
}

export const formatTotals = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;

// `node tools/totals.mjs FILE STATUS`, the last word of .ci/run: what failed, by name, since the log above is long, and
// the sum. What failed without a test to count it, or never got as far as a test, counts as one failure: the numbers must
// not look better than the exit code.
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  void exitWith(async () => {
    const [, , file = '', status = '0'] = process.argv;
    const runs = await readTotals(file);
    for (const failure of formatFailures(runs)) console.log(failure);
    const { passed, failed, skipped } = sumTotals(runs);
    const allFailed = failed === 0 && (status !== '0' || passed === 0) ? 1 : failed;
    console.log(`${skipped} skipped`);
    console.log(`${passed} passed, ${allFailed} failed`);
    return allFailed === 0 ? 0 : 1;
  });
}
