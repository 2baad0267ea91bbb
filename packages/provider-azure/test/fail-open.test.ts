import { once } from 'node:events';
import { createServer } from 'node:http';
import { Agent } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { runChild, warningsDuring } from '@pinvault/testing';
import type { AzureProviderOptions } from '#src/index.js';
import { readAzureSettings } from '#src/options.js';
import { expectInvalidOption, expectMisconfigured, providerError } from './support/errors.js';
import { readOnce } from './support/provider.js';
import { WireVault } from './support/wire-vault.js';

const pin = 'sha256/r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=';

describe('ways to switch the check of the vault’s certificate off', () => {
  let vault: WireVault;

  beforeEach(async () => {
    vault = await WireVault.start();
  });

  afterEach(async () => {
    await vault.close();
  });

  const off: readonly (readonly [string, object])[] = [
    ['tlsOptions', { tlsOptions: { rejectUnauthorized: false } }],
    ['agent', { agent: new Agent({ rejectUnauthorized: false }) }],
  ];
  for (const [name, clientOptions] of off) {
    const real = { vaultUrl: 'https://pins.vault.azure.net', secretName: 'tls-pins', env: {}, clientOptions };

    it(`are refused outside loopback: clientOptions.${name}`, async () => {
      await expectMisconfigured(() => readAzureSettings(real), 'clientOptions', 'allowInsecureStore');
      expect(readAzureSettings({ ...real, allowInsecureStore: true }).skipVerify).to.equal(true);
    });

    it(`exclude pins: clientOptions.${name}`, async () => {
      await expectInvalidOption(
        () => readAzureSettings({ ...real, allowInsecureStore: true, pins: pin }),
        'azure.pins',
      );
    });

    it(`open on loopback, as the twin that shows that they are read: clientOptions.${name}`, async () => {
      expect(await readOnce(vault.options({ clientOptions }))).to.have.property('document');
    });
  }

  it('are not NODE_TLS_REJECT_UNAUTHORIZED=0 behind a proxy', async function () {
    this.timeout(20_000);
    let tunnels = 0;
    const proxy = createServer().listen(0, '127.0.0.1');
    proxy.on('connect', (_request, client: Socket) => {
      tunnels += 1;
      const upstream = connect(vault.server.port, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        upstream.pipe(client).pipe(upstream);
      });
      for (const socket of [upstream, client]) socket.on('error', () => undefined);
    });
    await once(proxy, 'listening');
    const source = `
      import { createAzureProvider } from '@pinvault/provider-azure';
      const provider = createAzureProvider({
        vaultUrl: 'https://localhost:${vault.server.port}',
        secretName: 'tls-pins',
        credential: { getToken: async () => ({ token: 't', expiresOnTimestamp: 9e12 }) },
        clientOptions: process.env.TRUSTED ? { tlsOptions: { ca: process.env.TRUSTED } } : {},
      });
      const hold = setTimeout(() => undefined, 20_000);
      const result = await provider.read({ signal: new AbortController().signal }).catch((error) => error);
      clearTimeout(hold);
      console.log(result.detail ?? result.document);
    `;
    const env = {
      HTTPS_PROXY: `http://127.0.0.1:${String((proxy.address() as AddressInfo).port)}`,
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
      NODE_NO_WARNINGS: '1',
    };
    const folder = new URL('.', import.meta.url);
    try {
      const refused = await runChild(folder, source, env);
      expect(refused.output).to.equal('UNABLE_TO_VERIFY_LEAF_SIGNATURE\n');
      expect([tunnels, vault.server.applicationBytes]).to.deep.equal([1, 0]);
      // The twin: through the very same proxy, with a CA that is trusted.
      const good = await runChild(folder, source, { ...env, TRUSTED: vault.root.pem });
      expect(good.output).to.equal('{"api.example.com":"none"}\n');
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
  });

  it('are not NODE_TLS_REJECT_UNAUTHORIZED=0', async () => {
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      await warningsDuring(async () => {
        for (const options of [
          { clientOptions: {} },
          { clientOptions: {}, pins: vault.leaf.pin },
          { clientOptions: { agent: new Agent() } },
        ] satisfies Partial<AzureProviderOptions>[]) {
          const untrusting = vault.options(options);
          await providerError(() => readOnce(untrusting), 'ERR_PROVIDER_UNAVAILABLE');
        }
      });
    } finally {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    }
    expect(vault.server.connections).to.equal(3);
    expect(vault.server.applicationBytes).to.equal(0);
  });
});
