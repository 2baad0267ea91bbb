import { join } from 'node:path';
import { runVisibly } from './commands.mjs';
import { demoEnvironment } from './environment.mjs';
import { root } from './paths.mjs';
import { realServers } from './real-servers.mjs';
import { build, install } from './workspace.mjs';

export async function runDemo(args) {
  await install();
  await build();
  const wantsOpenBao = args.some(
    (arg, index) => arg === '--vault=openbao' || (arg === 'openbao' && args[index - 1] === '--vault'),
  );
  const servers = wantsOpenBao ? await realServers('openbao') : {};
  process.stdout.write('\n');
  const program = join(root, 'examples/demo/dist/main.js');
  return runVisibly(process.execPath, [program, ...args], { env: { ...demoEnvironment(), ...servers } });
}
