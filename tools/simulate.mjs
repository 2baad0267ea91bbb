import { join } from 'node:path';
import { runVisibly } from './commands.mjs';
import { testEnvironment } from './environment.mjs';
import { root } from './paths.mjs';
import { exitWith } from './steps.mjs';
import { build, install } from './workspace.mjs';

void exitWith(async () => {
  await install();
  await build();
  const main = join(root, 'test/dist-test/simulation/main.js');
  return runVisibly(process.execPath, [main, 'docs/fleet.svg'], { env: testEnvironment() });
});
