import { inspect } from 'node:util';
import {
  AggregateAuthenticationError,
  AuthenticationError,
  AuthenticationRequiredError,
  CredentialUnavailableError,
} from '@azure/identity';
import { expect } from 'chai';
import { PinMismatchError } from '@pinvault/core';
import { credentialFailure } from '#src/credential-failure.js';
import { mapError } from '#src/map-error.js';

const canary = 's3cret-CANARY';

/** What Microsoft Entra ID answers, with the secret in it that it was sent. */
function entraError(status: number, code: string): AuthenticationError {
  return new AuthenticationError(status, {
    error: 'invalid_client',
    error_description: `AADSTS${code}: Invalid client secret '${canary}' provided.`,
  });
}

const none = new CredentialUnavailableError(
  `EnvironmentCredential is unavailable. ${canary}. To troubleshoot, visit https://aka.ms/azsdk`,
);

describe('a credential without a token', () => {
  const cases: readonly (readonly [string, unknown, string, readonly string[]])[] = [
    ['a secret that is wrong', entraError(401, '7000215'), 'ERR_PROVIDER_DENIED', ['AADSTS7000215']],
    ['a tenant that does not exist', entraError(400, '90002'), 'ERR_PROVIDER_DENIED', ['AADSTS90002']],
    ['too many sign-ins', entraError(429, '50196'), 'ERR_PROVIDER_THROTTLED', ['AADSTS50196']],
    ['a sign-in that is down', entraError(503, '90033'), 'ERR_PROVIDER_UNAVAILABLE', ['AADSTS90033']],
    [
      'a sign-in that asks to come back',
      entraError(400, '90033'),
      'ERR_PROVIDER_UNAVAILABLE',
      ['AADSTS90033'],
    ],
    ['a loop of sign-ins', entraError(400, '50196'), 'ERR_PROVIDER_THROTTLED', ['AADSTS50196']],
    [
      'a sign-in that reached nobody, which has a status all the same',
      new AuthenticationError(400, {
        error: 'EnvironmentCredential authentication failed.',
        error_description: `endpoints_resolution_error: ${canary}`,
      }),
      'ERR_PROVIDER_UNAVAILABLE',
      [],
    ],
    [
      'a secret that another issuer does not know',
      new AuthenticationError(400, { error: 'invalid_client', error_description: `MSIS9607: ${canary}` }),
      'ERR_PROVIDER_DENIED',
      [],
    ],
    ['no credential', none, 'ERR_PROVIDER_UNAVAILABLE', ['EnvironmentCredential', 'az login']],
    [
      'a walk along several, none of which is there',
      new AggregateAuthenticationError(
        [none, new CredentialUnavailableError(`AzureCliCredential: ${canary}`)],
        `ChainedTokenCredential authentication failed. ${canary}`,
      ),
      'ERR_PROVIDER_UNAVAILABLE',
      ['EnvironmentCredential', 'AzureCliCredential'],
    ],
    [
      'a walk on which one was refused',
      new AggregateAuthenticationError([none, entraError(401, '7000222')], canary),
      'ERR_PROVIDER_DENIED',
      ['AADSTS7000222'],
    ],
    [
      'a sign-in that a person would have to make',
      new AuthenticationRequiredError({ scopes: [canary], message: canary }),
      'ERR_PROVIDER_UNAVAILABLE',
      [],
    ],
    [
      'no network',
      Object.assign(new Error(canary), { code: 'ENETUNREACH', config: { headers: canary } }),
      'ERR_PROVIDER_UNAVAILABLE',
      ['ENETUNREACH'],
    ],
    ['something thrown', canary, 'ERR_PROVIDER_UNAVAILABLE', []],
    ['nothing thrown', undefined, 'ERR_PROVIDER_UNAVAILABLE', []],
  ];
  for (const [what, thrown, code, facts] of cases) {
    it(`because of ${what} is ${code}, and no more is told than names and codes`, () => {
      const error = credentialFailure(thrown);
      expect(error).to.include({ code, detail: 'credential' });
      for (const fact of facts) expect(error.message).to.contain(fact);
      expect(inspect(error, { depth: Infinity, showHidden: true })).not.to.contain(canary);
    });
  }

  it('is told the same way through a client of the caller', () => {
    const place = { host: 'pins.vault.azure.net', vaultName: 'pins', name: 'tls-pins' };
    for (const [, thrown, code] of cases.slice(0, 10))
      expect(mapError(thrown, place)).to.include({ code, detail: 'credential' });
  });

  it('because of pins of its own is not taken for the vault’s', () => {
    const mismatch = new PinMismatchError('ERR_PIN_MISMATCH', 'login.example: no pin matched', {
      host: 'login.example',
    });
    const error = credentialFailure(new Error('wrapped', { cause: mismatch }));
    expect(error).to.include({ code: 'ERR_PROVIDER_UNAVAILABLE', detail: 'credential', cause: mismatch });
    expect(error.message).to.contain('login.example').and.not.to.contain('azure.pins');
  });

  it('whose error turns in circles, or is very deep, is still told', () => {
    const circle: { name: string; cause?: unknown; errors?: unknown[] } = { name: 'Error' };
    circle.cause = circle;
    circle.errors = [circle, circle];
    expect(credentialFailure(circle).code).to.equal('ERR_PROVIDER_UNAVAILABLE');
    const hostile = {
      get cause(): never {
        throw new Error('no');
      },
    };
    expect(credentialFailure(hostile).code).to.equal('ERR_PROVIDER_UNAVAILABLE');
  });
});
