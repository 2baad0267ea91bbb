import { join } from 'node:path';
import { help, parseArguments } from '../examples/demo/arguments.mjs';
import { runVisibly } from './commands.mjs';
import { demoEnvironment } from './environment.mjs';
import { root } from './paths.mjs';
import { realServers } from './real-servers.mjs';
import { build, install } from './workspace.mjs';

const serversOf = { openbao: ['openbao'], aws: ['moto'] };

export async function runDemo(args) {
  // A slip is answered at once, not after a build.
  const asked = parseArguments(args);
  if (asked.kind === 'help') {
    process.stdout.write(help);
    return 0;
  }
  if (asked.kind === 'unclear') {
    process.stderr.write(`${asked.problem}\n\n${help}`);
    return 2;
  }
  await install();
  await build();
  const wanted = serversOf[asked.kind === 'play' ? 'openbao' : asked.vault] ?? [];
  const servers = await realServers(...wanted);
  process.stdout.write('\n');
  const program = join(root, 'examples/demo/dist/main.js');
  return runVisibly(process.execPath, [program, ...args], { env: { ...demoEnvironment(), ...servers } });
}
