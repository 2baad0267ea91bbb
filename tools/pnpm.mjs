import { tmpdir } from 'node:os';
import { capture } from './commands.mjs';
import { toolEnvironment } from './environment.mjs';

const pnpmVersion = '10.34.8';

let found;

/**
 * The command line that starts pnpm in our version: the one on PATH if it is that version, else through npx.
 * turbo needs this too: it runs each package's scripts with the pnpm it finds on PATH, and npx puts ours there.
 */
export async function pnpmCommand() {
  found ??= findPnpm();
  return found;
}

async function findPnpm() {
  try {
    // asked outside the workspace: inside it another pnpm would fetch the version that package.json names
    const { exitCode, output } = await capture('pnpm', ['--version'], {
      cwd: tmpdir(),
      env: toolEnvironment(),
    });
    if (exitCode === 0 && output.trim() === pnpmVersion) return { command: 'pnpm', args: [] };
  } catch {
    // not on PATH
  }
  return { command: 'npx', args: ['--yes', `pnpm@${pnpmVersion}`] };
}
