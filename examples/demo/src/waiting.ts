import { setTimeout as delay } from 'node:timers/promises';

/** The story cannot go on: something that it promises did not happen. */
export class StoryBroken extends Error {
  override readonly name = 'StoryBroken';
}

/** Waits; ends early, by throwing the signal's reason, when the demo is stopped. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await delay(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted());
}

/** Waits until `check` holds. @throws StoryBroken when it does not within `limitMs` */
export async function until(
  what: string,
  check: () => boolean | Promise<boolean>,
  signal: AbortSignal,
  limitMs = 5_000,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await check())) {
    if (performance.now() > deadline) throw new StoryBroken(`${what}: not within ${limitMs / 1_000} s`);
    await pause(10, signal);
  }
}
