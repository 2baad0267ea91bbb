import { systemClock } from '../internal/clock.js';

/**
 * How long a store asks to be left alone by its `Retry-After`, in milliseconds: seconds or a date (RFC 9110 §10.2.3).
 * `undefined` for anything else, and where there is none. For authors of providers.
 */
export function parseRetryAfter(
  header: string | undefined,
  now: number = systemClock.now(),
): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/u.test(header)) return Number(header) * 1_000;
  // Date.parse takes nearly everything for a date, -1 among it.
  const at = /^[A-Z][a-z]{2}, .+ GMT$/u.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
