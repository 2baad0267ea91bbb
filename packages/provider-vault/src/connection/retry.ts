import { PinDocumentError, type PinError, PinProviderError } from '@pinvault/core';
import { isCertificateFailure } from '../failures.js';
import type { VaultResponse } from '../transport.js';

/** How one attempt at one node ended. */
export type Attempt =
  | { readonly response: VaultResponse }
  | { readonly error: PinError; readonly kind: FailureKind; readonly isSent: boolean };

/** `road`: the connection failed, or brought no whole answer. `redirect`: it leads where the token does not go. */
export type FailureKind = 'certificate' | 'redirect' | 'answer' | 'road';

/** What kind of failure an error tells. */
export function kindOf(error: PinError): FailureKind {
  if (error instanceof PinDocumentError) return 'answer';
  if (isCertificateFailure(error)) return 'certificate';
  return error instanceof PinProviderError && error.detail === 'redirect' ? 'redirect' : 'road';
}

// 472: replica for disaster recovery; 473: performance standby; 412: has not seen the newest write yet.
const passing: ReadonlySet<number> = new Set([412, 429, 472, 473]);

/** Whether another attempt may end otherwise. Where the request may have taken effect, it is only repeated if it reads. */
export function mayRepeat(attempt: Attempt, isRead: boolean): boolean {
  if ('error' in attempt) return attempt.kind === 'road' && (isRead || !attempt.isSent);
  const { statusCode } = attempt.response;
  if (statusCode >= 500 && statusCode !== 501) return isRead || statusCode === 503;
  return passing.has(statusCode);
}

/** Whether another node may know better: also where this one is not initialised, redirects, or shows a wrong certificate. */
export function mayAskNext(attempt: Attempt, isRead: boolean): boolean {
  if ('error' in attempt)
    return attempt.kind === 'certificate' || attempt.kind === 'redirect' || mayRepeat(attempt, isRead);
  // Who names a time to wait is a vault that works and is asked too often.
  if (attempt.response.statusCode === 429 && attempt.response.retryAfter !== undefined) return false;
  return attempt.response.statusCode === 501 || mayRepeat(attempt, isRead);
}

/** The one to report of two that failed: a refused certificate may be an attack, an answer says more than silence. */
export function tellingOf(one: Attempt | undefined, other: Attempt): Attempt {
  const weight = (attempt: Attempt): number =>
    'response' in attempt ? 1 : attempt.kind === 'certificate' ? 2 : 0;
  return one === undefined || weight(other) > weight(one) ? other : one;
}

const firstDelayMs = 50;
const longestRetryAfterMs = 1_000;

/**
 * How long to wait before the next round, in milliseconds; `undefined` where it is the resolver's to wait. Short, so that
 * all rounds fit into one read: long waits are the resolver's, which knows Retry-After, too.
 *
 * @param round - 0 after the first
 */
export function delayMsAfter(
  round: number,
  retryAfterMs: number | undefined,
  random: number,
): number | undefined {
  const delayMs = firstDelayMs * (round + 1) * (1 + random / 2);
  if (retryAfterMs === undefined) return delayMs;
  return retryAfterMs > longestRetryAfterMs ? undefined : Math.max(retryAfterMs, delayMs);
}
