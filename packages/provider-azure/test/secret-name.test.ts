import { expect } from 'chai';
import { encodeHost, parseSecretName, type SecretName } from '#src/secret-name.js';
import { providerError } from './support/errors.js';

function named(text: string): SecretName {
  const parsed = parseSecretName(text);
  return 'problem' in parsed ? expect.fail(parsed.problem) : parsed;
}

describe('parseSecretName', () => {
  it('takes what Azure Key Vault takes', () => {
    for (const text of ['a', 'tls-pins', 'TLS-Pins-2', '-', 'x'.repeat(127)]) {
      expect(named(text)).to.include({ text, scope: 'document' });
      expect(named(text).resolve(undefined)).to.equal(text);
    }
  });

  it('takes {host} once, anywhere', () => {
    for (const text of ['{host}', 'pins-{host}', '{host}-pins', 'a{host}b'])
      expect(named(text)).to.include({ text, scope: 'host' });
  });

  for (const text of [
    '',
    'tls_pins',
    'tls.pins',
    'tls/pins',
    '../tls-pins',
    'tls pins',
    'pins-{HOST}',
    'pins-{host}{host}',
    'pins-{host',
    'pins-{port}',
    'ä',
    'tls-pins\n',
    'x'.repeat(128),
    undefined,
    7,
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(parseSecretName(text)).to.have.property('problem');
    });
  }
});

describe('the secret of a host', () => {
  it('has a name that a person can write', () => {
    for (const [host, name] of [
      ['api.example.com', 'pins-api-example-com'],
      ['API.Example.com.', 'pins-api-example-com'],
      ['api.my-bank.example', 'pins-api-my--bank-example'],
      ['münchen.example', 'pins-xn----mnchen--3ya-example'],
      ['localhost', 'pins-localhost'],
      ['10.0.0.1', 'pins-10-0-0-1'],
      ['2001:db8::1', 'pins--323030313a6462383a3a31'],
      ['[2001:DB8::1]', 'pins--323030313a6462383a3a31'],
      ['a_b.example', 'pins--615f622e6578616d706c65'],
    ] as const)
      expect(named('pins-{host}').resolve(host), host).to.equal(name);
  });

  it('is not that of another host', () => {
    const letters = ['a', 'b', '-', '--', '.', '_', '2d', '61'];
    const hosts = new Set<string>();
    for (const first of letters)
      for (const second of letters)
        for (const third of letters)
          for (const fourth of letters) hosts.add(`a${first}${second}${third}${fourth}a`);
    const byName = new Map<string, string>();
    let tried = 0;
    for (const host of hosts) {
      // No host at all: two dots in a row, for one.
      if (host.includes('..')) continue;
      const name = encodeHost(host).toLowerCase();
      expect(byName.get(name) ?? host, name).to.equal(host);
      byName.set(name, host);
      tried += 1;
    }
    expect(tried).to.be.above(1_000);
  });

  it('holds nothing but what Azure allows', () => {
    for (const host of ['a_b', '-a.b-', 'a--b', '::1', 'x'.repeat(63)])
      expect(encodeHost(host)).to.match(/^[0-9A-Za-z-]+$/u);
  });

  it('is not looked for where its name would be too long', async () => {
    const host = `${'x'.repeat(60)}.${'y'.repeat(60)}.example`;
    const error = await providerError(() => named('pins-{host}').resolve(host), 'ERR_PROVIDER_NOT_FOUND');
    expect(error.detail).to.equal('name-too-long');
  });

  it('is not looked for where there is no host', async () => {
    for (const host of [undefined, '', '../other', 'a/b', 'a%2fb', 'a b', 'a\u0000b', '*.example.com']) {
      const error = await providerError(() => named('pins-{host}').resolve(host), 'ERR_PROVIDER_NOT_FOUND');
      expect(error.detail).to.equal('bad-host');
    }
  });
});
