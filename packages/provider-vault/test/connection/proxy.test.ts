import { expect } from 'chai';
import { inspect } from 'node:util';
import {
  type ConnectProxy,
  createRootCa,
  runChild,
  startConnectProxy,
  startDevVault,
  type TestCertificate,
  type TestTlsServer,
} from '@pinvault/testing';
import type { VaultProviderOptions } from '#src/index.js';
import { providerError } from '../support/errors.js';
import { optionsFor, readOnce } from '../support/provider.js';
import { startRawServer } from '../support/raw-server.js';
import { document, startTlsVault } from '../support/tls-vault.js';

const token = 'hvs.CANARY-4711-abcdefghijklmnop';

describe('a vault behind a proxy', () => {
  let root: TestCertificate;
  let vault: TestTlsServer;
  let proxy: ConnectProxy;

  before(async () => {
    root = await createRootCa();
  });

  beforeEach(async () => {
    vault = await startTlsVault(await root.issue({ hosts: ['127.0.0.1', 'vault.test'] }));
    proxy = await startConnectProxy({ credentials: 'user:p@ss', route: () => vault.port });
  });

  afterEach(async () => {
    await proxy.close();
    await vault.close();
  });

  const withUser = (): string => proxy.url.replace('//', '//user:p%40ss@');
  const read = (options: Partial<VaultProviderOptions> = {}) =>
    readOnce(optionsFor({ address: vault.origin, token }, { ca: root.pem, proxy: withUser(), ...options }));

  it('is read in a tunnel, and the proxy sees no token', async () => {
    expect(await read()).to.deep.include({ document });
    expect(proxy.authorities).to.deep.equal([new URL(vault.origin).host]);
    expect(proxy.seen).not.to.equal('').and.not.to.contain(token).and.not.to.contain('X-Vault');
  });

  it('is read by a name that only the proxy can resolve', async () => {
    expect(await read({ address: 'https://vault.test' })).to.deep.include({ document });
    expect(proxy.authorities).to.deep.equal(['vault.test:443']);
    await read({ address: 'https://[::1]:8200', servername: 'vault.test' });
    expect(proxy.authorities.at(-1)).to.equal('[::1]:8200');
  });

  it('is read where the environment names the proxy', async () => {
    const env = { VAULT_PROXY_ADDR: withUser(), NO_PROXY: '*' };
    expect(await read({ proxy: undefined, env })).to.deep.include({ document });
    expect(proxy.authorities).to.have.length(1);
  });

  it('leaves no tunnel behind', async () => {
    await read();
    while (proxy.tunnels > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(proxy.tunnels).to.equal(0);
  });

  it('is unavailable where the proxy wants another password, which no text repeats', async () => {
    const error = await providerError(
      () => read({ proxy: proxy.url.replace('//', '//user:s3cret@') }),
      'ERR_PROVIDER_UNAVAILABLE',
    );
    expect(error.detail).to.equal('proxy');
    expect(error.message).to.contain('407').and.to.contain(new URL(proxy.url).host);
    const encoded = Buffer.from('user:s3cret').toString('base64');
    for (const text of [inspect(error, { depth: Infinity }), JSON.stringify(error)])
      expect(text).not.to.contain('s3cret').and.not.to.contain(encoded);
    expect(vault.connections).to.equal(0);
  });

  it('is unavailable where the proxy is away, and is never dialled without it', async () => {
    const error = await providerError(
      () => read({ proxy: 'http://127.0.0.1:1' }),
      'ERR_PROVIDER_UNAVAILABLE',
    );
    expect(error.detail).to.equal('proxy');
    expect(error.message).to.contain('127.0.0.1:1').and.to.contain('ECONNREFUSED');
    expect(vault.connections).to.equal(0);
  });

  it('is unavailable where the proxy cannot reach it', async () => {
    await vault.close();
    const error = await providerError(() => read(), 'ERR_PROVIDER_UNAVAILABLE');
    expect(error.message).to.contain('502');
  });

  it('is given up where the proxy hangs, and the proxy sees the end', async () => {
    const silent = await startRawServer(() => undefined);
    try {
      await providerError(() => read({ proxy: silent.address, timeoutMs: 300 }), 'ERR_PROVIDER_TIMEOUT');
      await silent.closed();
    } finally {
      await silent.close();
    }
  });

  it('is unavailable where the proxy speaks in its place before TLS has begun', async () => {
    const eager = await startRawServer((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}'));
    });
    try {
      const error = await providerError(() => read({ proxy: eager.address }), 'ERR_PROVIDER_UNAVAILABLE');
      expect(error.detail).to.equal('proxy');
    } finally {
      await eager.close();
    }
  });

  it('is refused where the proxy leads elsewhere: under another CA', async () => {
    const other = await startTlsVault(await (await createRootCa()).issue({ hosts: ['127.0.0.1'] }));
    const liar = await startConnectProxy({ route: () => other.port });
    try {
      await providerError(() => read({ proxy: liar.url }), 'ERR_PROVIDER_UNAVAILABLE');
      expect([other.connections, other.applicationBytes]).to.deep.equal([1, 0]);
    } finally {
      await liar.close();
      await other.close();
    }
  });

  it('without TLS is read by its whole address', async () => {
    const plain = await startDevVault();
    plain.write('tls-pins', { 'plain.test': 'none' });
    try {
      const result = await readOnce(optionsFor(plain, { proxy: withUser() }));
      expect(result).to.deep.include({ document: { 'plain.test': 'none' } });
      expect([proxy.requests, proxy.authorities]).to.deep.equal([1, []]);
    } finally {
      await plain.close();
    }
  });

  it('has a password that no debug output shows, and holds no process', async function () {
    this.timeout(20_000);
    const source = `
      import { createVaultProvider } from '@pinvault/provider-vault';
      const provider = createVaultProvider({ path: 'secret/tls-pins', ca: process.env.CA_PEM });
      const hold = setTimeout(() => undefined, 20_000);
      console.log((await provider.read({ signal: new AbortController().signal })).revision, provider);
      clearTimeout(hold);
      void provider.read({ signal: new AbortController().signal });
    `;
    const { code, output } = await runChild(new URL('.', import.meta.url), source, {
      NODE_DEBUG: 'http,https,tls,net',
      CA_PEM: root.pem,
      VAULT_ADDR: vault.origin,
      VAULT_TOKEN: token,
      VAULT_PROXY_ADDR: withUser(),
    });
    expect(code, output.slice(-2_000)).to.equal(0);
    expect(output).to.contain('HTTP');
    for (const secret of ['p@ss', 'p%40ss', Buffer.from('user:p@ss').toString('base64'), token])
      expect(output).not.to.contain(secret);
  });

  it('holds no process while the proxy hangs', async function () {
    this.timeout(20_000);
    const silent = await startRawServer(() => undefined);
    const source = `
      import { createVaultProvider } from '@pinvault/provider-vault';
      const provider = createVaultProvider({ path: 'secret/tls-pins', timeoutMs: 60_000 });
      void provider.read({ signal: new AbortController().signal });
      process.on('exit', () => console.log('ended'));
    `;
    try {
      const { code, output, ranMs } = await runChild(new URL('.', import.meta.url), source, {
        VAULT_ADDR: vault.origin,
        VAULT_TOKEN: token,
        VAULT_PROXY_ADDR: silent.address,
      });
      expect([code, output]).to.deep.equal([0, 'ended\n']);
      expect(ranMs).to.be.below(15_000);
    } finally {
      await silent.close();
    }
  });

  it('does not outlive close()', async () => {
    const silent = await startRawServer(() => undefined);
    const { createVaultProvider } = await import('#src/index.js');
    const options = optionsFor({ address: vault.origin, token }, { ca: root.pem, proxy: silent.address });
    const provider = createVaultProvider(options);
    const reading = providerError(
      () => provider.read({ signal: new AbortController().signal }),
      'ERR_PROVIDER_UNAVAILABLE',
    );
    while (silent.connections === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await provider.close?.();
    expect(await reading).to.have.property('detail', 'closed');
    await silent.closed();
    await silent.close();
  });
});
