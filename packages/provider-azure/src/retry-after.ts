/**
 * How long a store asks to be left alone, in milliseconds: `retry-after-ms` and `x-ms-retry-after-ms`, else
 * `Retry-After` in seconds or as a date (RFC 9110 §10.2.3). `undefined` for anything else.
 */
export function retryAfterMs(
  header: (name: string) => string | undefined,
  now: number = Date.now(),
): number | undefined {
  for (const name of ['retry-after-ms', 'x-ms-retry-after-ms']) {
    const value = header(name);
    if (value !== undefined && /^\d{1,12}$/u.test(value)) return Number(value);
  }
  const value = header('retry-after');
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/u.test(value)) return Number(value) * 1_000;
  // Date.parse takes nearly everything for a date.
  const at = /^[A-Z][a-z]{2}, .+ GMT$/u.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
