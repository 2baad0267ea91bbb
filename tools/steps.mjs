import { stderr, stdout } from 'node:process';

const seconds = (sinceMs) => `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;

/**
 * Runs one step and says in one line what it did and how long it took. `run` may return a text that is added to the
 * line. A failure shows the step's title and whatever the failed command had to say, and is thrown on.
 */
export async function step(title, run) {
  const startedAt = performance.now();
  if (stdout.isTTY) stdout.write(`  … ${title}`);
  const begin = stdout.isTTY ? '\r\u001B[K' : '';
  try {
    const remark = await run();
    stdout.write(`${begin}  ✓ ${title}${remark ? `: ${remark}` : ''} (${seconds(startedAt)})\n`);
  } catch (error) {
    stdout.write(`${begin}  ✗ ${title} (${seconds(startedAt)})\n`);
    throw error;
  }
}

/** Runs `main`; what it returns is the exit code, and what it throws is shown without a stack when it was foreseen. */
export async function exitWith(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    stderr.write(`\n${error?.isForeseen ? error.message : (error?.stack ?? error)}\n`);
    process.exitCode = 1;
  }
}

/** A failure that needs no stack: the message is all there is to know. */
export class StepFailed extends Error {
  isForeseen = true;
}
