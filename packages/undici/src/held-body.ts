interface ErrorSource {
  on(name: 'error', listener: (error: Error) => void): unknown;
  off(name: 'error', listener: (error: Error) => void): unknown;
}

/**
 * Listens to a request's body while undici does not yet: where nobody does, the failure of a stream ends the process.
 *
 * @returns ends the watch, and tells what has failed meanwhile
 */
export function watchBody(body: unknown): () => Error | undefined {
  if (!isErrorSource(body)) return () => undefined;
  let failure: Error | undefined;
  const onError = (error: Error): void => {
    failure ??= error;
  };
  body.on('error', onError);
  return () => {
    body.off('error', onError);
    return failure;
  };
}

function isErrorSource(body: unknown): body is ErrorSource {
  if (typeof body !== 'object' || body === null) return false;
  const { on, off } = body as Partial<Record<keyof ErrorSource, unknown>>;
  return typeof on === 'function' && typeof off === 'function';
}
