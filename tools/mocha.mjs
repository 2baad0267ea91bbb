import { spawn } from 'node:child_process';
import { dirname, delimiter } from 'node:path';
import { forwardSignals } from './commands.mjs';
import { testEnvironment } from './environment.mjs';
import { binaries, root } from './paths.mjs';
import { readTotals } from './totals.mjs';

const totalLimitMs = 30 * 60_000;
const lingerLimitMs = 20_000;
const killDelayMs = 5_000;

/**
 * Runs mocha and waits until its process has ended by itself; it is never made to exit, so that an open handle shows.
 * Returns the exit code, and a reason where it had to be ended. The reporter appends the numbers to `totalsFile`.
 */
export async function runMocha(args, { node = process.execPath, totalsFile, env = {} }) {
  const runsBefore = (await readTotals(totalsFile)).length;
  const environment = { ...testEnvironment(), ...env, PINVAULT_TOTALS_FILE: totalsFile };
  // programs that a test starts through `env node` belong to the same Node
  environment.PATH = `${dirname(node)}${delimiter}${environment.PATH ?? ''}`;
  const { exitCode, endedBecause } = await runInGroup(
    node,
    [binaries.mocha, ...args],
    environment,
    async () => {
      return (await readTotals(totalsFile)).length > runsBefore;
    },
  );
  const run = (await readTotals(totalsFile)).slice(runsBefore).at(-1);
  if (endedBecause) return { exitCode: exitCode || 1, problem: endedBecause };
  if (!run) return { exitCode: exitCode || 1, problem: 'mocha ended without a result' };
  if (run.passed + run.failed === 0) return { exitCode: exitCode || 1, problem: 'not one test ran' };
  return { exitCode };
}

// A process group of its own: servers that the tests start can be ended with it, and nothing else.
function runInGroup(node, args, env, hasResult) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, args, {
      cwd: root,
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    });
    const stopForwarding = forwardSignals((signal) => signalGroup(child, signal));
    let endedBecause;
    const end = (reason) => {
      endedBecause ??= reason;
      signalGroup(child, 'SIGTERM');
      setTimeout(() => signalGroup(child, 'SIGKILL'), killDelayMs).unref();
    };
    const limit = setTimeout(() => end(`ended after ${totalLimitMs / 60_000} minutes`), totalLimitMs);
    let linger;
    const watch = setInterval(async () => {
      if (linger || !(await hasResult())) return;
      const reason = `the tests left something open: mocha was still alive ${lingerLimitMs / 1000} s after the last one`;
      linger = setTimeout(() => end(reason), lingerLimitMs);
    }, 1000);
    const settle = () => {
      for (const timer of [limit, watch, linger]) clearTimeout(timer);
      stopForwarding();
    };
    child.once('error', (error) => {
      settle();
      reject(error);
    });
    child.once('close', (code) => {
      settle();
      signalGroup(child, 'SIGKILL');
      resolve({ exitCode: code ?? 1, endedBecause });
    });
  });
}

function signalGroup(child, signal) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // nobody of the group is left
  }
}
