import { join } from 'node:path';
import { runVisibly } from './commands.mjs';
import { testEnvironment } from './environment.mjs';
import { root } from './paths.mjs';
import { exitWith } from './steps.mjs';
import { build, install } from './workspace.mjs';

void exitWith(async () => {
  await install();
  await build();
  const main = join(root, 'test/dist-test/stress/main.js');
  return runVisibly(process.execPath, [main, ...process.argv.slice(2)], { env: testEnvironment() });
});
