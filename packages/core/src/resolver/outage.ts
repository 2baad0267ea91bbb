import type { PinErrorCode } from '../errors.js';

/** Failures that may pass without a person: worth another attempt, and the ones for which a fallback may serve. */
const outageCodes: ReadonlySet<PinErrorCode> = new Set([
  'ERR_PROVIDER_UNAVAILABLE',
  'ERR_PROVIDER_TIMEOUT',
  'ERR_PROVIDER_THROTTLED',
]);

/** Whether an error tells of an outage; anything else is an answer, and somebody has to act. */
export function isOutage(code: PinErrorCode): boolean {
  return outageCodes.has(code);
}
