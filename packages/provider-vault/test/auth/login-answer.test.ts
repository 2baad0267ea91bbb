import { expect } from 'chai';
import type { PinErrorCode } from '@pinvault/core';
import type { VaultAnswer } from '#src/answer.js';
import { grantedToken } from '#src/auth/login-answer.js';
import { providerError } from '../support/errors.js';

const answer = (statusCode: number, body: unknown): VaultAnswer => ({
  statusCode,
  body,
  contentType: 'application/json',
  retryAfter: '7',
  byteCount: 0,
});

const auth = {
  client_token: 'hvs.x',
  lease_duration: 60,
  renewable: true,
  token_type: 'service',
  num_uses: 0,
};

describe('grantedToken', () => {
  it('reads a token and its life', () => {
    const service = { token: 'hvs.x', durationMs: 60_000, isRenewable: true, isBatch: false };
    expect(grantedToken(answer(200, { auth }), 'it', [])).to.deep.equal(service);
    const batch = { ...auth, token_type: 'batch', renewable: false, lease_duration: 0 };
    const expected = { token: 'hvs.x', durationMs: 0, isRenewable: false, isBatch: true };
    expect(grantedToken(answer(200, { auth: batch }), 'it', [])).to.deep.equal(expected);
  });

  const refused: readonly (readonly [string, number, unknown, PinErrorCode])[] = [
    ['no token', 200, { auth: { ...auth, client_token: '' } }, 'ERR_PROVIDER_UNAVAILABLE'],
    ['a token that is none', 200, { auth: { ...auth, client_token: 'a b' } }, 'ERR_PROVIDER_UNAVAILABLE'],
    ['no life', 200, { auth: { ...auth, lease_duration: '60' } }, 'ERR_PROVIDER_UNAVAILABLE'],
    ['a life below zero', 200, { auth: { ...auth, lease_duration: -1 } }, 'ERR_PROVIDER_UNAVAILABLE'],
    ['a page', 200, undefined, 'ERR_PROVIDER_UNAVAILABLE'],
    ['an array', 200, [], 'ERR_PROVIDER_UNAVAILABLE'],
    [
      'a second factor',
      200,
      { auth: { client_token: '', mfa_requirement: {} } },
      'ERR_PROVIDER_MISCONFIGURED',
    ],
    ['a number of uses', 200, { auth: { ...auth, num_uses: 1 } }, 'ERR_PROVIDER_MISCONFIGURED'],
    ['a refusal', 400, { errors: ['invalid'] }, 'ERR_PROVIDER_DENIED'],
    ['a refusal', 403, { errors: [] }, 'ERR_PROVIDER_DENIED'],
    ['a page in place of a refusal', 403, undefined, 'ERR_PROVIDER_UNAVAILABLE'],
    ['no such mount', 404, { errors: ['no handler for route'] }, 'ERR_PROVIDER_MISCONFIGURED'],
    ['a limit', 429, { errors: ['quota'] }, 'ERR_PROVIDER_THROTTLED'],
    ['a seal', 503, { errors: ['Vault is sealed'] }, 'ERR_PROVIDER_UNAVAILABLE'],
    ['a status that means nothing', 418, { errors: [] }, 'ERR_PROVIDER_UNAVAILABLE'],
  ];
  for (const [what, status, body, code] of refused) {
    it(`tells ${what} with status ${String(status)} as ${code}`, async () => {
      const error = await providerError(() => grantedToken(answer(status, body), 'it', []), code);
      if (code === 'ERR_PROVIDER_THROTTLED') expect(error.retryAfterMs).to.equal(7_000);
    });
  }
});
