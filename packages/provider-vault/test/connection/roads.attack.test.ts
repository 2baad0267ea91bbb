import { expect } from 'chai';
import { startConnectProxy, createRootCa, type TestCertificate, type TestTlsServer } from '@pinvault/testing';
import { readVaultSettings, type VaultProviderOptions } from '#src/options.js';
import { VaultTransport } from '#src/transport.js';
import { providerError } from '../support/errors.js';
import { readOnce } from '../support/provider.js';
import { startRedirector, startTlsVault } from '../support/tls-vault.js';

const token = 'hvs.CANARY-4711-abcdefghijklmnop';

/** Who stands in the vault's place: with a certificate of a CA that is trusted. */
interface Impostor {
  readonly name: string;
  readonly certificate: 'otherKey' | 'otherName';
  readonly isPinned: boolean;
  readonly detail: string;
}

const impostors: readonly Impostor[] = [
  { name: 'another key', certificate: 'otherKey', isPinned: true, detail: 'pin-mismatch' },
  {
    name: 'another name',
    certificate: 'otherName',
    isPinned: false,
    detail: 'ERR_TLS_CERT_ALTNAME_INVALID',
  },
  {
    name: 'another name and pins that would match',
    certificate: 'otherName',
    isPinned: true,
    detail: 'ERR_TLS_CERT_ALTNAME_INVALID',
  },
];

describe('a server in the vault’s place, with a certificate of a trusted CA', () => {
  let root: TestCertificate;
  let genuine: TestCertificate;
  let certificates: Record<Impostor['certificate'], TestCertificate>;

  before(async () => {
    root = await createRootCa({ subject: 'a CA that everybody trusts' });
    genuine = await root.issue({ hosts: ['127.0.0.1'] });
    certificates = {
      otherKey: await root.issue({ hosts: ['127.0.0.1', 'vault.test'] }),
      otherName: await root.issue({ hosts: ['evil.test'] }),
    };
  });

  for (const { name, certificate, isPinned, detail } of impostors) {
    describe(`but ${name}`, () => {
      let impostor: TestTlsServer;

      beforeEach(async () => {
        impostor = await startTlsVault(certificates[certificate]);
      });

      afterEach(async () => {
        await impostor.close();
      });

      const pinsOf = (): string[] => [
        genuine.pin,
        ...(certificate === 'otherName' ? [certificates.otherName.pin] : []),
      ];
      const optionsWith = (options: Partial<VaultProviderOptions>): VaultProviderOptions => ({
        path: 'secret/tls-pins',
        token,
        ca: root.pem,
        env: {},
        ...(isPinned ? { pins: pinsOf() } : {}),
        ...options,
      });

      async function getsNothing(options: Partial<VaultProviderOptions>): Promise<void> {
        const error = await providerError(() => readOnce(optionsWith(options)), 'ERR_PROVIDER_UNAVAILABLE');
        expect(error.detail).to.equal(detail);
        expect(impostor.connections).to.be.above(0);
        expect([impostor.applicationBytes, impostor.requests]).to.deep.equal([0, 0]);
      }

      it('gets nothing where it is dialled', async () => {
        await getsNothing({ address: impostor.origin });
      });

      it('gets nothing through a proxy, which sees no token either', async () => {
        const proxy = await startConnectProxy({ route: () => impostor.port });
        try {
          await getsNothing({ address: 'https://127.0.0.1:8200', proxy: proxy.url });
          expect(proxy.authorities).to.include('127.0.0.1:8200');
          expect(proxy.seen).not.to.contain(token);
        } finally {
          await proxy.close();
        }
      });

      it('gets nothing where a redirect leads to it that is allowed', async () => {
        const vault = await startRedirector(genuine, impostor.origin);
        try {
          await getsNothing({ address: vault.origin, redirectAddresses: [impostor.origin] });
          expect(vault.requests).to.equal(1);
        } finally {
          await vault.close();
        }
      });

      it('gets nothing where the node before it is down, and its refusal is what is told', async () => {
        await getsNothing({ addresses: ['https://127.0.0.1:1', impostor.origin] });
        await getsNothing({ addresses: [impostor.origin, 'https://127.0.0.1:1'] });
      });

      it('gets nothing as a node beside a good one, which is read', async () => {
        const vault = await startTlsVault(genuine);
        try {
          const result = await readOnce(optionsWith({ addresses: [impostor.origin, vault.origin] }));
          expect(result).to.have.property('revision', '1');
          expect([impostor.connections, impostor.applicationBytes]).to.deep.equal([1, 0]);
        } finally {
          await vault.close();
        }
      });

      it('gets nothing where an SRV record names it', async () => {
        const options = optionsWith({
          address: 'https://vault.test',
          srvLookup: true,
          ...(isPinned ? { pins: pinsOf() } : {}),
        });
        const settings = readVaultSettings(options);
        const transport = new VaultTransport(settings, {
          lookup: async () => [{ name: '127.0.0.1', port: impostor.port, priority: 0 }],
        });
        try {
          const url = new URL('/v1/secret/data/tls-pins', settings.address);
          const read = () => transport.get(url, { 'X-Vault-Token': token }, new AbortController().signal);
          const error = await providerError(read, 'ERR_PROVIDER_UNAVAILABLE');
          expect(error.detail).to.equal(detail);
          expect([impostor.connections, impostor.applicationBytes]).to.deep.equal([1, 0]);
        } finally {
          await transport.close();
        }
      });
    });
  }

  it('is read where its key is pinned: the twin of each road', async () => {
    const vault = await startTlsVault(genuine);
    const redirector = await startRedirector(genuine, vault.origin);
    const proxy = await startConnectProxy({ route: () => vault.port });
    try {
      for (const options of [
        { address: vault.origin },
        { address: 'https://127.0.0.1:8200', proxy: proxy.url },
        { address: redirector.origin, redirectAddresses: [vault.origin] },
        { addresses: ['https://127.0.0.1:1', vault.origin] },
      ]) {
        const common = {
          path: 'secret/tls-pins',
          kvVersion: 2,
          token,
          ca: root.pem,
          pins: genuine.pin,
          env: {},
        } as const;
        expect(await readOnce({ ...common, ...options })).to.have.property('revision', '1');
      }
      expect(vault.requests).to.equal(4);
      expect(proxy.seen).not.to.contain(token);
    } finally {
      await Promise.all([vault.close(), redirector.close(), proxy.close()]);
    }
  });
});
