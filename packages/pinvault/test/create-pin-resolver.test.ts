import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { expect } from 'chai';
import {
  createMemoryProvider,
  createRootCa,
  loopbackLookup,
  startDevVault,
  startTlsServer,
  type DevVault,
  type TestTlsServer,
  warningsDuring,
} from '@pinvault/testing';
import {
  createPinResolver,
  type CreatePinResolverOptions,
  PinnedAgent,
  type PinEvent,
  pinErrorCode,
} from '#src/index.js';
import { documentError, expectInvalidOption, providerError } from './support/errors.js';
import { document, host, Resolvers, rows } from './support/resolvers.js';

describe('createPinResolver', () => {
  const resolvers = new Resolvers();

  afterEach(async () => {
    await resolvers.close();
  });

  const env = (more: Record<string, string> = {}) => ({ PINVAULT_PINS: document, ...more });

  it('reads process.env where no environment is handed over', async () => {
    process.env['PINVAULT_PINS'] = document;
    try {
      const resolver = await createPinResolver();
      expect(resolver.status().hosts).to.deep.equal([host]);
      await resolver.close();
    } finally {
      delete process.env['PINVAULT_PINS'];
    }
  });

  it('refuses options that it does not know, and names those that it does', async () => {
    await expectInvalidOption(
      resolvers.start({ providr: 'vault' } as CreatePinResolverOptions, env()),
      'providr',
      'provider',
    );
    for (const name of ['path', 'refreshInterval', 'awss', 'maxHosts'])
      await expectInvalidOption(resolvers.start({ [name]: 1 }, env()), name);
  });

  it('refuses options that are no object', async () => {
    for (const options of [null, 'vault', 7])
      await expectInvalidOption(createPinResolver(options as never, env()), 'options');
  });

  it('refuses values of options by name', async () => {
    const wrong = {
      mode: 'off',
      uncoveredHosts: 'deny',
      requiredHosts: ['https://x/'],
      refreshIntervalMs: 1,
      maxStaleMs: NaN,
      onExpired: 'ignore',
      startupTimeoutMs: 0,
      readTimeoutMs: Infinity,
      maxDocumentBytes: '1 MiB',
    };
    for (const [name, value] of Object.entries(wrong))
      await expectInvalidOption(resolvers.start({ [name]: value }, env()), name);
  });

  it('closes a provider of one’s own when the start fails', async () => {
    const provider = createMemoryProvider('{');
    await documentError(resolvers.start({ provider }), 'ERR_DOCUMENT_MALFORMED');
    expect(provider.isClosed).to.equal(true);
  });

  describe('mode', () => {
    it('comes from the environment, and code beats it', async () => {
      const report = env({ PINVAULT_MODE: 'report' });
      expect((await resolvers.start({}, report)).status().mode).to.equal('report');
      expect((await resolvers.start({ mode: undefined }, report)).status().mode).to.equal('report');
      expect((await resolvers.start({ mode: 'enforce' }, report)).status().mode).to.equal('enforce');
    });

    it('report is warned of at the start', async () => {
      const warnings = await warningsDuring(async () => {
        await resolvers.start({ warnings: true }, env({ PINVAULT_MODE: 'report' }));
      });
      expect(warnings.map(({ code }) => code)).to.deep.equal(['PINVAULT_REPORT_MODE']);
    });

    it('enforce, the default, is not', async () => {
      const warnings = await warningsDuring(async () => {
        await resolvers.start({ warnings: true }, env());
      });
      expect(warnings).to.deep.equal([]);
    });
  });

  describe('requiredHosts', () => {
    it('fail the start where one has no pins, and the text names it', async () => {
      for (const [options, environment] of [
        [{}, env({ PINVAULT_REQUIRE: `${host}, other.example.com` })],
        [{ requiredHosts: [host, 'other.example.com'] }, env()],
        [{ requiredHosts: undefined }, env({ PINVAULT_REQUIRE: 'other.example.com' })],
      ] as const) {
        const error = await documentError(
          resolvers.start(options, environment),
          'ERR_DOCUMENT_REQUIRED_HOST',
        );
        expect(error.message).to.contain('other.example.com').and.to.contain('PINVAULT_PINS');
      }
    });

    it('let it go on where all have', async () => {
      await resolvers.start({}, env({ PINVAULT_REQUIRE: `${host},${host}:8443` }));
    });
  });

  describe('uncoveredHosts', () => {
    const other = 'other.example.test';
    let server: TestTlsServer;
    let ca: string;

    beforeEach(async () => {
      const root = await createRootCa();
      ca = root.pem;
      server = await startTlsServer({ chain: [await root.issue({ hosts: [other] })] });
    });

    afterEach(async () => {
      await server.close();
    });

    /** What comes of a request to a host without a row: the code, or what was counted. */
    async function outcome(environment: Record<string, string>, options = {}): Promise<unknown> {
      const resolver = await resolvers.start(options, environment);
      const agent = new PinnedAgent(resolver, { ca, lookup: loopbackLookup });
      try {
        const request = get(`https://${other}:${String(server.port)}/`, { agent });
        const [response] = (await once(request, 'response')) as [IncomingMessage];
        response.resume();
        const { unpinned, reported } = resolver.status().counters;
        return { status: response.statusCode, unpinned, reported };
      } catch (error) {
        expect(server.applicationBytes).to.equal(0);
        return pinErrorCode(error);
      } finally {
        agent.destroy();
      }
    }

    it('are refused unless environment or code say otherwise', async () => {
      expect(await outcome(env())).to.equal('ERR_PIN_HOST_UNCOVERED');
      const allow = env({ PINVAULT_UNCOVERED_HOSTS: 'allow' });
      expect(await outcome(allow, { uncoveredHosts: 'reject' })).to.equal('ERR_PIN_HOST_UNCOVERED');
      const allowed = { status: 200, unpinned: 1, reported: 0 };
      expect(await outcome(allow)).to.deep.equal(allowed);
      expect(await outcome(allow, { uncoveredHosts: undefined })).to.deep.equal(allowed);
      const reported = { status: 200, unpinned: 0, reported: 1 };
      expect(await outcome(allow, { uncoveredHosts: 'report' })).to.deep.equal(reported);
    });
  });

  describe('the pace', () => {
    const nextIn = async (options: CreatePinResolverOptions, environment: Record<string, string>) => {
      const { nextRefreshAt, expiresAt } = (
        await resolvers.start({ random: () => 0, ...options }, environment)
      ).status();
      return [(nextRefreshAt ?? 0) - Date.now(), (expiresAt ?? Infinity) - Date.now()] as const;
    };

    it('comes from the environment, and code beats it', async () => {
      const environment = env({ PINVAULT_REFRESH_INTERVAL: '5m', PINVAULT_MAX_STALE: '2h' });
      for (const options of [{}, { refreshIntervalMs: undefined, maxStaleMs: undefined }]) {
        const [interval, limit] = await nextIn(options, environment);
        expect(interval).to.be.within(290_000, 300_000);
        expect(limit).to.be.within(7_190_000, 7_200_000);
      }
      const [interval, limit] = await nextIn(
        { refreshIntervalMs: 60_000, maxStaleMs: Infinity },
        environment,
      );
      expect(interval).to.be.within(50_000, 60_000);
      expect(limit).to.equal(Infinity);
    });

    it('is 30 s for a vault', async () => {
      const vault = await startDevVault();
      try {
        vault.write('tls-pins', rows);
        const path = 'secret/tls-pins';
        const provider = {
          provider: 'vault',
          vault: { path, address: vault.address, token: 'dev-token' },
        } as const;
        expect((await nextIn(provider, {}))[0]).to.be.within(25_000, 30_000);
      } finally {
        await vault.close();
      }
    });
  });

  describe('where the vault hangs', () => {
    let vault: DevVault;

    beforeEach(async () => {
      vault = await startDevVault();
      vault.respondWith(() => undefined);
    });

    afterEach(async () => {
      await vault.close();
    });

    const environment = (more: Record<string, string> = {}) => ({
      PINVAULT_PROVIDER: 'vault',
      PINVAULT_VAULT_PATH: 'secret/tls-pins',
      VAULT_ADDR: vault.address,
      VAULT_TOKEN: vault.token,
      ...more,
    });

    // The default is 8 s.
    const limitMs = 7_000;

    async function failsInTime(options: CreatePinResolverOptions, more = {}): Promise<void> {
      const startedAt = performance.now();
      const error = await providerError(resolvers.start(options, environment(more)), 'ERR_PROVIDER_TIMEOUT');
      expect(performance.now() - startedAt).to.be.below(limitMs);
      expect(error.message)
        .to.contain('secret/tls-pins')
        .and.to.contain('PINVAULT_FALLBACK_PINS')
        .and.to.contain('400 ms');
    }

    it('fails within startupTimeoutMs, and says what to do', async () => {
      await failsInTime({ startupTimeoutMs: 400 });
      await failsInTime({}, { PINVAULT_STARTUP_TIMEOUT: '400ms' });
      await failsInTime({ startupTimeoutMs: undefined }, { PINVAULT_STARTUP_TIMEOUT: '400ms' });
    });

    it('reads again within that time', async () => {
      await failsInTime({ startupTimeoutMs: 400, readTimeoutMs: 50 });
      expect(vault.requests).to.be.within(2, 4);
    });

    it('says which vault, where the vault’s own limit ends the read', async () => {
      const started = resolvers.start(
        { startupTimeoutMs: 400 },
        environment({ VAULT_CLIENT_TIMEOUT: '50ms' }),
      );
      const error = await providerError(started, 'ERR_PROVIDER_TIMEOUT');
      expect(error.message).to.contain(new URL(vault.address).host);
    });

    it('starts when the vault answers in time after all', async () => {
      vault.write('tls-pins', rows);
      let requests = 0;
      vault.respondWith(() => ((requests += 1) === 1 ? undefined : false));
      const events: PinEvent[] = [];
      const resolver = await resolvers.start(
        { readTimeoutMs: 400, startupTimeoutMs: 8_000, onEvent: (event) => events.push(event) },
        environment(),
      );
      expect(resolver.status()).to.include({ source: 'provider', state: 'fresh' });
      expect(events.map(({ type }) => type)).to.deep.equal(['ready']);
    });
  });
});
