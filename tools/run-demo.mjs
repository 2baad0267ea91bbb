import { join } from 'node:path';
import { runVisibly } from './commands.mjs';
import { demoEnvironment } from './environment.mjs';
import { openBaoEnvironment } from './openbao-environment.mjs';
import { root } from './paths.mjs';
import { build, install } from './workspace.mjs';

export async function runDemo(args) {
  await install();
  await build();
  const wantsOpenBao = args.some(
    (arg, index) => arg === '--vault=openbao' || (arg === 'openbao' && args[index - 1] === '--vault'),
  );
  const openBao = wantsOpenBao ? await openBaoEnvironment() : {};
  process.stdout.write('\n');
  const program = join(root, 'examples/demo/dist/main.js');
  return runVisibly(process.execPath, [program, ...args], { env: { ...demoEnvironment(), ...openBao } });
}
