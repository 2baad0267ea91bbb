import { expect } from 'chai';
import { type DevVault, startDevVault } from '@pinvault/testing';
import type { PinProvider, PinReadResult } from '@pinvault/core';
import { createVaultProvider } from '#src/index.js';
import { answering } from './support/answers.js';
import { providerError } from './support/errors.js';
import { optionsFor } from './support/provider.js';

describe('one secret per host', () => {
  let vault: DevVault;
  let provider: PinProvider;

  beforeEach(async () => {
    vault = await startDevVault();
    provider = createVaultProvider(optionsFor(vault, { path: 'secret/tls-pins/{host}' }));
  });

  afterEach(async () => {
    await provider.close?.();
    await vault.close();
  });

  const read = (host?: string): Promise<PinReadResult> =>
    provider.read({ signal: new AbortController().signal, ...(host === undefined ? {} : { host }) });

  it('says so, and where', () => {
    expect(provider).to.include({ scope: 'host', location: 'secret/tls-pins/{host}' });
    expect(createVaultProvider(optionsFor(vault))).to.include({
      scope: 'document',
      location: 'secret/tls-pins',
    });
  });

  it('brings that of the host, an IPv6 address included', async () => {
    vault.write('tls-pins/a.test', { pins: 'none' });
    vault.write('tls-pins/2001:db8::1', { pins: 'block' });
    expect(await read('A.test')).to.deep.include({ document: { pins: 'none' }, revision: '1' });
    expect(await read('[2001:db8::1]')).to.deep.include({ document: { pins: 'block' } });
  });

  it('names the secret of the host in what it refuses', async () => {
    const missing = await providerError(() => read('b.test'), 'ERR_PROVIDER_NOT_FOUND');
    expect(missing.message).to.contain('secret/tls-pins/b.test');
    vault.respondWith(answering(403, { errors: ['permission denied'] }));
    const denied = await providerError(() => read('b.test'), 'ERR_PROVIDER_DENIED');
    expect(denied.message).to.contain('"secret/data/tls-pins/b.test"');
  });

  it('asks the vault nothing for a text that is no host', async () => {
    const before = vault.requests;
    for (const host of [undefined, '', '..', '../other', 'a/b', '*'])
      await providerError(() => read(host), 'ERR_PROVIDER_MISCONFIGURED');
    expect(vault.requests).to.equal(before);
  });
});
