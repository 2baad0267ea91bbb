import { join } from 'node:path';
import { runVisibly } from './commands.mjs';
import { testEnvironment } from './environment.mjs';
import { nodeBinary, nodeVersions } from './nodes.mjs';
import { root } from './paths.mjs';
import { exitWith, StepFailed } from './steps.mjs';
import { build, install } from './workspace.mjs';

const program = join(root, 'test/dist-test/attacks/main.js');

/** Runs the attack suite on the running Node, or on every supported one, and says what each of them came to. */
async function main(args) {
  const unknown = args.find((arg) => arg !== '--nodes=all');
  if (unknown) throw new StepFailed(`${unknown}: the one choice is --nodes=all`);
  await install();
  await build();
  const versions = args.length > 0 ? nodeVersions : [process.versions.node];
  const failed = [];
  for (const version of versions) {
    console.log();
    const exitCode = await runVisibly(await nodeBinary(version), [program], { env: testEnvironment() });
    if (exitCode !== 0) failed.push(version);
  }
  const list = failed.length > 0 ? `not as it must be on Node ${failed.join(', ')}` : 'all as it must be';
  console.log(`\nthe attack suite on Node ${versions.join(', ')}: ${list}`);
  return failed.length > 0 ? 1 : 0;
}

void exitWith(() => main(process.argv.slice(2)));
