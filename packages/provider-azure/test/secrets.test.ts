import { inspect } from 'node:util';
import { expect } from 'chai';
import { runChild, warningsDuring } from '@pinvault/testing';
import { type PinEvent, PinResolver } from '@pinvault/core';
import { createAzureProvider } from '#src/index.js';
import { failureOf } from './support/errors.js';
import { credentialOf, read, readOnce } from './support/provider.js';
import { canary, type WireAnswer, WireVault } from './support/wire-vault.js';

const value = 'VALUE-CANARY-0815';

/** Everything that a log could make of a value. */
function renderings(told: unknown): string[] {
  const texts = [
    inspect(told, { depth: Infinity, showHidden: true, getters: true, maxStringLength: null }),
    JSON.stringify(told) ?? '',
    String(told),
  ];
  for (let error = told; error instanceof Error; error = error.cause)
    texts.push(error.message, error.stack ?? '', JSON.stringify(Object.entries(error)));
  return texts;
}

function expectNoSecret(told: unknown): void {
  for (const text of renderings(told)) {
    expect(text.toLowerCase()).not.to.contain('canary');
    expect(text).not.to.contain(value);
  }
}

const json = JSON.stringify;

describe('neither token nor value', () => {
  let vault: WireVault;

  beforeEach(async () => {
    vault = await WireVault.start();
  });

  afterEach(async () => {
    await vault.close();
  });

  // The vault, or what stands in its place, sends back all that it was sent, and the value with it.
  const all = `Bearer ${canary} ${value}`;
  const echoes: readonly (readonly [string, WireAnswer])[] = [
    ...[400, 401, 403, 404, 409, 412, 418, 429, 500, 502, 503].map(
      (status): readonly [string, WireAnswer] => [
        `an error body with status ${status}`,
        {
          status,
          headers: { 'retry-after': value, 'x-ms-request-id': canary, 'x-ms-keyvault-region': canary },
          body: { error: { code: all, message: all, innererror: { code: all, message: all } } },
        },
      ],
    ),
    [
      'a known code with foreign words',
      { status: 403, body: { error: { code: 'Forbidden', message: all } } },
    ],
    ['a page', { status: 502, headers: { 'content-type': 'text/html' }, body: `<pre>${all}</pre>` }],
    ['a page with 200', { status: 200, headers: { 'content-type': `text/${canary}` }, body: all }],
    ['broken JSON', { status: 200, body: `{"value":"${all}"` }],
    ['broken JSON of an error', { status: 500, body: `{"error":"${all}"` }],
    ['a secret without an id', { status: 200, body: { value: all } }],
    ['an id that is none', { status: 200, body: { value: all, id: all } }],
    [
      'a content type',
      {
        status: 200,
        body: {
          value: all,
          id: 'https://a.vault.azure.net/secrets/a/1',
          contentType: `${canary}/${value} x`,
        },
      },
    ],
    [
      'a version',
      {
        status: 200,
        body: {
          value: all,
          id: `https://a.vault.azure.net/secrets/a/${canary}`,
          attributes: { enabled: false },
        },
      },
    ],
    [
      'the host of a redirect',
      { status: 307, headers: { location: `https://${value}.example/${canary}` }, body: '' },
    ],
    [
      'a challenge',
      { status: 401, headers: { 'www-authenticate': `Bearer resource="https://${value}"` }, body: '' },
    ],
  ];
  for (const [what, answer] of echoes) {
    it(`is in any error, although ${what} repeats it`, async () => {
      vault.answerWith(answer);
      const error = await failureOf(() => readOnce(vault.options()));
      expect(error).to.have.property('code');
      expectNoSecret(error);
    });
  }

  it('is in an error of a connection that failed', async () => {
    const other = (await vault.root.issue()).pin;
    for (const options of [
      { vaultUrl: 'https://127.0.0.1:1' },
      { clientOptions: {} },
      { pins: other },
      { timeoutMs: 0.5 },
      { credential: { getToken: () => Promise.reject(new Error(all)) } },
      { credential: credentialOf(() => `${canary}\n`) },
    ])
      expectNoSecret(await failureOf(() => readOnce(vault.options(options))));
  });

  it('is in the provider itself', async () => {
    const provider = createAzureProvider(vault.options());
    await read(provider);
    expectNoSecret(provider);
    await provider.close?.();
  });

  it('is in an event, a status or a warning of a resolver', async () => {
    const events: PinEvent[] = [];
    const warnings = await warningsDuring(async () => {
      // Each a resolver of its own: one that was refused leaves its store alone for a while.
      for (const [, answer] of echoes) {
        vault.answerWith();
        const resolver = await PinResolver.create(createAzureProvider(vault.options()), {
          onEvent: (event) => events.push(event),
          refreshIntervalMs: 3_600_000,
        });
        vault.answerWith(answer);
        expect((await resolver.refresh()).outcome).to.be.oneOf(['failed', 'rejected']);
        expectNoSecret(resolver.status());
        await resolver.close();
      }
    });
    const told = events.filter(({ type }) => type === 'refreshError' || type === 'documentRejected');
    expect(told).to.have.length(echoes.length);
    expect(warnings).not.to.have.length(0);
    for (const text of [...events, ...warnings]) expectNoSecret(text);
  });

  for (const variables of [
    { AZURE_LOG_LEVEL: 'verbose' },
    { DEBUG: '*', DEBUG_DEPTH: '10' },
    { NODE_DEBUG: '*' },
  ]) {
    it(`is in the output of ${json(variables)}`, async function () {
      this.timeout(20_000);
      vault.answerWith({
        status: 200,
        body: { value: json({ $note: value, a: 'none' }), id: 'https://a.vault.azure.net/secrets/a/1' },
      });
      const source = `
        import { createAzureProvider } from '@pinvault/provider-azure';
        const provider = createAzureProvider({
          credential: { getToken: async () => ({ token: process.env.SHOWN.replace('_', 'CANARY'), expiresOnTimestamp: 9e12 }) },
          clientOptions: { tlsOptions: { ca: process.env.TRUSTED } },
        });
        const hold = setTimeout(() => undefined, 20_000);
        console.log('read revision', (await provider.read({ signal: new AbortController().signal })).revision);
        clearTimeout(hold);
      `;
      const { code, output } = await runChild(new URL('.', import.meta.url), source, {
        ...variables,
        PINVAULT_AZURE_VAULT_URL: vault.server.origin,
        PINVAULT_AZURE_SECRET_NAME: 'tls-pins',
        // In two parts, so that it is found only where it was shown.
        SHOWN: canary.replace('CANARY', '_'),
        TRUSTED: vault.root.pem,
      });
      expect(code, output.slice(-2_000)).to.equal(0);
      expect(output).to.contain('read revision 1');
      expect(vault.seen.at(-1)?.headers.authorization).to.equal(`Bearer ${canary}`);
      expect(output).not.to.contain('CANARY');
    });
  }
});
