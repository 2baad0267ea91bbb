import { join } from 'node:path';
import { runVisibly } from './commands.mjs';
import { testEnvironment } from './environment.mjs';
import { openBaoEnvironment } from './openbao-environment.mjs';
import { root } from './paths.mjs';
import { exitWith } from './steps.mjs';
import { build, install } from './workspace.mjs';

void exitWith(async () => {
  await install();
  await build();
  const env = { ...testEnvironment(), ...(await openBaoEnvironment()) };
  const main = join(root, 'test/dist-test/soak/main.js');
  return runVisibly(process.execPath, [main, ...process.argv.slice(2)], { env });
});
