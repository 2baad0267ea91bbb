import type { PinErrorCode } from '../errors.js';

/** Failures that may pass without a person: worth another attempt, and the ones for which a fallback may serve. */
const outageCodes: ReadonlySet<PinErrorCode> = new Set([
  'ERR_PROVIDER_UNAVAILABLE',
  'ERR_PROVIDER_TIMEOUT',
  'ERR_PROVIDER_THROTTLED',
]);

/** What a person has got wrong in this very service: no copy of pins may hide it until the day of the next restart. */
const configurationCodes: ReadonlySet<PinErrorCode> = new Set([
  'ERR_PROVIDER_MISCONFIGURED',
  'ERR_PROVIDER_SDK_MISSING',
]);

/** Whether the last known good pins may serve at the start, as a running process would have kept them. */
export function mayServeLastKnownGood(code: PinErrorCode): boolean {
  return !configurationCodes.has(code);
}

/** Whether an error tells of an outage; anything else is an answer, and somebody has to act. */
export function isOutage(code: PinErrorCode): boolean {
  return outageCodes.has(code);
}
