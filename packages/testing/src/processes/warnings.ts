/** Collects the process warnings of pinvault while `run` runs. */
export async function warningsDuring(
  run: () => Promise<void> | void,
): Promise<{ code: string; message: string }[]> {
  const seen: { code: string; message: string }[] = [];
  const listen = (warning: Error & { code?: string }): void => {
    if (warning.name === 'PinvaultWarning') seen.push({ code: warning.code ?? '', message: warning.message });
  };
  // Node's own listener would print them among the results.
  const others = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', listen);
  try {
    await run();
    // Node emits warnings in the next tick.
    await new Promise((resolve) => void setImmediate(resolve));
  } finally {
    process.off('warning', listen);
    for (const other of others) process.on('warning', other);
  }
  return seen;
}
