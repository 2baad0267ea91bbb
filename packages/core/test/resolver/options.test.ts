import { expect } from 'chai';
import { systemClock } from '#src/internal/clock.js';
import type { PinProvider } from '#src/provider.js';
import { readSettings, type ResolverOptions } from '#src/resolver/options.js';
import { expectInvalidOption } from '../support/errors.js';
import { TestProvider } from '../support/providers.js';

const noop = (): void => undefined;
const provider = new TestProvider({ 'a.test': 'none' });
const settingsOf = (options: ResolverOptions): ReturnType<typeof readSettings> =>
  readSettings(provider, options);

function mistakeIn(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('the options of a resolver', () => {
  it('have the defaults of the contract', () => {
    expect(settingsOf({})).to.deep.include({
      name: 'memory',
      fallback: undefined,
      mode: 'enforce',
      uncoveredHosts: 'reject',
      requiredHosts: [],
      refreshIntervalMs: 60_000,
      maxStaleMs: 7 * 86_400_000,
      onExpired: 'reject',
      startupTimeoutMs: 8_000,
      readTimeoutMs: 3_000,
      maxDocumentBytes: 1024 * 1024,
      warnings: true,
      clock: systemClock,
      random: Math.random,
    });
  });

  it('take the interval of the provider where the caller names none', () => {
    const own: PinProvider = {
      name: 'vault',
      defaultRefreshIntervalMs: 30_000,
      read: (request) => provider.read(request),
    };
    expect(readSettings(own, {}).refreshIntervalMs).to.equal(30_000);
    expect(readSettings(own, { refreshIntervalMs: 50 }).refreshIntervalMs).to.equal(50);
  });

  it('read required hosts', () => {
    expect(settingsOf({ requiredHosts: ['API.test', 'b.test:8443'] }).requiredHosts).to.deep.equal([
      { host: 'api.test' },
      { host: 'b.test', port: 8443 },
    ]);
  });

  it('may let pins live for ever', () => {
    expect(settingsOf({ maxStaleMs: Infinity }).maxStaleMs).to.equal(Infinity);
  });

  for (const [option, options] of [
    ['mode', { mode: 'off' }],
    ['mode', { mode: '' }],
    ['uncoveredHosts', { uncoveredHosts: 'accept' }],
    ['onExpired', { onExpired: 'allow' }],
    ['onExpired', { onExpired: 'fallback' }],
    ['requiredHosts[1]', { requiredHosts: ['a.test', 'https://a.test'] }],
    ['requiredHosts[0]', { requiredHosts: [7] }],
    ['requiredHosts', { requiredHosts: 'a.test' }],
    ['refreshIntervalMs', { refreshIntervalMs: 49 }],
    ['refreshIntervalMs', { refreshIntervalMs: Infinity }],
    ['refreshIntervalMs', { refreshIntervalMs: '30s' }],
    ['maxStaleMs', { maxStaleMs: 0 }],
    ['maxStaleMs', { maxStaleMs: -Infinity }],
    ['maxStaleMs', { maxStaleMs: NaN }],
    ['startupTimeoutMs', { startupTimeoutMs: Infinity }],
    ['readTimeoutMs', { readTimeoutMs: 0 }],
    ['maxDocumentBytes', { maxDocumentBytes: 0 }],
    ['maxHosts', { maxHosts: 10 }],
    ['fallback', { fallback: {} }],
    ['fallback', { fallback: { name: 'env' } }],
    ['fallback', { fallback: { name: 'vault', scope: 'host', read: (): void => undefined } }],
  ] as const) {
    it(`refuse ${option} in ${JSON.stringify(options)}`, () => {
      expectInvalidOption(
        mistakeIn(() => settingsOf(options as unknown as ResolverOptions)),
        option,
      );
    });
  }

  it('of one document per host name how many are kept, and take neither fallback nor copy on disk', () => {
    const perHost = {
      name: 'vault',
      scope: 'host' as const,
      read: async () => ({ document: {}, revision: '1' }),
    };
    expect(readSettings(perHost, {}).maxHosts).to.equal(10_000);
    for (const maxHosts of [0, -1, 1.5, NaN, Infinity, '7'])
      expectInvalidOption(
        mistakeIn(() => readSettings(perHost, { maxHosts } as never)),
        'maxHosts',
      );
    const fallback = { name: 'env', read: perHost.read };
    expectInvalidOption(
      mistakeIn(() => readSettings(perHost, { fallback })),
      'fallback',
    );
    expectInvalidOption(
      mistakeIn(() => readSettings(perHost, { lastKnownGood: { directory: '/var/lib/pins' } })),
      'lastKnownGood',
    );
  });

  for (const [title, value] of [
    ['nothing', undefined],
    ['null', null],
    ['a text', 'vault'],
    ['something without read()', { name: 'vault' }],
    ['something without a name', { read: (): void => undefined }],
    ['something with an empty name', { name: '', read: (): void => undefined }],
    ['something with an interval of nonsense', { name: 'vault', read: noop, defaultRefreshIntervalMs: NaN }],
    ['something that is read all the time', { name: 'vault', read: noop, defaultRefreshIntervalMs: 0 }],
    ['a provider of an unknown scope', { name: 'vault', scope: 'hosts', read: (): void => undefined }],
  ] as const) {
    it(`refuse ${title} for a provider`, () => {
      expectInvalidOption(
        mistakeIn(() => readSettings(value as unknown as PinProvider, {})),
        'provider',
      );
    });
  }
});
