import { expect } from 'chai';
import { locate } from '#src/kv/location.js';
import { parseSecretPath } from '#src/secret-path.js';
import { expectMisconfigured } from '../support/errors.js';

describe('where a secret lies', () => {
  it('is said as policies and requests need it, for either version', () => {
    const secret = parseSecretPath('team/kv/tls pins');
    expect(locate(secret, { path: 'team/kv', version: 2 })).to.deep.equal({
      text: 'team/kv/tls pins',
      mount: 'team/kv',
      version: 2,
      policyPath: 'team/kv/data/tls pins',
      dataPath: 'team/kv/data/tls%20pins',
      metadataPath: 'team/kv/metadata/tls%20pins',
    });
    expect(locate(secret, { path: 'team/kv', version: 1 })).to.deep.equal({
      text: 'team/kv/tls pins',
      mount: 'team/kv',
      version: 1,
      policyPath: 'team/kv/tls pins',
      dataPath: 'team/kv/tls%20pins',
      metadataPath: undefined,
    });
  });

  it('is encoded where URLs and node-vault would read something else', () => {
    const at = (path: string): string => locate(parseSecretPath(path), { path: 'kv', version: 2 }).dataPath;
    expect(at('kv/a:b@c&x2F;d+e=f,g;h')).to.equal('kv/data/a%3Ab%40c%26x2F%3Bd%2Be%3Df%2Cg%3Bh');
    expect(at('kv/ä/…x')).to.equal('kv/data/%C3%A4/%E2%80%A6x');
  });

  it('is nowhere for a path outside the mount, or for the mount itself', async () => {
    const secret = parseSecretPath('team/kv');
    for (const path of ['team/kv', 'team/kv/x', 'kv', 'tea'])
      await expectMisconfigured(() => locate(secret, { path, version: 2 }), 'team/kv');
  });

  it("is not below the API's own segment, unless the mount was said", async () => {
    const mount = { path: 'team/kv', version: 2 } as const;
    await expectMisconfigured(
      () => locate(parseSecretPath('team/kv/data/x'), mount),
      '"data"',
      'vault.mount',
    );
    expect(locate(parseSecretPath('team/kv/data/x', 'team/kv'), mount).policyPath).to.equal(
      'team/kv/data/data/x',
    );
  });
});
