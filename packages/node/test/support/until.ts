/**
 * Waits, turn by turn, until the condition is true. Gives up within the time of a test: a loop that outlives its test
 * would hold the process, and the whole run with it.
 */
export async function until(condition: () => boolean, limitMs = 9_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > deadline)
      throw new Error(`not reached within ${limitMs} ms: ${String(condition)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
