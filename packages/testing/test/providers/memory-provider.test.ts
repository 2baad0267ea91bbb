import { PinProviderError, PinResolver } from '@pinvault/core';
import { createMemoryProvider } from '#src/index.js';
import { expect } from 'chai';

const pin = 'sha256/r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=';
const options = { warnings: false, startupTimeoutMs: 200, readTimeoutMs: 100 };

describe('the provider in memory', () => {
  it('feeds a resolver, and what is written takes effect with the next read', async () => {
    const provider = createMemoryProvider({ 'api.example.test': pin });
    const resolver = await PinResolver.create(provider, options);
    expect(resolver.snapshot.revision).to.equal('1');
    expect(provider.write({ 'api.example.test': 'none' })).to.equal('2');
    expect(await resolver.refresh()).to.deep.equal({ outcome: 'rotated', revision: '2' });
    expect(provider.reads).to.equal(2);
    await resolver.close();
    expect(provider.isClosed).to.equal(true);
  });

  it('fails as it is told to, until it is restored', async () => {
    const provider = createMemoryProvider({ 'api.example.test': pin });
    const resolver = await PinResolver.create(provider, options);
    provider.fail(new PinProviderError('ERR_PROVIDER_DENIED', 'no', { provider: 'memory' }));
    await resolver.refresh();
    expect(resolver.status().lastError?.code).to.equal('ERR_PROVIDER_DENIED');
    provider.restore();
    expect(await resolver.refresh()).to.deep.equal({ outcome: 'unchanged', revision: '1' });
    await resolver.close();
  });

  it('hangs until its signal aborts', async () => {
    const provider = createMemoryProvider({ 'api.example.test': pin });
    const resolver = await PinResolver.create(provider, options);
    provider.hang();
    const outcome = await resolver.refresh();
    expect(outcome).to.have.nested.property('error.code', 'ERR_PROVIDER_TIMEOUT');
    await resolver.close();
  });

  it('rejects a read whose signal is aborted already', async () => {
    const provider = createMemoryProvider({});
    provider.hang();
    let error: unknown;
    await provider.read({ signal: AbortSignal.abort() }).catch((reason: unknown) => (error = reason));
    expect(error).to.have.property('name', 'AbortError');
  });
});
