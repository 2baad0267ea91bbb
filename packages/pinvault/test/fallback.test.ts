import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  createMemoryProvider,
  startDevVault,
  type DevVault,
  type DevVaultResponder,
  warningsDuring,
} from '@pinvault/testing';
import type { CreatePinResolverOptions, Environment, PinEvent, PinResolver } from '#src/index.js';
import { documentError, expectInvalidOption, providerError } from './support/errors.js';
import {
  document,
  host,
  otherDocument,
  otherPin,
  otherRows,
  pin,
  pinsOf,
  Resolvers,
  rows,
} from './support/resolvers.js';

const answering =
  (status: number, body: string, type = 'application/json'): DevVaultResponder =>
  (_request, response) =>
    response.writeHead(status, { 'Content-Type': type }).end(body);

describe('the fallback', () => {
  const resolvers = new Resolvers();
  let vault: DevVault;

  beforeEach(async () => {
    vault = await startDevVault();
    vault.write('tls-pins', rows);
  });

  afterEach(async () => {
    await resolvers.close();
    await vault.close();
  });

  const environment = (more: Environment = {}): Environment => ({
    PINVAULT_PROVIDER: 'vault',
    PINVAULT_VAULT_PATH: 'secret/tls-pins',
    VAULT_ADDR: vault.address,
    VAULT_TOKEN: vault.token,
    ...more,
  });

  const withFallback = (more: Environment = {}): Environment =>
    environment({ PINVAULT_FALLBACK_PINS: otherDocument, ...more });

  async function start(env: Environment, options: CreatePinResolverOptions = {}): Promise<PinResolver> {
    return resolvers.start(
      {
        failedStartDelayMs: 0,
        startupTimeoutMs: 2_000,
        readTimeoutMs: 400,
        refreshIntervalMs: 3_600_000,
        ...options,
      },
      env,
    );
  }

  function expectFallback(resolver: PinResolver): void {
    expect(resolver.status()).to.include({ source: 'fallback', state: 'stale', provider: 'env' });
    expect(pinsOf(resolver)).to.deep.equal([otherPin]);
  }

  it('stays out of the way while the provider answers', async () => {
    const resolver = await start(withFallback());
    expect(resolver.status()).to.include({ source: 'provider', state: 'fresh', provider: 'vault' });
    expect(pinsOf(resolver)).to.deep.equal([pin]);
  });

  describe('serves, and is never fresh, where the store', () => {
    const outages: readonly (readonly [string, DevVaultResponder])[] = [
      ['drops the connection', (request) => request.socket.destroy()],
      ['hangs', () => undefined],
      ['is sealed', answering(503, '{"errors":["Vault is sealed"]}')],
      ['throttles', answering(429, '{"errors":[]}')],
      ['fails', answering(500, '{"errors":["internal error"]}')],
      ['denies', answering(403, '{"errors":["permission denied"]}')],
    ];
    for (const [what, responder] of outages) {
      it(what, async () => {
        vault.respondWith(responder);
        const resolver = await start(withFallback());
        expectFallback(resolver);
        expect(resolver.status())
          .to.have.nested.property('lastError.code')
          .that.matches(/^ERR_PROVIDER_/);
      });
    }

    it('is not there at all', async () => {
      await vault.close();
      expectFallback(await start(withFallback()));
    });
  });

  describe('does not serve where a person has to act', () => {
    beforeEach(() => vault.respondWith(undefined));

    it('the secret is missing, deleted, or its mount wrong', async () => {
      const missing = withFallback({ PINVAULT_VAULT_PATH: 'secret/none' });
      await providerError(start(missing), 'ERR_PROVIDER_NOT_FOUND');
      const mount = withFallback({ PINVAULT_VAULT_PATH: 'kv/tls-pins' });
      await providerError(start(mount), 'ERR_PROVIDER_NOT_FOUND');
      vault.remove('tls-pins');
      await providerError(start(withFallback()), 'ERR_PROVIDER_NOT_FOUND');
    });

    it('the document is malformed, empty or too large', async () => {
      vault.write('tls-pins', { 'https://x/': 'none' });
      await documentError(start(withFallback()), 'ERR_DOCUMENT_MALFORMED');
      vault.write('tls-pins', {});
      await documentError(start(withFallback()), 'ERR_DOCUMENT_EMPTY');
      vault.write('tls-pins', { ...rows, $note: 'x'.repeat(200) });
      const small = start(withFallback(), { maxDocumentBytes: 150 });
      await documentError(small, 'ERR_DOCUMENT_TOO_LARGE');
      vault.respondWith(answering(200, '<html>', 'text/html'));
      await documentError(start(withFallback()), 'ERR_DOCUMENT_MALFORMED');
    });

    it('a required host has no pins', async () => {
      const both = JSON.stringify({ ...otherRows, 'other.example.com': pin });
      const env = withFallback({ PINVAULT_REQUIRE: 'other.example.com', PINVAULT_FALLBACK_PINS: both });
      await documentError(start(env), 'ERR_DOCUMENT_REQUIRED_HOST');
    });

    it('the configuration is wrong', async () => {
      const noToken = withFallback({ VAULT_TOKEN: '', HOME: '/nonexistent' });
      await providerError(start(noToken), 'ERR_PROVIDER_MISCONFIGURED');
      await providerError(start(withFallback({ VAULT_ADDR: 'x' })), 'ERR_PROVIDER_MISCONFIGURED');
      vault.respondWith(answering(400, '{"errors":["what?"]}'));
      await providerError(start(withFallback()), 'ERR_PROVIDER_MISCONFIGURED');
    });
  });

  it('is told, and gives way to the provider when that answers', async () => {
    const events: PinEvent[] = [];
    let resolver: PinResolver | undefined;
    vault.seal();
    const warnings = await warningsDuring(async () => {
      resolver = await start(withFallback(), { warnings: true, onEvent: (event) => events.push(event) });
    });
    expect(warnings.map(({ code }) => code)).to.include('PINVAULT_FALLBACK');
    expect(warnings.find(({ code }) => code === 'PINVAULT_FALLBACK')?.message).to.contain('sealed');
    if (resolver === undefined) return expect.fail('not started');
    expectFallback(resolver);
    vault.unseal();
    expect((await resolver.refresh()).outcome).to.equal('rotated');
    expect(resolver.status()).to.include({ source: 'provider', state: 'fresh', provider: 'vault' });
    expect(pinsOf(resolver)).to.deep.equal([pin]);
    expect(events.map(({ type }) => type)).to.include.members(['ready', 'rotate', 'recovered']);
  });

  it('is what the start says is missing, where there is none', async () => {
    vault.seal();
    const error = await providerError(start(environment()), 'ERR_PROVIDER_UNAVAILABLE');
    expect(error.message).to.contain('PINVAULT_FALLBACK_PINS').and.to.contain('sealed');
  });

  describe('comes', () => {
    beforeEach(() => vault.seal());

    it('from each of its variables', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'pinvault-fallback-'));
      try {
        const file = join(folder, 'pins.json');
        await writeFile(file, otherDocument);
        const encoded = Buffer.from(otherDocument).toString('base64');
        expectFallback(await start(environment({ PINVAULT_FALLBACK_PINS_B64: encoded })));
        const fromFile = await start(environment({ PINVAULT_FALLBACK_PINS_FILE: file }));
        expect(fromFile.status()).to.include({ source: 'fallback', provider: 'file', location: file });
      } finally {
        await rm(folder, { recursive: true });
      }
    });

    it('from code, which beats the environment', async () => {
      const own = await start(withFallback(), { fallback: createMemoryProvider(rows) });
      expect(own.status()).to.include({ source: 'fallback', provider: 'memory' });
      expect(pinsOf(own)).to.deep.equal([pin]);
      await providerError(start(withFallback(), { fallback: 'none' }), 'ERR_PROVIDER_UNAVAILABLE');
      expectFallback(await start(withFallback(), { fallback: 'env' }));
      expectFallback(await start(withFallback(), { fallback: undefined }));
    });
  });

  describe('fails the start, though the vault is up, where', () => {
    const names = ['PINVAULT_FALLBACK_PINS', 'PINVAULT_FALLBACK_PINS_B64', 'PINVAULT_FALLBACK_PINS_FILE'];
    const wrong: readonly (readonly [string, string, string])[] = [
      ['PINVAULT_FALLBACK_PINS', '{', 'broken JSON'],
      ['PINVAULT_FALLBACK_PINS', '{}', 'no rows'],
      ['PINVAULT_FALLBACK_PINS', '{"api.example.com":"sha256/short"}', 'no usable row'],
      ['PINVAULT_FALLBACK_PINS_B64', '%%%', 'no base64'],
      ['PINVAULT_FALLBACK_PINS_B64', Buffer.from('[]').toString('base64'), 'a list'],
      ['PINVAULT_FALLBACK_PINS_FILE', '/nonexistent/pins.json', 'no file'],
    ];
    for (const [name, value, what] of wrong) {
      it(`${name} holds ${what}`, async () => {
        const error = await expectInvalidOption(start(environment({ [name]: value })), name);
        expect(error.cause).to.have.property('code');
      });
    }

    it('it has no pins for a required host', async () => {
      vault.write('tls-pins', { ...rows, 'other.example.com': pin });
      const env = withFallback({ PINVAULT_REQUIRE: `${host},other.example.com` });
      const error = await expectInvalidOption(start(env), 'PINVAULT_FALLBACK_PINS', 'other.example.com');
      expect(error.cause).to.have.property('code', 'ERR_DOCUMENT_REQUIRED_HOST');
      await start(withFallback({ PINVAULT_REQUIRE: host }));
    });

    it('there are two of them', async () => {
      for (const [first, second] of [
        [names[0], names[1]],
        [names[0], names[2]],
        [names[1], names[2]],
      ])
        await expectInvalidOption(
          start(environment({ [first ?? '']: document, [second ?? '']: 'x' })),
          first ?? '',
          second ?? '',
        );
    });

    it('code asks for one and there is none', async () => {
      await expectInvalidOption(start(environment(), { fallback: 'env' }), 'fallback', ...names);
    });

    it('code passes what is no fallback', async () => {
      for (const fallback of [null, {}, 'vault', true, 7])
        await expectInvalidOption(start(withFallback(), { fallback: fallback as never }), 'fallback');
    });

    it('a fallback is wanted at the hard limit and there is none', async () => {
      await expectInvalidOption(start(environment(), { onExpired: 'fallback' }), 'onExpired');
    });
  });

  it('tells a bad row at the start, and keeps the good ones', async () => {
    const fallback = JSON.stringify({ ...otherRows, 'bad.example.com': 'sha256/short' });
    const env = environment({ PINVAULT_FALLBACK_PINS: fallback });
    const warnings = await warningsDuring(async () => {
      expect(pinsOf(await start(env, { warnings: true }))).to.deep.equal([pin]);
    });
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.include({ code: 'ERR_PIN_SYNTAX' });
    expect(warnings[0]?.message).to.contain('PINVAULT_FALLBACK_PINS').and.to.contain('bad.example.com');
    expect(await warningsDuring(async () => void (await start(env)))).to.deep.equal([]);
    vault.seal();
    expect((await start(env)).lookup(host)).to.have.property('rule', 'pins');
  });
});
