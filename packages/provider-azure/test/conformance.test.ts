import { describePinProvider, type ProviderHarness, startFaultServer } from '@pinvault/provider-conformance';
import { chainPem, createRootCa } from '@pinvault/testing';
import { createAzureProvider } from '#src/index.js';
import { encodeHost } from '#src/secret-name.js';
import { describeWithEmulator, type Emulated } from './support/emulator.js';
import { credentialOf } from './support/provider.js';

const json = { 'content-type': 'application/json; charset=utf-8' };

function answer(status: number, error: object, headers: Record<string, string> = {}) {
  return { status, headers: { ...json, ...headers }, body: JSON.stringify({ error }) };
}

let secretsSoFar = 0;

/** A secret of its own for each check, in one emulator. */
function harnessFor(emulated: () => Emulated): ProviderHarness {
  return {
    async start() {
      const { vault, issuer } = emulated();
      const root = await createRootCa();
      const leaf = await root.issue({ hosts: ['127.0.0.1'] });
      const front = await startFaultServer({
        store: vault.url,
        storeCa: vault.ca,
        tls: { key: leaf.key.privateKeyPem, cert: chainPem(leaf) },
      });
      secretsSoFar += 1;
      const name = `pins-${secretsSoFar}`;
      const good = issuer.mint();
      const expired = issuer.mint({ exp: Math.floor(Date.now() / 1_000) - 3_600 });
      let token = good;
      let version = '';
      const options = {
        vaultUrl: front.url,
        secretName: name,
        // Good for no time at all, so that each read asks anew.
        credential: credentialOf(() => token, 0),
        clientOptions: { tlsOptions: { ca: root.pem } },
        env: {},
      };
      let isDeleted = false;
      const publishText = async (text: string): Promise<void> => {
        // A name stays taken while its secret can be recovered.
        if (isDeleted) await vault.recover(name);
        isDeleted = false;
        version = await vault.set(name, text);
      };
      // As the service words it for an identity without a role, and for one that asks too often.
      const faults = front.backend({
        denied: answer(403, { code: 'Forbidden', innererror: { code: 'ForbiddenByRbac' } }),
        throttled: answer(429, { code: 'Throttled' }, { 'retry-after': '7' }),
        failed: answer(500, { code: 'InternalServerError' }),
      });
      return {
        ...faults,
        create: () => createAzureProvider(options),
        createWithTimeout: (timeoutMs) => createAzureProvider({ ...options, timeoutMs }),
        createPerHost: () => createAzureProvider({ ...options, secretName: `${name}-{host}` }),
        publish: (rows) => publishText(JSON.stringify(rows)),
        publishText,
        publishFor: async (host, rows) =>
          void (await vault.set(`${name}-${encodeHost(host)}`, JSON.stringify(rows))),
        secrets: [good, expired],
        remove: async () => {
          await vault.remove(name);
          isDeleted = true;
        },
        disable: () => vault.update(name, version, { enabled: false }),
        expireCredentials: () => void (token = expired),
        renewCredentials: () => void (token = good),
      };
    },
    cannot: { publishBytes: 'a secret of Azure Key Vault is text' },
  };
}

describeWithEmulator('Azure Key Vault', (emulated) => {
  describePinProvider('azure, against the emulator', harnessFor(emulated));
});
