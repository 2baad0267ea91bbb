import { parseRetryAfter } from '@pinvault/core';

/**
 * How long a store asks to be left alone, in milliseconds: `retry-after-ms` and `x-ms-retry-after-ms`, else
 * `Retry-After` in seconds or as a date (RFC 9110 §10.2.3). `undefined` for anything else.
 */
export function retryAfterMs(header: (name: string) => string | undefined, now?: number): number | undefined {
  for (const name of ['retry-after-ms', 'x-ms-retry-after-ms']) {
    const value = header(name);
    if (value !== undefined && /^\d{1,12}$/u.test(value)) return Number(value);
  }
  return parseRetryAfter(header('retry-after'), now);
}
