import { expect } from 'chai';
import { readVaultSettings } from '#src/options.js';
import { expectInvalidOption, expectMisconfigured } from '../support/errors.js';

const https = 'https://vault.example.com:8200';
const pin = 'sha256/r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=';
const settingsOf = (options: object) =>
  readVaultSettings({ path: 'secret/tls-pins', token: 't', env: {}, address: https, ...options });
const fromEnvironment = (env: Record<string, string>, options: object = {}) =>
  readVaultSettings({ path: 'secret/tls-pins', token: 't', env: { VAULT_ADDR: https, ...env }, ...options });

describe('the connection, from the environment', () => {
  it('has the defaults of the command lines', () => {
    expect(fromEnvironment({})).to.deep.include({
      maxRetries: 2,
      followRedirects: true,
      srvLookup: false,
      proxy: undefined,
      rateLimit: undefined,
    });
  });

  it('goes to an agent that is named before the vault', () => {
    const { nodes } = fromEnvironment({ VAULT_AGENT_ADDR: 'http://127.0.0.1:8100' });
    expect(nodes.map(({ host }) => host)).to.deep.equal(['127.0.0.1:8100']);
    const socket = fromEnvironment({ BAO_AGENT_ADDR: 'unix:///run/agent.sock' }).nodes[0];
    expect(socket).to.include({ socketPath: '/run/agent.sock', host: 'unix:/run/agent.sock' });
  });

  it('is where code says, whatever the agent', () => {
    const env = { VAULT_AGENT_ADDR: 'unix:///run/agent.sock' };
    expect(fromEnvironment(env, { address: https }).nodes[0]?.host).to.equal('vault.example.com:8200');
  });

  it('goes through the proxy of VAULT_PROXY_ADDR before that of VAULT_HTTP_PROXY', () => {
    const one = { VAULT_HTTP_PROXY: 'http://one.example.com:3128' };
    expect(fromEnvironment(one).proxy?.host).to.equal('one.example.com:3128');
    const both = { ...one, VAULT_PROXY_ADDR: 'http://u:p%40@two.example.com:3128' };
    expect(fromEnvironment(both).proxy).to.deep.include({
      host: 'two.example.com:3128',
      authorization: `Basic ${Buffer.from('u:p@').toString('base64')}`,
    });
    expect(fromEnvironment({ HTTPS_PROXY: 'http://x.example.com', NO_PROXY: '*' }).proxy).to.equal(undefined);
  });

  it('reads the rest as the command lines do', () => {
    expect(
      fromEnvironment({
        VAULT_MAX_RETRIES: '5',
        VAULT_DISABLE_REDIRECTS: 'T',
        VAULT_SRV_LOOKUP: '1',
        VAULT_RATE_LIMIT: '2.5:7',
      }),
    ).to.deep.include({
      maxRetries: 5,
      followRedirects: false,
      srvLookup: true,
      rateLimit: { perSecond: 2.5, burst: 7 },
    });
    expect(fromEnvironment({ BAO_RATE_LIMIT: '3.9' }).rateLimit).to.deep.equal({ perSecond: 3.9, burst: 3 });
    expect(fromEnvironment({ VAULT_MAX_RETRIES: '4294967295' }).maxRetries).to.equal(10);
  });

  it('is beaten by code', () => {
    const env = {
      VAULT_MAX_RETRIES: '5',
      VAULT_DISABLE_REDIRECTS: '1',
      VAULT_SRV_LOOKUP: '1',
      VAULT_RATE_LIMIT: '9',
      VAULT_PROXY_ADDR: 'http://one.example.com',
    };
    const options = {
      maxRetries: 0,
      followRedirects: true,
      srvLookup: false,
      rateLimit: '1:2',
      proxy: 'http://two.example.com',
    };
    const settings = fromEnvironment(env, options);
    expect(settings).to.deep.include({
      maxRetries: 0,
      followRedirects: true,
      srvLookup: false,
      rateLimit: { perSecond: 1, burst: 2 },
    });
    expect(settings.proxy?.host).to.equal('two.example.com');
  });

  for (const [variable, value] of [
    ['VAULT_AGENT_ADDR', 'unix://'],
    ['VAULT_AGENT_ADDR', 'tcp://127.0.0.1:8100'],
    ['VAULT_ADDR', 'https://a.example.com:8200,https://b.example.com:8200'],
    ['VAULT_MAX_RETRIES', '-1'],
    ['VAULT_MAX_RETRIES', '2.5'],
    ['VAULT_MAX_RETRIES', 'many'],
    ['VAULT_MAX_RETRIES', '4294967296'],
    ['VAULT_DISABLE_REDIRECTS', 'yes'],
    ['VAULT_SRV_LOOKUP', 'on'],
    ['VAULT_RATE_LIMIT', 'fast'],
    ['VAULT_RATE_LIMIT', '0'],
    ['VAULT_RATE_LIMIT', '5:0'],
    ['VAULT_RATE_LIMIT', '0.5'],
    ['BAO_RATE_LIMIT', '5:x'],
    ['VAULT_PROXY_ADDR', 'proxy:3128'],
    ['VAULT_PROXY_ADDR', 'socks5://s3cret@proxy.example.com'],
    ['VAULT_HTTP_PROXY', 'http://proxy.example.com/s3cret'],
    ['VAULT_HTTP_PROXY', 'http://u:%zz-s3cret@proxy.example.com'],
    ['VAULT_WRAP_TTL', '60s'],
    ['BAO_MFA', 's3cret:123456'],
    ['VAULT_HEADERS', '{"authorization":"s3cret"}'],
  ] as const) {
    it(`is refused by name: ${variable}=${value}`, async () => {
      const error = await expectMisconfigured(() => fromEnvironment({ [variable]: value }), variable);
      expect(error.message).not.to.contain('s3cret');
    });
  }
});

describe('the connection, from options', () => {
  it('knows several addresses', () => {
    const { nodes, address } = settingsOf({
      address: undefined,
      addresses: ['https://a.example.com:8200', 'https://b.example.com:8200/vault'],
    });
    expect(nodes.map(({ host }) => host)).to.deep.equal(['a.example.com:8200', 'b.example.com:8200']);
    expect(address.host).to.equal('a.example.com:8200');
  });

  for (const [option, options] of [
    ['vault.addresses', { addresses: [https] }],
    ['vault.addresses', { address: undefined, addresses: [] }],
    ['vault.addresses', { address: undefined, addresses: https }],
    ['vault.addresses', { address: undefined, addresses: [https, 'vault'] }],
    ['vault.addresses', { address: undefined, addresses: [https, 7] }],
    ['vault.addresses', { address: undefined, addresses: [https, `${https}/`] }],
    ['vault.addresses', { address: undefined, addresses: [https, 'http://127.0.0.1:8200'] }],
    ['vault.redirectAddresses', { redirectAddresses: ['http://127.0.0.1:8200'] }],
    ['vault.redirectAddresses', { redirectAddresses: ['unix:///run/x.sock'] }],
    ['vault.redirectAddresses', { redirectAddresses: 'https://b.example.com' }],
    ['vault.followRedirects', { followRedirects: 'no' }],
    ['vault.srvLookup', { srvLookup: 1 }],
    ['vault.maxRetries', { maxRetries: -1 }],
    ['vault.maxRetries', { maxRetries: 1.5 }],
    ['vault.maxRetries', { maxRetries: 11 }],
    ['vault.maxRetries', { maxRetries: '2' }],
    ['vault.rateLimit', { rateLimit: '' }],
    ['vault.rateLimit', { rateLimit: 5 }],
    ['vault.proxy', { proxy: 'socks5://proxy.example.com' }],
    ['vault.proxy', { proxy: 'http://proxy.example.com', address: 'unix:///run/x.sock' }],
    ['vault.pins', { pins: pin, address: 'unix:///run/x.sock' }],
    ['vault.caFile', { caFile: '' }],
    ['vault.caPath', { caPath: 7 }],
    ['vault.caPath', { caPath: '/etc/ssl', caFile: '/etc/ssl/ca.pem' }],
    ['vault.certFile', { certFile: '' }],
  ] as const) {
    it(`is refused by name: ${option} in ${JSON.stringify(options)}`, async () => {
      await expectInvalidOption(() => settingsOf(options), option);
    });
  }

  it('is refused where a proxy elsewhere would see what only this machine may', async () => {
    const proxy = 'http://proxy.example.com:3128';
    const address = 'http://127.0.0.1:8200';
    await expectMisconfigured(() => settingsOf({ address, proxy }), 'plain http', 'allowInsecureStore');
    const env = { VAULT_SKIP_VERIFY: '1' };
    const secure = { address: 'https://127.0.0.1:8200', proxy, env };
    await expectMisconfigured(() => settingsOf(secure), 'VAULT_SKIP_VERIFY');
    expect(settingsOf({ address, proxy, allowInsecureStore: true }).proxy?.host).to.equal(
      'proxy.example.com:3128',
    );
    expect(settingsOf({ address, proxy: 'http://127.0.0.1:3128' }).proxy?.host).to.equal('127.0.0.1:3128');
  });

  it('is refused where one of several nodes, or of the redirects, is weak', async () => {
    const addresses = ['http://127.0.0.1:8200', 'http://vault.example.com:8200'];
    await expectMisconfigured(() => settingsOf({ address: undefined, addresses }), 'vault.example.com:8200');
    const redirectAddresses = ['http://vault.example.com:8200'];
    await expectMisconfigured(
      () => settingsOf({ address: 'http://127.0.0.1:8200', redirectAddresses }),
      'vault.example.com:8200',
    );
  });
});
