import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runMocha } from './mocha.mjs';
import { nodeBinary, nodeVersions } from './nodes.mjs';
import { realServers } from './real-servers.mjs';
import { step, StepFailed } from './steps.mjs';
import { formatTotals, readTotals, sumTotals } from './totals.mjs';
import { build, install } from './workspace.mjs';

const unitTests = 'packages/*/dist-test/**/*.test.js';
const endToEndTests = 'test/dist-test/**/*.test.js';
// What Node itself does differs there: pools, sessions, tunnels.
const enforcementTests = 'packages/{node,undici}/dist-test/**/*.test.js';

/**
 * `--nodes=all` adds the end-to-end tests and those of `packages/node` and `packages/undici` on every supported Node. Everything else goes to
 * mocha; file names among it replace the default ones.
 */
export async function runTests(args) {
  const onAllNodes = args.includes('--nodes=all');
  const forMocha = args.filter((arg) => arg !== '--nodes=all');
  const unknown = forMocha.find((arg) => arg.startsWith('--nodes'));
  if (unknown) throw new StepFailed(`${unknown}: the one choice is --nodes=all`);

  await install();
  await build();
  const env = await realServers('openbao', 'moto', 'chromium');
  const folder = await mkdtemp(join(tmpdir(), 'pinvault-test-'));
  // .ci/run adds these numbers to its own, and says the total itself
  const givenFile = process.env.PINVAULT_TOTALS_FILE;
  const totalsFile = givenFile || join(folder, 'totals');
  const options = { totalsFile, env };
  try {
    const problems = [await run('the tests', withFiles(forMocha, [unitTests, endToEndTests]), options)];
    if (onAllNodes)
      problems.push(...(await runMatrix(withFiles(forMocha, [endToEndTests, enforcementTests]), options)));
    for (const problem of problems.filter(Boolean)) process.stderr.write(`${problem}\n`);
    const runs = await readTotals(totalsFile);
    if (!givenFile) process.stdout.write(`${formatTotals(sumTotals(runs))}\n`);
    return problems.some(Boolean) ? 1 : 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runMatrix(args, options) {
  const problems = [];
  for (const version of nodeVersions) {
    const title = `the end-to-end and enforcement tests on Node ${version}`;
    if (version === process.versions.node) {
      process.stdout.write(`${title} were part of the run above\n`);
      continue;
    }
    let node;
    await step(`Node ${version}`, async () => void (node = await nodeBinary(version)));
    problems.push(await run(title, args, { ...options, node }));
  }
  return problems;
}

// Returns what to say about a run that did not succeed, else undefined.
async function run(title, args, options) {
  process.stdout.write(`\n${title}\n`);
  const { exitCode, problem } = await runMocha(args, options);
  if (problem) {
    // the numbers must not look better than the exit code
    const failures = [{ title, error: problem }];
    const totals = { passed: 0, failed: 1, skipped: 0, failures };
    await appendFile(options.totalsFile, `${JSON.stringify(totals)}\n`);
    return `${title}: ${problem}`;
  }
  const last = (await readTotals(options.totalsFile)).at(-1);
  return exitCode === 0 ? undefined : `${title}: ${formatTotals(last)} (exit code ${exitCode})`;
}

function withFiles(args, defaults) {
  const inCi = process.env.CI ? ['--forbid-only'] : [];
  const namesFiles = args.some((arg) => arg.endsWith('.js'));
  return [...inCi, ...args, ...(namesFiles ? [] : defaults)];
}
