import { expect } from 'chai';
import type { PinErrorCode } from '@pinvault/core';
import { mapError } from '#src/map-error.js';
import { documentError, providerError } from './support/errors.js';
import { readOnce } from './support/provider.js';
import { errorBody, type WireAnswer, WireVault } from './support/wire-vault.js';

const requestId = '1fc4d717-befb-4ba7-a62b-2e72afeeedec';

// What the real service answers and the emulator cannot be made to:
// https://learn.microsoft.com/azure/key-vault/general/rest-error-codes
const answers: readonly (readonly [
  what: string,
  answer: WireAnswer,
  code: PinErrorCode,
  detail: string,
  facts: readonly string[],
])[] = [
  [
    'a disabled version',
    {
      status: 403,
      body: errorBody('Forbidden', 'SecretDisabled', 'Operation get is not allowed on a disabled secret.'),
    },
    'ERR_PROVIDER_NOT_FOUND',
    'disabled',
    ['--enabled true'],
  ],
  [
    'an identity without a role',
    { status: 403, body: errorBody('Forbidden', 'ForbiddenByRbac') },
    'ERR_PROVIDER_DENIED',
    'rbac',
    ['Key Vault Secrets User'],
  ],
  [
    'an identity that no access policy names',
    { status: 403, body: errorBody('Forbidden', 'AccessDenied') },
    'ERR_PROVIDER_DENIED',
    'access-policy',
    ['access policy'],
  ],
  [
    'an identity that a policy forbids',
    { status: 403, body: errorBody('Forbidden', 'ForbiddenByPolicy') },
    'ERR_PROVIDER_DENIED',
    'access-policy',
    ['ForbiddenByPolicy'],
  ],
  [
    'a machine outside the firewall',
    { status: 403, body: errorBody('Forbidden', 'ForbiddenByFirewall') },
    'ERR_PROVIDER_DENIED',
    'firewall',
    ['firewall', 'private endpoint'],
  ],
  [
    'a vault behind a private endpoint alone',
    { status: 403, body: errorBody('Forbidden', 'ForbiddenByConnection') },
    'ERR_PROVIDER_DENIED',
    'firewall',
    ['ForbiddenByConnection'],
  ],
  [
    'a 403 of nobody knows what',
    { status: 403, body: errorBody('Forbidden', 'SomethingNew') },
    'ERR_PROVIDER_DENIED',
    'http-403',
    [],
  ],
  [
    'a 403 that no vault has sent',
    { status: 403, headers: { 'content-type': 'text/html' }, body: '<h1>no</h1>' },
    'ERR_PROVIDER_DENIED',
    'http-403',
    [],
  ],
  [
    'a request that it does not understand',
    { status: 400, body: errorBody('BadParameter') },
    'ERR_PROVIDER_MISCONFIGURED',
    'http-400',
    [],
  ],
  [
    'a 404 that no vault has sent',
    { status: 404, headers: { 'content-type': 'text/html' }, body: '<h1>not found</h1>' },
    'ERR_PROVIDER_UNAVAILABLE',
    'no-vault',
    ['vaultUrl'],
  ],
  ['a 404 without a code', { status: 404, body: {} }, 'ERR_PROVIDER_UNAVAILABLE', 'no-vault', []],
  [
    'a secret that is being recovered',
    { status: 409, body: errorBody('Conflict', 'ObjectIsBeingRecovered') },
    'ERR_PROVIDER_UNAVAILABLE',
    'http-409',
    [],
  ],
  ['no service', { status: 503, body: '' }, 'ERR_PROVIDER_UNAVAILABLE', 'http-503', []],
  [
    'a gateway in its place',
    { status: 502, headers: { 'content-type': 'text/html' }, body: '<h1>bad gateway</h1>' },
    'ERR_PROVIDER_UNAVAILABLE',
    'http-502',
    [],
  ],
  [
    'broken JSON with a status of its own',
    { status: 500, body: '{"error":' },
    'ERR_PROVIDER_UNAVAILABLE',
    'http-500',
    [],
  ],
  ['nothing with 204', { status: 204, body: '' }, 'ERR_PROVIDER_UNAVAILABLE', 'http-204', []],
];

describe('an answer of Azure Key Vault', () => {
  let vault: WireVault;

  beforeEach(async () => {
    vault = await WireVault.start();
  });

  afterEach(async () => {
    await vault.close();
  });

  for (const [what, answer, code, detail, facts] of answers) {
    it(`of ${what} is ${code}, ${detail}`, async () => {
      vault.answerWith(answer);
      const error = await providerError(() => readOnce(vault.options()), code);
      expect(error.detail).to.equal(detail);
      for (const fact of [new URL(vault.server.origin).host, ...facts])
        expect(error.message).to.contain(fact);
      expect(error.message).not.to.contain('words of the service');
      // One attempt: the resolver owns time.
      expect(vault.seen.length).to.equal(2);
    });
  }

  it('of a throttled read says how long it wants to be left alone, and is not tried again here', async () => {
    for (const [headers, retryAfterMs] of [
      [{ 'retry-after': '17' }, 17_000],
      [{ 'retry-after-ms': '1500' }, 1_500],
      [{}, undefined],
    ] as const) {
      vault.answerWith({
        status: 429,
        headers,
        body: errorBody('Throttled', 'VaultRequestTypeLimitReached'),
      });
      const error = await providerError(() => readOnce(vault.options()), 'ERR_PROVIDER_THROTTLED');
      expect(error.retryAfterMs).to.equal(retryAfterMs);
    }
    expect(vault.seen.length).to.equal(6);
  });

  it('of an overloaded service says so, too', async () => {
    vault.answerWith({ status: 503, headers: { 'retry-after': '3' }, body: errorBody('ServiceUnavailable') });
    const error = await providerError(() => readOnce(vault.options()), 'ERR_PROVIDER_UNAVAILABLE');
    expect(error.retryAfterMs).to.equal(3_000);
  });

  it('has the number that Azure’s support asks for, and none that could be something else', async () => {
    const deny = (id: string): WireAnswer => ({
      status: 403,
      headers: { 'x-ms-request-id': id },
      body: errorBody('Forbidden', 'ForbiddenByRbac'),
    });
    vault.answerWith(deny(requestId));
    const error = await providerError(() => readOnce(vault.options()), 'ERR_PROVIDER_DENIED');
    expect(error.message).to.contain(requestId);
    vault.answerWith(deny('s3cret s3cret'));
    const odd = await providerError(() => readOnce(vault.options()), 'ERR_PROVIDER_DENIED');
    expect(odd.message).not.to.contain('s3cret');
  });

  it('that asks for a token for another service gets none', async () => {
    for (const resource of ['https://management.azure.com', 'https://evil.example', 'nonsense']) {
      vault.challengeFor(resource);
      const error = await providerError(() => readOnce(vault.options()), 'ERR_PROVIDER_MISCONFIGURED');
      expect(error.detail, resource).to.equal('challenge');
    }
    expect(vault.seen.every(({ headers }) => headers.authorization === undefined)).to.equal(true);
  });

  it('that asks for one is looked at by the SDK itself, unless the vault is on this machine or code says otherwise', async () => {
    const strict = { tlsOptions: { ca: vault.root.pem }, disableChallengeResourceVerification: false };
    const error = await providerError(
      () => readOnce(vault.options({ clientOptions: strict })),
      'ERR_PROVIDER_MISCONFIGURED',
    );
    expect(error.detail).to.equal('challenge');
    const lax = { ...strict, disableChallengeResourceVerification: true };
    vault.challengeFor('https://vault.example.net');
    expect(await readOnce(vault.options({ clientOptions: lax }))).to.have.property('document');
  });

  it('of 200 that is no JSON, no secret, or broken is no document', async () => {
    for (const answer of [
      { status: 200, headers: { 'content-type': 'text/html' }, body: '<h1>log in</h1>' },
      { status: 200, body: '{"value":' },
      { status: 200, body: '' },
      { status: 200, body: 'null' },
      { status: 200, body: [] },
      { status: 200, body: { value: '{}' } },
      { status: 200, body: { id: 'https://pins.vault.azure.net/secrets/tls-pins/0123' } },
    ] satisfies WireAnswer[]) {
      vault.answerWith(answer);
      const error = await documentError(() => readOnce(vault.options()), 'ERR_DOCUMENT_MALFORMED');
      expect(error.reason).to.be.oneOf(['not-json', 'bad-value']);
    }
  });

  it('without an end is not read to the end', async () => {
    vault.answerWith({ status: 200, body: { value: 'x'.repeat(3 * 1024 * 1024) } });
    await documentError(() => readOnce(vault.options()), 'ERR_DOCUMENT_TOO_LARGE');
  });
});

describe('mapError', () => {
  const place = { host: 'pins.vault.azure.net', vaultName: 'pins', name: 'tls-pins' };

  it('names what it was, whatever was thrown', () => {
    for (const thrown of [undefined, null, 's3cret', 7, {}, new Error('s3cret'), { code: 's3cret s3cret' }]) {
      const error = mapError(thrown, place);
      expect(error.code).to.equal('ERR_PROVIDER_UNAVAILABLE');
      expect(error.message).not.to.contain('s3cret');
      expect(error.cause).to.equal(undefined);
    }
  });

  it('tells the ways in which a vault cannot be reached', () => {
    for (const [code, fact] of [
      ['ENOTFOUND', 'private DNS zone'],
      ['EAI_AGAIN', 'DNS'],
      ['ECONNREFUSED', 'vaultUrl'],
      ['ECONNRESET', 'ECONNRESET'],
      ['SELF_SIGNED_CERT_IN_CHAIN', 'NODE_EXTRA_CA_CERTS'],
    ] as const) {
      const error = mapError(Object.assign(new Error('s3cret'), { code }), place);
      expect(error).to.include({ code: 'ERR_PROVIDER_UNAVAILABLE', detail: code });
      expect(error.message).to.contain(fact);
    }
  });
});
