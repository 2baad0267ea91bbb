import { expect } from 'chai';
import { type AzureToken, createAzureProvider } from '#src/index.js';
import { read } from './support/provider.js';
import { canary, WireVault } from './support/wire-vault.js';

describe('what goes over the wire', () => {
  let vault: WireVault;

  beforeEach(async () => {
    vault = await WireVault.start();
  });

  afterEach(async () => {
    await vault.close();
  });

  it('is a challenge once for a provider, and one GET for each read after it', async () => {
    const provider = createAzureProvider(vault.options());
    for (let round = 0; round < 3; round += 1) await read(provider);
    await provider.close?.();
    expect(vault.seen.map(({ method, url }) => `${method ?? ''} ${url ?? ''}`)).to.deep.equal(
      Array.from({ length: 4 }, () => 'GET /secrets/tls-pins/?api%2Dversion=2025-07-01'),
    );
    const shown = vault.seen.map(({ headers }) => headers.authorization);
    expect(shown).to.deep.equal([undefined, ...Array.from({ length: 3 }, () => `Bearer ${canary}`)]);
  });

  it('is a connection for each request, with a handshake that nobody resumes', async () => {
    const provider = createAzureProvider(vault.options());
    for (let round = 0; round < 3; round += 1) await read(provider);
    await provider.close?.();
    expect([vault.server.handshakes, vault.server.resumed]).to.deep.equal([4, 0]);
  });

  it('asks for no compressed answer', async () => {
    const provider = createAzureProvider(vault.options());
    await read(provider);
    await provider.close?.();
    for (const { headers } of vault.seen) expect(headers).not.to.have.property('accept-encoding');
  });
});

describe('a slow credential', () => {
  it('goes on when the read that asked it has given up: the next read finds the token', async () => {
    const vault = await WireVault.start();
    const asked: ((token: AzureToken) => void)[] = [];
    const credential = {
      getToken: () => new Promise<AzureToken>((resolve) => void asked.push(resolve)),
    };
    const provider = createAzureProvider(vault.options({ credential }));
    try {
      const giveUp = new AbortController();
      const first = provider.read({ signal: giveUp.signal }).catch((error: unknown) => error);
      while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
      giveUp.abort();
      expect(await first).to.have.property('detail', 'aborted');
      const second = read(provider);
      asked[0]?.({ token: canary, expiresOnTimestamp: Date.now() + 3_600_000 });
      expect(await second).to.have.property('document');
      expect(asked).to.have.length(1);
    } finally {
      await provider.close?.();
      await vault.close();
    }
  });
});
