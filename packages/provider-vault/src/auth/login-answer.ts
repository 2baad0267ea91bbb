import type { PinProviderError } from '@pinvault/core';
import { bodyKind, failing, member, saidBy, type VaultAnswer } from '../answer.js';
import { misconfigured } from '../environment.js';
import { isToken } from '../token.js';

/** A token, with what the vault says of its life. */
export interface GrantedToken {
  readonly token: string;
  /** 0 for one that does not end. */
  readonly durationMs: number;
  readonly isRenewable: boolean;
  /** Batch tokens cannot be revoked. */
  readonly isBatch: boolean;
}

/** The token in the answer to a log-in or a renewal. @throws PinProviderError */
export function grantedToken(answer: VaultAnswer, what: string, secrets: readonly string[]): GrantedToken {
  if (answer.statusCode !== 200) throw loginFailure(answer, what, secrets);
  const auth = member(answer.body, 'auth');
  const token = member(auth, 'client_token');
  const seconds = member(auth, 'lease_duration');
  if (typeof token !== 'string' || !isToken(token) || typeof seconds !== 'number' || !(seconds >= 0)) {
    if (typeof member(auth, 'mfa_requirement') === 'object')
      throw misconfigured(`${what} asks for a second factor, which no service can give`);
    throw failing(answer)(
      'ERR_PROVIDER_UNAVAILABLE',
      `the answer to ${what} holds no token (${answer.body === undefined ? bodyKind(answer, '') : 'other JSON'})`,
      'no-vault',
    );
  }
  const uses = member(auth, 'num_uses');
  if (typeof uses === 'number' && uses > 0) throw limitedUses(uses);
  return {
    token,
    durationMs: seconds * 1_000,
    isRenewable: member(auth, 'renewable') === true,
    isBatch: member(auth, 'token_type') === 'batch',
  };
}

/** A token that is used up by reading cannot follow a document. */
export function limitedUses(uses: number): PinProviderError {
  return misconfigured(
    `the token can be used ${uses} times only, and each read is a use: set token_num_uses=0 on the role`,
  );
}

/** Why a log-in, or a step of it, brought nothing. */
export function loginFailure(
  answer: VaultAnswer,
  what: string,
  secrets: readonly string[],
): PinProviderError {
  const { statusCode } = answer;
  const said = saidBy(answer, secrets);
  const fail = failing(answer);
  if (answer.body === undefined || statusCode >= 500) {
    const isSealed = said.includes('sealed');
    return fail(
      'ERR_PROVIDER_UNAVAILABLE',
      `${what} was answered with status ${statusCode}${said}`,
      isSealed ? 'sealed' : `http-${statusCode}`,
    );
  }
  switch (statusCode) {
    case 429:
      return fail('ERR_PROVIDER_THROTTLED', `the vault asks for fewer requests at ${what}${said}`);
    case 404:
    case 405:
      return fail(
        'ERR_PROVIDER_MISCONFIGURED',
        `the vault does not know ${what}${said}: mind vault.auth.mount, and the namespace`,
        'no-mount',
      );
    case 400:
    case 401:
    case 403:
      return fail('ERR_PROVIDER_DENIED', `the vault refused ${what}${said}`, 'login');
    default:
      return fail(
        'ERR_PROVIDER_UNAVAILABLE',
        `${what} was answered with status ${statusCode}${said}`,
        `http-${statusCode}`,
      );
  }
}
