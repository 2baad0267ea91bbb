import { Agent } from 'node:https';
import { expect } from 'chai';
import { warningsDuring } from '@pinvault/testing';
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

  it('are not NODE_TLS_REJECT_UNAUTHORIZED=0', async () => {
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      await warningsDuring(async () => {
        for (const options of [{}, { pins: vault.leaf.pin }] satisfies Partial<AzureProviderOptions>[]) {
          const untrusting = vault.options({ ...options, clientOptions: {} });
          await providerError(() => readOnce(untrusting), 'ERR_PROVIDER_UNAVAILABLE');
        }
      });
    } finally {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    }
    expect(vault.server.connections).to.equal(2);
    expect(vault.server.applicationBytes).to.equal(0);
  });
});
