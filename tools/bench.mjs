import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runVisibly } from './commands.mjs';
import { testEnvironment } from './environment.mjs';
import { root } from './paths.mjs';
import { exitWith, StepFailed } from './steps.mjs';
import { build, install } from './workspace.mjs';

const folder = join(root, 'test/bench');

async function main([name, ...args]) {
  const files = await readdir(folder).catch(() => []);
  const names = files.filter((file) => file.endsWith('.mjs')).map((file) => file.slice(0, -'.mjs'.length));
  const list = names.map((each) => `  ${each}`).join('\n') || '  (none yet)';
  if (!name) {
    console.log(`pnpm bench NAME, where NAME is one of\n${list}`);
    return 0;
  }
  if (!names.includes(name)) throw new StepFailed(`there is no benchmark ${name}; there are\n${list}`);
  await install();
  await build();
  return runVisibly(process.execPath, [join(folder, `${name}.mjs`), ...args], { env: testEnvironment() });
}

void exitWith(() => main(process.argv.slice(2)));
