import { createStaticProvider, PinResolver } from '@pinvault/core';
import { expect } from 'chai';
import { describeWithEach, loads8, withOldUndici } from './support/majors.js';

describeWithEach('options of PinnedDispatcher', (major) => {
  let pins: PinResolver;

  before(async () => {
    const provider = createStaticProvider({ 'api.example.test': 'none' });
    pins = await PinResolver.create(provider, { warnings: false });
  });

  after(() => pins.close());

  const create = (options: object) => () => new major.pinned.PinnedDispatcher(pins, options);
  const weak = (name: string): object => JSON.parse(`{ "${name}": false }`) as object;
  const someFunction = (): undefined => undefined;

  const unsafe: Readonly<Record<string, object>> = {
    'a connect function': { connect: someFunction },
    'a connect that is no object': { connect: 'api' },
    'a switched-off verification': { connect: weak('rejectUnauthorized') },
    'a switched-off verification at the top': weak('rejectUnauthorized'),
    'a check': { connect: { checkServerIdentity: someFunction } },
    'a session': { connect: { session: Buffer.alloc(1) } },
    'a pre-shared key': { connect: { pskCallback: someFunction } },
    'TLS options in another place': { tls: {} },
    'TLS options in the place of ProxyAgent': { requestTls: {} },
    'a factory of pools': { factory: someFunction },
    'a factory of clients': { clientFactory: someFunction },
    interceptors: { interceptors: {} },
    'a drain without an end': { drainTimeoutMs: Infinity },
    'a drain that is no number': { drainTimeoutMs: '1' },
    'sessions that are no number': { maxCachedSessions: -1 },
    'a proxy that is no URL': { proxy: 'proxy.example.test:3128' },
    'a SOCKS proxy': { proxy: 'socks5://127.0.0.1:1080' },
    'a switched-off verification of the proxy': {
      proxy: 'https://127.0.0.1:1',
      proxyTls: weak('rejectUnauthorized'),
    },
    'a check of the proxy': { proxy: 'https://127.0.0.1:1', proxyTls: { checkServerIdentity: someFunction } },
    'pins of a proxy that are none': { proxy: 'https://127.0.0.1:1', proxyPins: {} },
    'TLS of a proxy that is not there': { proxyTls: {} },
    'a token for a proxy that is not there': { proxyToken: 'x' },
  };

  for (const [title, options] of Object.entries(unsafe)) {
    it(`refuse ${title}`, () => {
      expect(create(options)).to.throw(TypeError).with.property('code', 'ERR_INVALID_OPTION');
    });
  }

  it('refuse pins of a proxy that is spoken to without TLS', () => {
    const options = { proxy: 'http://127.0.0.1:1', proxyPins: pins };
    expect(create(options)).to.throw(TypeError).with.property('code', 'ERR_INVALID_OPTION');
  });

  it('refuse what is no resolver', () => {
    for (const value of [undefined, {}, { verify: someFunction }])
      expect(() => new major.pinned.PinnedDispatcher(value as never))
        .to.throw(TypeError)
        .with.property('code', 'ERR_INVALID_OPTION');
  });

  it('tell no password of a proxy', () => {
    const proxy = 'ftp://user:canary@127.0.0.1/';
    expect(create({ proxy }))
      .to.throw(TypeError)
      .and.satisfy((error: Error) => !error.message.includes('canary'));
  });

  it('take undefined where undici does', async () => {
    const dispatcher = create({
      connect: { rejectUnauthorized: undefined, checkServerIdentity: undefined },
      connections: 3,
    })();
    await dispatcher.close();
  });
});

describe('PinnedDispatcher with an undici that it does not know', () => {
  it('is refused when it is made', async function () {
    if (!loads8) this.skip();
    const { PinnedDispatcher, createPinnedFetch } = await withOldUndici();
    const pins = await PinResolver.create(createStaticProvider({ 'api.example.test': 'none' }), {
      warnings: false,
    });
    for (const create of [() => new PinnedDispatcher(pins), () => createPinnedFetch(pins)])
      expect(create).to.throw(TypeError).with.property('code', 'ERR_INVALID_OPTION');
    await pins.close();
  });
});
