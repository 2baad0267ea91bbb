import { expect } from 'chai';
import { createStaticProvider, PinResolver } from '@pinvault/core';
import { pinnedIoredisOptions, pinnedMqttOptions, pinnedMysqlStream, pinnedPgConfig } from '#src/index.js';

const pin = `sha256/${Buffer.alloc(32, 1).toString('base64')}`;
const invalid = { code: 'ERR_INVALID_OPTION' };

describe('the guards of drivers', () => {
  let pins: PinResolver;
  before(async () => {
    pins = await PinResolver.create(createStaticProvider({ '*': pin }), { warnings: false });
  });
  after(() => pins.close());

  function expectInvalid(action: () => unknown): void {
    expect(action).to.throw(TypeError).that.includes(invalid);
  }

  describe('pinnedPgConfig', () => {
    const url = 'postgres://user:canary@db.example.test:6432/app';

    it('pins the host of the connection string, and keeps the rest', () => {
      const config = pinnedPgConfig(pins, { connectionString: url, max: 5, ssl: { ca: 'ca' } });
      expect(config).to.include({ connectionString: url, max: 5 });
      expect(config.ssl).to.include({ ca: 'ca', servername: 'db.example.test', rejectUnauthorized: true });
      expect(config.ssl.checkServerIdentity).to.be.a('function');
    });

    for (const parameter of [
      'sslmode=verify-full',
      'sslmode=no-verify',
      'ssl=true',
      'sslrootcert=ca.pem',
      'host=other',
    ]) {
      it(`refuses a connection string with ${parameter}`, () => {
        expectInvalid(() =>
          pinnedPgConfig(pins, { connectionString: `${url}?application_name=a&${parameter}` }),
        );
      });
    }

    it('tells no password where the connection string is no URL', () => {
      expect(() => pinnedPgConfig(pins, { connectionString: 'user:canary@' }))
        .to.throw(TypeError)
        .that.satisfies((error: Error) => !error.message.includes('canary'));
    });

    it('refuses a configuration without a host, and a socket', () => {
      expectInvalid(() => pinnedPgConfig(pins, {}));
      expectInvalid(() => pinnedPgConfig(pins, { host: '/var/run/postgresql' }));
      expectInvalid(() => pinnedPgConfig(pins, { connectionString: 'postgres://%2Fvar%2Frun/app' }));
    });

    it("refuses options in the pins' place", () => {
      expectInvalid(() =>
        pinnedPgConfig(pins, { host: 'a.test', ssl: { checkServerIdentity: () => undefined } }),
      );
    });

    it('names no server for an IP address', () => {
      expect(pinnedPgConfig(pins, { host: '127.0.0.1' }).ssl).not.to.have.property('servername');
    });

    it('refuses libpq', () => {
      process.env['NODE_PG_FORCE_NATIVE'] = '1';
      try {
        expectInvalid(() => pinnedPgConfig(pins, { host: 'a.test' }));
      } finally {
        delete process.env['NODE_PG_FORCE_NATIVE'];
      }
    });
  });

  describe('pinnedMqttOptions', () => {
    it('puts the pins at the top for mqtts:', () => {
      const options = pinnedMqttOptions(pins, 'mqtts://a.test', { ca: 'ca' });
      expect(options).to.include({ ca: 'ca', servername: 'a.test', rejectUnauthorized: true });
    });

    it('says the protocol, so that another URL beside them cannot take TLS away', () => {
      expect(pinnedMqttOptions(pins, 'mqtts://a.test')).to.include({ protocol: 'mqtts' });
      expect(pinnedMqttOptions(pins, 'wss://a.test')).to.include({ protocol: 'wss' });
    });

    it('puts them into wsOptions for wss:, with what stood at the top', () => {
      const options = pinnedMqttOptions(pins, 'wss://a.test/mqtt', { ca: 'ca', wsOptions: { headers: {} } });
      expect(options.wsOptions).to.include({ ca: 'ca', servername: 'a.test', rejectUnauthorized: true });
      expect(options.wsOptions).to.have.keys([
        ...[
          'headers',
          'ca',
          'servername',
          'checkServerIdentity',
          'rejectUnauthorized',
          'session',
          'ecdhCurve',
        ],
      ]);
    });

    it('refuses a URL without TLS', () => {
      for (const url of ['mqtt://a.test', 'ws://a.test', 'tcp://a.test'])
        expectInvalid(() => pinnedMqttOptions(pins, url));
    });

    it("refuses options in the pins' place", () => {
      expectInvalid(() => pinnedMqttOptions(pins, 'wss://a.test', { wsOptions: { agent: {} } }));
      expectInvalid(() => pinnedMqttOptions(pins, 'wss://a.test', { wsOptions: { followRedirects: true } }));
      const createConnection = (): undefined => undefined;
      expectInvalid(() => pinnedMqttOptions(pins, 'wss://a.test', { wsOptions: { createConnection } }));
      for (const options of [
        { protocol: 'mqtt' },
        { servers: [{ host: 'a.test', port: 1883, protocol: 'mqtt' }] },
        { unixSocket: true },
        { forceNativeWebSocket: true },
        { createWebsocket: () => undefined },
        { transformWsUrl: () => 'ws://a.test' },
      ])
        expectInvalid(() => pinnedMqttOptions(pins, 'wss://a.test', options as object));
    });
  });

  describe('pinnedIoredisOptions', () => {
    it('takes the URL apart, and puts the pins where they count', () => {
      const url = 'rediss://user:ca%40nary@a.test:6380/2';
      const options = pinnedIoredisOptions(pins, url, { lazyConnect: true, tls: { ca: 'ca' } });
      expect(options).to.include({ host: 'a.test', port: 6380, username: 'user', password: 'ca@nary' });
      expect(options).to.include({ db: 2, lazyConnect: true });
      expect(options.tls).to.include({ ca: 'ca', servername: 'a.test', rejectUnauthorized: true });
      expect(pinnedIoredisOptions(pins, 'rediss://[::1]').tls).to.include({ host: '::1', port: 6379 });
    });

    for (const url of [
      'redis://a.test',
      'a.test:6379',
      '/tmp/redis.sock',
      'rediss://:canary@a.test/?tls=true',
      'rediss://:canary@a.test/?path=/tmp/redis.sock',
      'rediss:///0',
      'rediss://:canary@a.test/two',
      'rediss://:canary@a.test:port',
    ]) {
      it(`refuses ${url}, and tells no password`, () => {
        expect(() => pinnedIoredisOptions(pins, url))
          .to.throw(TypeError)
          .that.includes(invalid)
          .and.satisfies((error: Error) => !error.message.includes('canary'));
      });
    }

    it("refuses options in the pins' place", () => {
      for (const options of [
        { sentinels: [{ host: 'a.test' }] },
        { Connector: Map },
        { path: '/tmp/redis.sock' },
        { host: 'b.test' },
        { tls: { pskCallback: () => null } },
        { tls: 'RedisCloudFixed' },
      ])
        expectInvalid(() => pinnedIoredisOptions(pins, 'rediss://a.test', options as object));
    });
  });

  describe('pinnedMysqlStream', () => {
    it('refuses a missing host, and a port that is none', () => {
      expectInvalid(() => pinnedMysqlStream(pins, { host: '' }));
      expectInvalid(() => pinnedMysqlStream(pins, { host: 'a.test', port: 70_000 }));
    });

    it("refuses options in the pins' place", () => {
      const pskCallback = (): null => null;
      expectInvalid(() => pinnedMysqlStream(pins, Object.assign({ host: 'a.test' }, { pskCallback })));
      expectInvalid(() => pinnedMysqlStream(pins, { host: 'a.test', graceMs: -1 }));
      expectInvalid(() => pinnedMysqlStream({} as typeof pins, { host: 'a.test' }));
    });

    it('refuses a driver that is to encrypt a second time', () => {
      const stream = pinnedMysqlStream(pins, { host: 'a.test' });
      expectInvalid(() => stream({ config: { ssl: {} } }));
    });
  });
});
