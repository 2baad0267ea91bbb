/** The value, unless the signal aborts first: then its reason. What comes of the value afterwards, a rejection too, goes nowhere. */
export async function untilAborted<Value>(value: Promise<Value>, signal: AbortSignal): Promise<Value> {
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    const end = (): void => reject(signal.reason as Error);
    stop = (): void => signal.removeEventListener('abort', end);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
  try {
    return await Promise.race([value, aborted]);
  } finally {
    stop?.();
  }
}
