/** What was begun, or the error once the signal aborts: what cannot be ended is not waited for. */
export async function untilAborted<Value>(
  begun: Promise<Value>,
  signal: AbortSignal,
  reasonOf: () => Error,
): Promise<Value> {
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    const end = (): void => reject(reasonOf());
    stop = (): void => signal.removeEventListener('abort', end);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
  try {
    return await Promise.race([begun, aborted]);
  } finally {
    stop?.();
  }
}
