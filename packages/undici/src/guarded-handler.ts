import type { Dispatcher } from 'undici';

/** What decides on the start of a request, and hears of its end. */
export interface StartGuard {
  mayStart(): boolean;
  /** Nothing was sent, and the handler has heard of nothing. */
  onRefused(): void;
  /** Answered, failed or upgraded. */
  onEnd(): void;
}

// In the words of both kinds of handler that undici 7 takes; 8 takes the second alone.
const starts: ReadonlySet<unknown> = new Set(['onConnect', 'onRequestStart']);
const failures: ReadonlySet<unknown> = new Set(['onError', 'onResponseError']);
const ends: ReadonlySet<unknown> = new Set(['onComplete', 'onResponseEnd', 'onUpgrade', 'onRequestUpgrade']);

/**
 * The same handler with a guard in front of its start, which undici calls right before it writes. What is thrown there
 * ends the request without a byte, and without harm to others on the connection; the failure that undici then tells of
 * is kept from the handler, so that the request can go another way.
 */
export function guardStart(
  handler: Dispatcher.DispatchHandler,
  guard: StartGuard,
): Dispatcher.DispatchHandler {
  let isRefused = false;
  return new Proxy(handler, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name, target);
      if (typeof method !== 'function') return method;
      const original = (...parameters: unknown[]): unknown => Reflect.apply(method, target, parameters);
      if (starts.has(name))
        return (...parameters: unknown[]): unknown => {
          isRefused = !guard.mayStart();
          if (isRefused) throw new Error('the connection no longer matches the pins');
          return original(...parameters);
        };
      if (failures.has(name))
        return (...parameters: unknown[]): unknown => {
          if (isRefused) {
            guard.onRefused();
            return undefined;
          }
          guard.onEnd();
          return original(...parameters);
        };
      if (ends.has(name))
        return (...parameters: unknown[]): unknown => {
          guard.onEnd();
          return original(...parameters);
        };
      return original;
    },
  });
}

/** Ends a request that was not begun, as undici does. */
export function endUnbegun(handler: Dispatcher.DispatchHandler, error: Error): void {
  if (typeof handler.onResponseError === 'function') handler.onResponseError(null as never, error);
  else handler.onError?.(error);
}
