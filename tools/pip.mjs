import { join } from 'node:path';
import { capture } from './commands.mjs';

const onWindows = process.platform === 'win32';

/** How pip is called: `{ command, args }`, or `undefined`. A virtual environment may be made for it under `folder`. */
export async function findPip(folder) {
  for (const pip of [
    { command: 'python3', args: ['-m', 'pip'] },
    { command: 'pip3', args: [] },
  ]) {
    if (await works(pip.command, [...pip.args, '--version'])) return pip;
  }
  // Debian's python3 comes without pip; where venv is there, it brings one along
  const venv = join(folder, 'venv');
  if (!(await works('python3', ['-m', 'venv', venv]))) return undefined;
  return { command: join(venv, onWindows ? 'Scripts/python.exe' : 'bin/python3'), args: ['-m', 'pip'] };
}

const works = (command, args) =>
  capture(command, args, { limitMs: 60_000 }).then(
    ({ exitCode }) => exitCode === 0,
    () => false,
  );

/** What pip said at last, in a few words. */
export function lastError(output) {
  // pip's last word is then only that it found no version
  if (/failed to establish|connection (refused|reset|error)|timed out|name resolution/i.test(output)) {
    return 'PyPI cannot be reached';
  }
  const lines = output.trim().split('\n');
  return (lines.findLast((line) => line.startsWith('ERROR:')) ?? lines.at(-1) ?? '').replace(
    /^ERROR:\s*/,
    '',
  );
}
