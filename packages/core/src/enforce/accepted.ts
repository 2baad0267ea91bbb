import { PinError, PinMismatchError } from '../errors.js';
import { errorOf } from '../resolver/check.js';
import type { Verdict } from '../resolver/judgement.js';
import type { Evidence } from '../verify/evidence.js';
import type { PinSource } from './pin-source.js';

const outcomes: ReadonlySet<unknown> = new Set([
  'match',
  'unpinned',
  'reported',
] satisfies Verdict['outcome'][]);

/**
 * The evidence behind a verdict. Only a verdict lets a connection pass: what a resolver by shape may answer instead,
 * such as a promise that is rejected later, does not. @throws PinMismatchError (`ERR_PIN_MISMATCH`)
 */
export function evidenceOf(verdict: Verdict | undefined, host: string): Evidence {
  const evidence: unknown = verdict?.evidence;
  if (
    verdict !== undefined &&
    outcomes.has(verdict.outcome) &&
    typeof evidence === 'object' &&
    evidence !== null
  ) {
    return verdict.evidence;
  }
  throw new PinMismatchError('ERR_PIN_MISMATCH', `${host}: the check answered with no verdict`, { host });
}

/** Why a connection with this evidence may not be used any more; `undefined` where it may. */
export function whyRefused(pins: PinSource, evidence: Evidence): Error | undefined {
  try {
    evidenceOf(pins.judge(evidence), evidence.host);
    return undefined;
  } catch (error) {
    return errorOf(error, evidence.host);
  }
}

/** Why a connection whose handshake is over may not be used: Node has asked nobody, as with a resumed session. */
export function unjudged(host: string): PinMismatchError {
  return new PinMismatchError('ERR_PIN_MISMATCH', `${host}: the handshake ended without a check`, { host });
}

/** A key that is known to be in wrong hands gets no time to finish a response. */
export function endsAtOnce(reason: Error): boolean {
  return PinError.isPinError(reason) && reason.code === 'ERR_PIN_REVOKED';
}
