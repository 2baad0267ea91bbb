import { join } from 'node:path';
import { runVisibly } from './commands.mjs';
import { demoEnvironment } from './environment.mjs';
import { root } from './paths.mjs';
import { realServers } from './real-servers.mjs';
import { build, install } from './workspace.mjs';

export async function runDemo(args) {
  await install();
  await build();
  const asked = args.join(' ');
  const wanted = [];
  if (/--vault[= ]openbao/.test(asked)) wanted.push('openbao');
  if (/--provider[= ]aws/.test(asked)) wanted.push('moto');
  const servers = await realServers(...wanted);
  process.stdout.write('\n');
  const program = join(root, 'examples/demo/dist/main.js');
  return runVisibly(process.execPath, [program, ...args], { env: { ...demoEnvironment(), ...servers } });
}
