import dns from 'node:dns';
import { expect } from 'chai';
import { createRootCa, type TestCertificate, type TestTlsServer } from '@pinvault/testing';
import type { SrvLookup } from '#src/connection/cluster.js';
import { readVaultSettings } from '#src/options.js';
import { VaultTransport } from '#src/transport.js';
import { startDnsServer } from '../support/dns-server.js';
import { expectMisconfigured, providerError } from '../support/errors.js';
import { startTlsVault } from '../support/tls-vault.js';

describe('a vault that SRV records name', () => {
  let root: TestCertificate;
  let leaf: TestCertificate;
  let vault: TestTlsServer;

  before(async () => {
    root = await createRootCa();
    leaf = await root.issue({ hosts: ['vault.test'] });
  });

  beforeEach(async () => {
    vault = await startTlsVault(leaf);
  });

  afterEach(async () => {
    await vault.close();
  });

  async function statusOf(
    address: string,
    lookup: SrvLookup | undefined,
    options: object = {},
  ): Promise<number> {
    const settings = readVaultSettings({
      path: 'secret/tls-pins',
      token: 't',
      env: { VAULT_SRV_LOOKUP: 'true' },
      ca: root.pem,
      address,
      maxRetries: 0,
      ...options,
    });
    const transport = new VaultTransport(settings, lookup && { lookup });
    try {
      const url = new URL('/v1/secret/data/tls-pins', settings.address);
      return (await transport.get(url, {}, new AbortController().signal)).statusCode;
    } finally {
      await transport.close();
    }
  }

  it('is read there, under the name of the address, by priority', async () => {
    const last = await startTlsVault(leaf);
    const asked: string[] = [];
    const lookup: SrvLookup = async (name) => {
      asked.push(name);
      return [
        { name: '127.0.0.1', port: last.port, priority: 20 },
        { name: '127.0.0.1', port: vault.port, priority: 10 },
      ];
    };
    try {
      expect(await statusOf('https://vault.test', lookup)).to.equal(200);
      expect(await statusOf('https://vault.test', lookup, { pins: leaf.pin })).to.equal(200);
      expect(asked).to.deep.equal(['_http._tcp.vault.test', '_http._tcp.vault.test']);
      expect([vault.requests, last.connections]).to.deep.equal([2, 0]);
    } finally {
      await last.close();
    }
  });

  it('is looked up by Node itself, at a real DNS server', async () => {
    const down = await startTlsVault(leaf);
    await down.close();
    const server = await startDnsServer([
      { target: 'localhost', port: vault.port, priority: 20 },
      { target: 'localhost', port: down.port, priority: 10 },
    ]);
    const before = dns.getServers();
    dns.setServers([server.address]);
    try {
      expect(await statusOf('https://vault.test', undefined, { pins: leaf.pin })).to.equal(200);
      expect(server.asked).to.deep.equal(['_http._tcp.vault.test']);
    } finally {
      dns.setServers(before);
      await server.close();
    }
  });

  it('is read from the next record where one is down', async () => {
    const lookup: SrvLookup = async () => [
      { name: '127.0.0.1', port: 1, priority: 1 },
      { name: '127.0.0.1', port: vault.port, priority: 2 },
    ];
    expect(await statusOf('https://vault.test', lookup)).to.equal(200);
  });

  it('is not looked up where the address has a port, and is dialled as it is where nothing is found', async () => {
    const named = { servername: 'vault.test' };
    const failing: SrvLookup = async () => Promise.reject(new Error('no such record'));
    const nothing: SrvLookup = async () => [];
    for (const lookup of [failing, nothing])
      expect(await statusOf(vault.origin, lookup, named)).to.equal(200);
  });

  it('is no vault of this machine, whatever its name: plain http and an unchecked certificate are refused', async () => {
    const lookedUp = { path: 'secret/tls-pins', token: 't', srvLookup: true };
    for (const [address, env] of [
      ['http://localhost', {}],
      ['http://127.0.0.1', {}],
      ['https://localhost', { VAULT_SKIP_VERIFY: 'true' }],
    ] as const) {
      const options = { ...lookedUp, address, env };
      await expectMisconfigured(
        () => readVaultSettings(options),
        address.startsWith('https') ? 'VAULT_SKIP_VERIFY' : 'plain http',
      );
      readVaultSettings({ ...options, allowInsecureStore: true });
      readVaultSettings({ ...options, srvLookup: false });
      readVaultSettings({ ...options, address: `${address}:8200` });
    }
  });

  it('is not waited for where DNS hangs and the caller gives up, or closes', async () => {
    const settings = readVaultSettings({
      path: 'secret/tls-pins',
      token: 't',
      env: {},
      srvLookup: true,
      address: 'https://vault.test',
    });
    const transport = new VaultTransport(settings, { lookup: async () => new Promise(() => undefined) });
    const read = (signal: AbortSignal) => transport.get(new URL('/v1/x', settings.address), {}, signal);
    const aborted = await providerError(() => read(AbortSignal.timeout(20)), 'ERR_PROVIDER_UNAVAILABLE');
    expect(aborted.detail).to.equal('aborted');
    const closing = providerError(() => read(new AbortController().signal), 'ERR_PROVIDER_UNAVAILABLE');
    await transport.close();
    expect((await closing).detail).to.equal('closed');
  });
});
