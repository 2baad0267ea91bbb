import { spawn } from 'node:child_process';
import { StepFailed } from './steps.mjs';
import { root } from './paths.mjs';

const onWindows = process.platform === 'win32';

/**
 * Runs a command to its end and returns `{ exitCode, output }`, both streams together. It is ended after `limitMs`.
 * Throws only when the command cannot be started.
 */
export function capture(command, args, { cwd = root, env = process.env, limitMs = 10 * 60_000 } = {}) {
  return new Promise((resolve, reject) => {
    // npx is a batch file on Windows, and those start only through a shell
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], shell: onWindows });
    let output = '';
    const take = (chunk) => (output += chunk);
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    const timer = setTimeout(() => {
      output += `\n(ended after ${limitMs / 1000} s)\n`;
      child.kill('SIGKILL');
    }, limitMs);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ exitCode: code ?? 1, output });
    });
  });
}

/** Like `capture`, but a failure is thrown with everything the command printed. Returns what it printed. */
export async function runQuiet(command, args, options) {
  const { exitCode, output } = await capture(command, args, options);
  if (exitCode !== 0) {
    throw new StepFailed(
      `${output.trimEnd()}\n\n${[command, ...args].join(' ')}\nended with exit code ${exitCode}`,
    );
  }
  return output;
}

/** Runs a command on our own terminal and returns its exit code. */
export function runVisibly(command, args, { cwd = root, env = process.env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: 'inherit' });
    const stopForwarding = forwardSignals((signal) => child.kill(signal));
    child.once('error', reject);
    child.once('close', (code) => {
      stopForwarding();
      resolve(code ?? 1);
    });
  });
}

/** While a child runs, an interrupt is the child's to answer: we pass it on and report how the child ended. */
export function forwardSignals(send) {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, send);
  return () => {
    for (const signal of signals) process.off(signal, send);
  };
}
