import { expect } from 'chai';
import { parseSecretPath } from '#src/secret-path.js';
import { expectInvalidOption } from './support/errors.js';

describe('parseSecretPath', () => {
  it('takes a path as vault kv get does, and says it as people, policies and requests need it', () => {
    expect(parseSecretPath('secret/tls-pins')).to.deep.equal({
      text: 'secret/tls-pins',
      mount: 'secret',
      policyPath: 'secret/data/tls-pins',
      dataPath: 'secret/data/tls-pins',
    });
    expect(parseSecretPath('/kv/team a/pins/')).to.deep.equal({
      text: 'kv/team a/pins',
      mount: 'kv',
      policyPath: 'kv/data/team a/pins',
      dataPath: 'kv/data/team%20a/pins',
    });
  });

  it('knows a mount that has slashes of its own', () => {
    expect(parseSecretPath('team/kv/tls-pins', 'team/kv')).to.deep.include({
      mount: 'team/kv',
      dataPath: 'team/kv/data/tls-pins',
    });
    expect(parseSecretPath('a/data/b/pins', 'a/data/b')).to.deep.include({
      mount: 'a/data/b',
      policyPath: 'a/data/b/data/pins',
    });
  });

  it('encodes what URLs and node-vault would read as something else', () => {
    const { dataPath, policyPath } = parseSecretPath('kv/a:b@c&x2F;d+e=f,g;h');
    expect(dataPath).to.equal('kv/data/a%3Ab%40c%26x2F%3Bd%2Be%3Df%2Cg%3Bh');
    expect(policyPath).to.equal('kv/data/a:b@c&x2F;d+e=f,g;h');
    expect(parseSecretPath('kv/ä/…x').dataPath).to.equal('kv/data/%C3%A4/%E2%80%A6x');
  });

  it('lets a secret be named data where the mount is given', () => {
    expect(parseSecretPath('secret/data/x', 'secret').dataPath).to.equal('secret/data/data/x');
    expect(parseSecretPath('data/x').dataPath).to.equal('data/data/x');
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
    ['secret/{host}'],
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
