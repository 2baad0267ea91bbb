import { expect } from 'chai';
import type { VaultAnswer } from '#src/answer.js';
import type { Write } from '#src/auth/auth-method.js';
import { WrappedSecretId } from '#src/auth/wrapped-secret-id.js';
import { providerError } from '../support/errors.js';

const answer = (statusCode: number, body: unknown): VaultAnswer => ({
  statusCode,
  body,
  contentType: 'application/json',
  retryAfter: undefined,
  byteCount: 0,
});

/** A vault that answers the look, and then the unwrapping. The real one is asked in the end-to-end tests. */
function vaultWith(creationPath: unknown, unwrapped: VaultAnswer): { write: Write; asked: string[] } {
  const asked: string[] = [];
  const write: Write = async (path) => {
    asked.push(path);
    return path === 'sys/wrapping/lookup'
      ? answer(200, { data: { creation_path: creationPath } })
      : unwrapped;
  };
  return { write, asked };
}

const good = answer(200, { data: { secret_id: 'secret' } });
const source = async (): Promise<string> => 'wrapping';
const both = ['sys/wrapping/lookup', 'sys/wrapping/unwrap'];

describe('WrappedSecretId', () => {
  const wrapped = (roleName?: string, namespace = ''): WrappedSecretId =>
    new WrappedSecretId(source, { mount: 'team/approle', roleName, namespace });

  const origins: readonly (readonly [unknown, string | undefined, string, boolean])[] = [
    ['auth/team/approle/role/payments/secret-id', 'payments', '', true],
    ['auth/team/approle/role/payments/custom-secret-id', 'payments', '', true],
    ['auth/team/approle/role/payments/secret-id', undefined, '', true],
    ['ns/a/auth/team/approle/role/payments/secret-id', 'payments', 'ns/a/', true],
    ['ns/b/auth/team/approle/role/payments/secret-id', 'payments', 'ns/a', false],
    ['auth/team/approle/role/other/secret-id', 'payments', '', false],
    ['auth/team/approle/role/a/b/secret-id', undefined, '', false],
    ['auth/team/approle/role//secret-id', undefined, '', false],
    ['auth/approle/role/payments/secret-id', 'payments', '', false],
    ['auth/team/approle/role/payments/role-id', 'payments', '', false],
    ['sys/wrapping/wrap', undefined, '', false],
    [undefined, undefined, '', false],
  ];
  for (const [path, roleName, namespace, isOurs] of origins) {
    it(`${isOurs ? 'unwraps' : 'leaves alone'} what was wrapped at ${String(path)} for ${roleName ?? 'any role'} of "${namespace}"`, async () => {
      const { write, asked } = vaultWith(path, good);
      const reading = wrapped(roleName, namespace).read(write);
      if (isOurs) expect(await reading).to.equal('secret');
      else expect((await providerError(() => reading, 'ERR_PROVIDER_DENIED')).detail).to.equal('wrap-path');
      expect(asked).to.deep.equal(isOurs ? both : ['sys/wrapping/lookup']);
    });
  }

  const path = 'auth/team/approle/role/payments/secret-id';

  it('is unwrapped once, and anew where another one lies there', async () => {
    const tokens = ['one', 'one', 'two'];
    const secret = new WrappedSecretId(async () => tokens.shift() ?? '', {
      mount: 'team/approle',
      roleName: undefined,
      namespace: '',
    });
    const { write, asked } = vaultWith(path, good);
    for (let each = 0; each < 3; each += 1) expect(await secret.read(write)).to.equal('secret');
    expect(asked).to.deep.equal([...both, ...both]);
  });

  it('is spent where somebody was faster between the look and the unwrapping', async () => {
    const { write, asked } = vaultWith(path, answer(400, { errors: ['wrapping token is not valid'] }));
    const secret = wrapped();
    for (let each = 0; each < 3; each += 1) {
      const error = await providerError(() => secret.read(write), 'ERR_PROVIDER_DENIED');
      expect(error.detail).to.equal('wrap-spent');
    }
    expect(asked).to.deep.equal(both);
  });

  it('is no secret id where something else was wrapped', async () => {
    const { write } = vaultWith(path, answer(200, { data: { other: 'x' } }));
    const error = await providerError(() => wrapped().read(write), 'ERR_PROVIDER_DENIED');
    expect(error.detail).to.equal('wrap-path');
  });

  it('is no alarm, and tried again, where the vault is away or answers as none', async () => {
    for (const away of [answer(503, { errors: ['Vault is sealed'] }), answer(403, undefined)]) {
      let isAway = true;
      const { write } = vaultWith(path, good);
      const secret = wrapped();
      const flaky: Write = async (...asked) => (isAway ? away : write(...asked));
      await providerError(() => secret.read(flaky), 'ERR_PROVIDER_UNAVAILABLE');
      isAway = false;
      expect(await secret.read(flaky)).to.equal('secret');
    }
  });
});
