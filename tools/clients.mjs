import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatClients, markdownClients } from './clients-table.mjs';
import { runMocha } from './mocha.mjs';
import { nodeBinary, nodeVersions } from './nodes.mjs';
import { root } from './paths.mjs';
import { exitWith, StepFailed } from './steps.mjs';
import { build, install } from './workspace.mjs';

const tests = 'test/dist-test/clients/clients.test.js';
const choices = ['--nodes=all', '--write'];

/**
 * Runs every client against its server on the running Node, or on every supported one (`--nodes=all`), and prints the
 * table that comes of it. `--write` puts it into docs/clients-table.md, which needs all Nodes.
 */
async function main(args) {
  const unknown = args.find((arg) => !choices.includes(arg));
  if (unknown) throw new StepFailed(`${unknown}: choose among ${choices.join(', ')}`);
  const isWritten = args.includes('--write');
  const versions = isWritten || args.includes('--nodes=all') ? nodeVersions : [process.versions.node];
  await install();
  await build();
  const folder = await mkdtemp(join(tmpdir(), 'pinvault-clients-'));
  const results = join(folder, 'results');
  await writeFile(results, '');
  const failed = [];
  try {
    for (const version of versions) {
      console.log(`\nevery client on Node ${version}`);
      const { exitCode, problem } = await runMocha([tests], {
        node: await nodeBinary(version),
        totalsFile: join(folder, 'totals'),
        env: { PINVAULT_CLIENTS_RESULTS: results },
      });
      if (problem) console.error(problem);
      if (exitCode !== 0) failed.push(version);
    }
    const cells = (await readFile(results, 'utf8'))
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    const nodes = versions.map((version) => version.split('.')[0]);
    console.log(`\n${formatClients(cells, nodes)}`);
    if (isWritten && failed.length === 0)
      await writeFile(join(root, 'docs/clients-table.md'), markdownClients(cells, versions));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if (failed.length > 0) console.error(`not as it must be on Node ${failed.join(', ')}`);
  return failed.length > 0 ? 1 : 0;
}

void exitWith(() => main(process.argv.slice(2)));
