import { expect } from 'chai';
import * as fc from 'fast-check';
import { HostSyntaxError } from '@pinvault/core';
import { type KvLocation, locate } from '#src/kv/location.js';
import { isPerHost, parseSecretPath, secretOf } from '#src/secret-path.js';
import { expectInvalidOption } from './support/errors.js';

/** Where the API has it, under the mount that the path itself says. */
function located(path: string, mount?: string, version: 1 | 2 = 2): KvLocation {
  const secret = parseSecretPath(path, mount);
  return locate(secret, { path: secret.mount, version });
}

describe('parseSecretPath', () => {
  it('takes a path as vault kv get does', () => {
    expect(parseSecretPath('secret/tls-pins')).to.deep.equal({
      text: 'secret/tls-pins',
      segments: ['secret', 'tls-pins'],
      mount: 'secret',
      isMountSaid: false,
    });
    expect(parseSecretPath('/kv/team a/pins/')).to.deep.include({ text: 'kv/team a/pins', mount: 'kv' });
  });

  it('knows a mount that has slashes of its own', () => {
    const said = { mount: 'team/kv', isMountSaid: true };
    expect(parseSecretPath('team/kv/tls-pins', 'team/kv')).to.deep.include(said);
    expect(located('team/kv/tls-pins', 'team/kv').dataPath).to.equal('team/kv/data/tls-pins');
    expect(located('a/data/b/pins', 'a/data/b').policyPath).to.equal('a/data/b/data/pins');
  });

  it('lets a secret be named data where the mount is given', () => {
    expect(located('secret/data/x', 'secret').dataPath).to.equal('secret/data/data/x');
    expect(located('data/x').dataPath).to.equal('data/data/x');
  });

  const refused: readonly (readonly [string, string?])[] = [
    [''],
    ['secret'],
    ['secret/'],
    ['secret//tls-pins'],
    ['//secret/tls-pins'],
    ['secret/../sys/health'],
    ['secret/tls/..'],
    ['../secret/x'],
    ['secret/./x'],
    ['secret/%2e%2e/x'],
    ['secret/a?version=1'],
    ['secret/a#b'],
    ['secret/a\\b'],
    ['secret/a\nb'],
    ['secret/a\u0000'],
    ['secret/a\u202eb'],
    ['secret/\ud800'],
    ['{host}/x'],
    ['secret/{host}/{host}'],
    ['secret/{host}{host}'],
    ['secret/{Host}'],
    ['secret/{host}/{port}'],
    ['secret/{}'],
    ['secret/{{x}}'],
    ['secret/{{host}}'],
    ['team/{host}/pins', 'team/{host}'],
    ['secret/data/tls-pins'],
    ['kv/tls-pins', 'secret'],
    ['secret', 'secret'],
    ['secrets/x', 'secret'],
  ];
  for (const [path, mount] of refused) {
    it(`refuses ${JSON.stringify(path)}${mount === undefined ? '' : ` in ${mount}`} by name`, async () => {
      await expectInvalidOption(() => parseSecretPath(path, mount), 'vault.path (PINVAULT_VAULT_PATH)');
    });
  }

  it('refuses a bad mount under the name of the mount', async () => {
    for (const mount of ['', 'a//b', '..'])
      await expectInvalidOption(() => parseSecretPath('secret/x', mount), 'vault.mount');
  });

  it('refuses what is no text', async () => {
    await expectInvalidOption(() => parseSecretPath(7 as never), 'vault.path');
  });
});

describe('the secret of a host', () => {
  const template = parseSecretPath('secret/tls-pins/{host}');
  const mount = { path: 'secret', version: 2 } as const;
  const of = (host: string): string => locate(secretOf(template, host), mount).dataPath;

  it('lies where {host} says, as people, policies and requests need it', () => {
    expect(isPerHost(template)).to.equal(true);
    expect(isPerHost(parseSecretPath('secret/tls-pins'))).to.equal(false);
    expect(secretOf(template, 'api.example.com')).to.deep.equal({
      text: 'secret/tls-pins/api.example.com',
      segments: ['secret', 'tls-pins', 'api.example.com'],
      mount: 'secret',
      isMountSaid: false,
    });
    const inTeam = secretOf(parseSecretPath('team/kv/{host}/pins-{x', 'team/kv'), 'a.test');
    expect(locate(inTeam, { path: 'team/kv', version: 2 })).to.deep.include({
      policyPath: 'team/kv/data/a.test/pins-{x',
      dataPath: 'team/kv/data/a.test/pins-%7Bx',
    });
    expect(secretOf(parseSecretPath('kv/pins-of-{host}.json'), 'a.test').text).to.equal(
      'kv/pins-of-a.test.json',
    );
  });

  it('is one, however the host is spelled', () => {
    for (const host of ['API.Example.com', 'api.example.com.', 'api。example.com'])
      expect(of(host), host).to.equal('secret/data/tls-pins/api.example.com');
    expect(of('münchen.test')).to.equal('secret/data/tls-pins/xn--mnchen-3ya.test');
    for (const host of ['2001:DB8::1', '[2001:db8:0::1]'])
      expect(of(host), host).to.equal('secret/data/tls-pins/2001%3Adb8%3A%3A1');
    expect(of('192.0.2.7')).to.equal('secret/data/tls-pins/192.0.2.7');
  });

  const hostile = [
    '',
    '.',
    '..',
    '...',
    '../sys/health',
    '..%2f..%2fsys',
    '%2e%2e',
    '.%00.',
    'a/b',
    'a\\b',
    '*',
    '*.example.com',
    '**.example.com',
    'a?version=1',
    'a#b',
    'a b',
    'a\nb',
    'a\u0000b',
    'a..b',
    '.a',
    '{host}',
    '$&',
    'a:443',
    '[::1]:443',
    '::1%eth0',
    '127.1',
    '\u2025',
    '\uff0e\uff0e',
    'a\uff0f..\uff0fb',
    'x'.repeat(64),
    `${'a.'.repeat(127)}b`,
  ];
  for (const host of hostile) {
    it(`is none for ${JSON.stringify(host.slice(0, 40))}`, () => {
      expect(() => of(host)).to.throw(HostSyntaxError);
    });
  }

  it('never leaves its folder, whatever a host is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.domain(), fc.ipV6(), fc.string({ unit: 'grapheme' })), (host) => {
        let path: string;
        try {
          path = of(host);
        } catch (error) {
          expect(error).to.be.instanceof(HostSyntaxError);
          return;
        }
        const [last = '', ...folder] = new URL(path, 'https://vault.test/v1/').pathname
          .split('/')
          .toReversed();
        expect(folder.toReversed().join('/')).to.equal('/v1/secret/data/tls-pins');
        expect(decodeURIComponent(last)).to.match(/^(?!\.{1,2}$)[a-z0-9._:-]+$/u);
      }),
      { numRuns: 2_000 },
    );
  });
});
