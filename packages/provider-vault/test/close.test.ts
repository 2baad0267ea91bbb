import { once } from 'node:events';
import { expect } from 'chai';
import { createRootCa, startDevVault, type DevVault, runChild } from '@pinvault/testing';
import { createVaultProvider } from '#src/index.js';
import { failureOf, providerError } from './support/errors.js';
import { documentOf, optionsFor } from './support/provider.js';

describe('a provider that is closed', () => {
  let vault: DevVault;

  beforeEach(async () => {
    vault = await startDevVault();
    vault.write('tls-pins', { a: 'none' });
  });

  afterEach(async () => {
    await vault.close();
  });

  it('may be closed again, and before the first read', async () => {
    const provider = createVaultProvider(optionsFor(vault));
    await provider.close?.();
    await provider.close?.();
    const used = createVaultProvider(optionsFor(vault));
    await documentOf(used);
    await Promise.all([used.close?.(), used.close?.()]);
    await used.close?.();
  });

  it('ends the reads that are under way', async () => {
    const provider = createVaultProvider(optionsFor(vault));
    const sockets: Promise<unknown>[] = [];
    const bothArrived = new Promise<void>((resolve) => {
      vault.respondWith((request) => {
        sockets.push(once(request.socket, 'close'));
        if (sockets.length === 2) resolve();
      });
    });
    const reads = [documentOf(provider), documentOf(provider)].map((read) => failureOf(() => read));
    await bothArrived;
    await provider.close?.();
    for (const error of await Promise.all(reads)) expect(error).to.have.property('detail', 'closed');
    // The vault sees it, too: nothing is left open behind the errors.
    expect(await Promise.all(sockets)).to.have.length(2);
  });

  it('reads no more, and says why', async () => {
    const provider = createVaultProvider(optionsFor(vault));
    await provider.close?.();
    const error = await providerError(() => documentOf(provider), 'ERR_PROVIDER_UNAVAILABLE');
    expect(error.detail).to.equal('closed');
    expect(vault.requests).to.equal(0);
  });

  it('reads no more with pins of its endpoint either', async () => {
    const root = await createRootCa();
    const leaf = await root.issue({ hosts: ['127.0.0.1'] });
    const secured = await startDevVault({ tls: { chain: [leaf] } });
    secured.write('tls-pins', { a: 'none' });
    try {
      const provider = createVaultProvider(optionsFor(secured, { ca: root.pem, pins: leaf.pin }));
      expect(await documentOf(provider)).to.deep.equal({ a: 'none' });
      await provider.close?.();
      const error = await providerError(() => documentOf(provider), 'ERR_PROVIDER_UNAVAILABLE');
      expect(error.detail).to.equal('closed');
      expect(secured.requests).to.equal(1);
    } finally {
      await secured.close();
    }
  });
});

describe('a process with a provider', function () {
  this.timeout(20_000);

  let vault: DevVault;

  beforeEach(async () => {
    vault = await startDevVault();
    vault.write('tls-pins', { a: 'none' });
  });

  afterEach(async () => {
    await vault.close();
  });

  const environment = () => ({ VAULT_ADDR: vault.address, VAULT_TOKEN: vault.token });

  it('ends by itself after a read, with the provider open', async () => {
    const { code, output, ranMs } = await runChild(
      new URL('.', import.meta.url),
      `
      import { createVaultProvider } from '@pinvault/provider-vault';
      const provider = createVaultProvider({ path: 'secret/tls-pins' });
      // A timer of ours, since a read alone holds nothing.
      const hold = setTimeout(() => undefined, 20_000);
      console.log((await provider.read({ signal: new AbortController().signal })).revision);
      clearTimeout(hold);
      process.on('exit', () => console.log('ended'));
      `,
      environment(),
    );
    expect([code, output]).to.deep.equal([0, '1\nended\n']);
    expect(ranMs).to.be.below(10_000);
  });

  it('is not held by a read that hangs in the background', async () => {
    vault.respondWith(() => undefined);
    const { code, output } = await runChild(
      new URL('.', import.meta.url),
      `
      import { createVaultProvider } from '@pinvault/provider-vault';
      const provider = createVaultProvider({ path: 'secret/tls-pins', timeoutMs: 60_000 });
      void provider.read({ signal: new AbortController().signal });
      process.on('exit', () => console.log('ended'));
      `,
      environment(),
    );
    expect([code, output]).to.deep.equal([0, 'ended\n']);
  });

  it('is told to install node-vault where that is missing', async () => {
    const { code, output } = await runChild(
      new URL('.', import.meta.url),
      `
      import { register } from 'node:module';
      const hook = \`export async function resolve(name, context, next) {
        if (name === 'node-vault') throw Object.assign(new Error('gone'), { code: 'ERR_MODULE_NOT_FOUND' });
        return next(name, context);
      }\`;
      register('data:text/javascript,' + encodeURIComponent(hook));
      const { createVaultProvider } = await import('@pinvault/provider-vault');
      const provider = createVaultProvider({ path: 'secret/tls-pins' });
      const hold = setTimeout(() => undefined, 20_000);
      const error = await provider.read({ signal: new AbortController().signal }).catch((error) => error);
      clearTimeout(hold);
      console.log(error.code, error.message.includes('npm install node-vault'));
      `,
      { ...environment(), NODE_NO_WARNINGS: '1' },
    );
    expect([code, output]).to.deep.equal([0, 'ERR_PROVIDER_SDK_MISSING true\n']);
    expect(vault.requests).to.equal(0);
  });
});
