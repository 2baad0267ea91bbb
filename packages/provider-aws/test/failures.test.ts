import { inspect } from 'node:util';
import type { PinProviderErrorCode } from '@pinvault/core';
import type { StoreAnswer } from '@pinvault/provider-conformance';
import { expect } from 'chai';
import { createAwsProvider } from '#src/index.js';
import {
  accessDenied,
  clockSkew,
  decryptionFailure,
  expiredToken,
  internalError,
  markedForDeletion,
  page,
  refusal,
  resourceNotFound,
  throttling,
} from './support/answers.js';
import { documentError, providerError } from './support/errors.js';
import {
  answer,
  optionsFor,
  read,
  readOnce,
  secretValue,
  type SecretsManagerStub,
  startStub,
} from './support/stub.js';

type Case = readonly [what: string, answer: StoreAnswer, code: PinProviderErrorCode, detail: string];

const cases: readonly Case[] = [
  ['no such secret', resourceNotFound, 'ERR_PROVIDER_NOT_FOUND', 'missing'],
  ['a secret that is to be deleted', markedForDeletion, 'ERR_PROVIDER_NOT_FOUND', 'deleted'],
  ['a right that lacks', accessDenied, 'ERR_PROVIDER_DENIED', 'access'],
  ['a key that cannot decrypt', decryptionFailure, 'ERR_PROVIDER_DENIED', 'decryption'],
  ['a session that has ended', expiredToken, 'ERR_PROVIDER_DENIED', 'credentials'],
  [
    'credentials that nobody knows',
    refusal(400, 'UnrecognizedClientException', 'x'),
    'ERR_PROVIDER_DENIED',
    'credentials',
  ],
  [
    'a wrong signature',
    refusal(400, 'InvalidSignatureException', 'The request signature we calculated does not match'),
    'ERR_PROVIDER_DENIED',
    'credentials',
  ],
  ['a clock that is off', clockSkew, 'ERR_PROVIDER_DENIED', 'clock'],
  ['too many reads', throttling, 'ERR_PROVIDER_THROTTLED', 'throttled'],
  ['too many reads, by status', { status: 429 }, 'ERR_PROVIDER_THROTTLED', 'throttled'],
  [
    'a parameter that is wrong',
    refusal(400, 'InvalidParameterException', 'x'),
    'ERR_PROVIDER_MISCONFIGURED',
    'bad-request',
  ],
  ['an error of the service', internalError, 'ERR_PROVIDER_UNAVAILABLE', 'failed'],
  ['a name that nobody knows', refusal(400, 'NewException', 'x'), 'ERR_PROVIDER_UNAVAILABLE', 'http-400'],
  ['403 of a proxy', { status: 403, body: '<html>' }, 'ERR_PROVIDER_DENIED', 'access'],
  ['502 of a proxy', { status: 502, body: '<html>' }, 'ERR_PROVIDER_UNAVAILABLE', 'http-502'],
  [
    'a redirect',
    { status: 307, headers: { location: 'http://127.0.0.1:1/' } },
    'ERR_PROVIDER_UNAVAILABLE',
    'http-307',
  ],
];

describe('an answer of Secrets Manager without a document', () => {
  let stub: SecretsManagerStub;
  let next: StoreAnswer;

  beforeEach(async () => {
    stub = await startStub(() => next);
  });

  afterEach(async () => {
    await stub.server.stop();
  });

  for (const [what, given, code, detail] of cases) {
    it(`is told for what it is: ${what}`, async () => {
      next = given;
      const error = await providerError(() => readOnce(optionsFor(stub.server.url)), code);
      expect(error).to.include({ provider: 'aws', detail });
      expect(error.cause).to.equal(undefined);
      // One layer owns retries; a clock that the SDK has corrected is worth one more.
      expect(stub.asked).to.have.length(detail === 'clock' ? 2 : 1);
    });
  }

  it('names the request, under which AWS finds it, and no word of the answer', async () => {
    next = accessDenied;
    const error = await providerError(() => readOnce(optionsFor(stub.server.url)), 'ERR_PROVIDER_DENIED');
    expect(error.message).to.contain('6b7a2d1e-0000-4000-8000-4a5b6c7d8e9f').and.to.contain('tls-pins');
    expect(inspect(error, { showHidden: true, depth: 9 })).not.to.contain('assumed-role');
  });

  it('asks to wait as long as the service says, in seconds or until a date', async () => {
    next = { ...throttling, headers: { ...throttling.headers, 'retry-after': '12' } };
    const options = optionsFor(stub.server.url);
    expect((await providerError(() => readOnce(options), 'ERR_PROVIDER_THROTTLED')).retryAfterMs).to.equal(
      12_000,
    );
    next = { ...throttling, headers: { 'retry-after': 'Fri, 01 Jan 2010 00:00:00 GMT' } };
    expect((await providerError(() => readOnce(options), 'ERR_PROVIDER_THROTTLED')).retryAfterMs).to.equal(0);
    next = { ...throttling, headers: { 'retry-after': 'soon' } };
    expect((await providerError(() => readOnce(options), 'ERR_PROVIDER_THROTTLED')).retryAfterMs).to.equal(
      undefined,
    );
  });

  it('is no document where it is a page, or JSON of another kind', async () => {
    next = page;
    await documentError(() => readOnce(optionsFor(stub.server.url)), 'ERR_DOCUMENT_MALFORMED');
    for (const body of [
      {},
      { VersionId: 'v1' },
      { SecretString: '{}' },
      { SecretString: '{}', VersionId: '' },
    ]) {
      next = answer(body);
      await documentError(() => readOnce(optionsFor(stub.server.url)), 'ERR_DOCUMENT_MALFORMED');
    }
  });

  it('is cut off where it never ends', async () => {
    const huge = 'x'.repeat(5 * 1024 * 1024);
    next = answer(secretValue(huge));
    const error = await documentError(() => readOnce(optionsFor(stub.server.url)), 'ERR_DOCUMENT_TOO_LARGE');
    expect(inspect(error, { showHidden: true, depth: 9 })).not.to.contain('x-amz');
    next = answer(secretValue('x'.repeat(3 * 1024 * 1024)));
    expect(await readOnce(optionsFor(stub.server.url))).to.have.property('revision', 'v1');
  });

  it('is held against nobody: the next read is a new one', async () => {
    const provider = createAwsProvider(optionsFor(stub.server.url));
    for (const [, given, code] of cases) {
      next = given;
      await providerError(() => read(provider), code);
      next = answer(secretValue({ a: 'none' }));
      expect(await read(provider)).to.have.property('revision', 'v1');
    }
    await provider.close?.();
  });
});

describe('a read that reaches no Secrets Manager', () => {
  it('is told for what it is: no credentials, no region, no host, nothing that listens', async () => {
    const url = 'http://127.0.0.1:1';
    const none = async (): Promise<never> => {
      throw Object.assign(new Error('secret text'), { name: 'CredentialsProviderError' });
    };
    const without = await providerError(
      () => readOnce(optionsFor(url, { clientOptions: { credentials: none } })),
      'ERR_PROVIDER_DENIED',
    );
    expect(without.detail).to.equal('no-credentials');
    expect(without.message).not.to.contain('secret text');
    const refused = await providerError(() => readOnce(optionsFor(url)), 'ERR_PROVIDER_UNAVAILABLE');
    expect(refused.detail).to.equal('ECONNREFUSED');
    const lost = optionsFor('https://nowhere.invalid');
    expect((await providerError(() => readOnce(lost), 'ERR_PROVIDER_UNAVAILABLE')).detail).to.match(
      /^E[A-Z_]+$/u,
    );
    const bad = await providerError(() => readOnce(optionsFor('no address')), 'ERR_PROVIDER_MISCONFIGURED');
    expect(bad.detail).to.equal('endpoint');
  });

  it('ends in time also where credentials never come', async () => {
    const hanging = { credentials: async () => new Promise<never>(() => undefined) };
    const options = optionsFor('http://127.0.0.1:1', { timeoutMs: 50, clientOptions: hanging });
    await providerError(() => readOnce(options), 'ERR_PROVIDER_TIMEOUT');
  });
});
