import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runQuiet } from './commands.mjs';
import { toolEnvironment } from './environment.mjs';
import { root } from './paths.mjs';
import { pnpmCommand } from './pnpm.mjs';
import { removeStaleOutputs } from './stale-outputs.mjs';
import { step } from './steps.mjs';

/** Installs the dependencies unless the installed ones are those of the lockfile. */
export async function install() {
  const wanted = await installationKey();
  const stamp = join(root, 'node_modules', '.pinvault-installed');
  if ((await readFile(stamp, 'utf8').catch(() => '')) === wanted) return;
  await step('dependencies installed', async () => {
    const { command, args } = await pnpmCommand();
    // without a terminal pnpm would refuse to replace a node_modules that another version made
    const options = ['install', '--frozen-lockfile', '--config.confirm-modules-purge=false'];
    await runQuiet(command, [...args, ...options], { env: toolEnvironment() });
    await writeFile(stamp, wanted);
  });
}

// By content, not by time: a checkout gives every file a new time.
async function installationKey() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) hash.update(await readFile(join(root, file)));
  return hash.digest('hex');
}

/** Compiles every package and the tests. */
export async function build() {
  await step('built', async () => {
    await removeStaleOutputs();
    const { command, args } = await pnpmCommand();
    const turbo = ['exec', 'turbo', 'run', 'build', '--output-logs=errors-only'];
    const output = await runQuiet(command, [...args, ...turbo], { env: toolEnvironment() });
    // Once more: turbo's cache brings back what lay there when it was filled.
    await removeStaleOutputs();
    const [, cached, total] = /Cached:\s+(\d+) cached, (\d+) total/.exec(output) ?? [];
    return total ? `${total} packages, ${cached} unchanged` : '';
  });
}
