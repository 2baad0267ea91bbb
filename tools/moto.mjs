import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { capture } from './commands.mjs';
import { cacheFolder, root } from './paths.mjs';
import { findPip, lastError } from './pip.mjs';
import { exitWith, StepFailed } from './steps.mjs';

const version = '5.2.3';
const requirements = join(root, 'tools', 'moto-requirements.txt');

/**
 * Where moto lies, a server with the API of AWS: the folder of Python packages that `PINVAULT_MOTO` names, one in the
 * project's cache, or fetched from PyPI into it. `python3 -m moto.server` runs it with that folder as `PYTHONPATH`.
 * Returns `{ path }` or `{ reason }`, and never throws.
 */
export async function findMoto() {
  try {
    const given = process.env.PINVAULT_MOTO;
    if (given && isComplete(given)) return { path: given };
    const { exitCode, output } = await capture('python3', ['-c', pythonVersion], { limitMs: 30_000 });
    const python = output.trim();
    if (exitCode !== 0 || !/^3\.\d+$/.test(python)) return { reason: 'there is no python3 to run moto with' };
    if (Number(python.slice(2)) < 10) return { reason: `moto needs Python 3.10, and python3 is ${python}` };
    // some of its packages are compiled for one Python each
    const cached = join(cacheFolder, `moto-${version}-python-${python}`);
    return isComplete(cached) ? { path: cached } : await fetchWheels(cached);
  } catch (error) {
    return { reason: `looking for moto failed: ${error.message}` };
  }
}

const pythonVersion = 'import sys; print("%d.%d" % sys.version_info[:2])';

const isComplete = (folder) => existsSync(join(folder, 'moto', 'server.py'));

async function fetchWheels(cached) {
  await mkdir(cacheFolder, { recursive: true });
  // into place only when complete: an interrupted download must not look like an installed one
  const partial = `${cached}.partial-${process.pid}`;
  try {
    const pip = await findPip(partial);
    if (!pip) return { reason: 'there is no python3 with pip or venv to fetch moto with' };
    const target = join(partial, 'target');
    const options = ['--require-hashes', '--only-binary', ':all:', '--target', target, '-r', requirements];
    const { exitCode, output } = await capture(pip.command, [...pip.args, 'install', ...options], {
      limitMs: 5 * 60_000,
    });
    if (exitCode !== 0) return { reason: `pip could not fetch moto ${version}: ${lastError(output)}` };
    await rename(target, cached).catch((error) => {
      // someone else was faster
      if (!isComplete(cached)) throw error;
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return isComplete(cached) ? { path: cached } : { reason: `moto ${version} holds no server` };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  void exitWith(async () => {
    const { path, reason } = await findMoto();
    if (!path) throw new StepFailed(reason);
    console.log(path);
  });
}
