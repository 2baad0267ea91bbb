import { expect } from 'chai';
import {
  createRootCa,
  type DevVault,
  runChild,
  startConnectProxy,
  startDevVault,
  startTlsServer,
  startVaultFront,
  type TestCertificate,
  type VaultFront,
} from '@pinvault/testing';
import type { PinProvider } from '@pinvault/core';
import { createVaultProvider, type VaultProviderOptions } from '#src/index.js';

const canary = 'hvs.CANARY-4711-abcdefghijklmnop';

describe('the connection of the events', () => {
  let vault: DevVault;
  let front: VaultFront;
  let root: TestCertificate;
  let leaf: TestCertificate;
  let provider: PinProvider | undefined;
  let ending: AbortController;

  before(async () => {
    root = await createRootCa({ subject: 'Example Root' });
    leaf = await root.issue({ hosts: ['127.0.0.1'] });
  });

  beforeEach(async () => {
    vault = await startDevVault({ token: canary });
    vault.write('tls-pins', { 'api.example.com': 'none' });
    front = await startVaultFront({ store: vault.address, tls: { chain: [leaf] } });
    ending = new AbortController();
  });

  afterEach(async () => {
    ending.abort();
    await provider?.close?.();
    await front.close();
    await vault.close();
  });

  /** Watches, and resolves with how that went. */
  async function watch(options: Partial<VaultProviderOptions>): Promise<{ hints: number; reason: string }> {
    provider = createVaultProvider({
      address: front.address,
      path: 'secret/tls-pins',
      kvVersion: 2,
      token: canary,
      ca: root.pem,
      events: true,
      env: {},
      ...options,
    });
    let hints = 0;
    provider.watch?.(() => (hints += 1), { signal: ending.signal });
    const until = Date.now() + 5_000;
    for (;;) {
      const updates = provider.updates?.();
      if (updates?.by === 'events') return { hints, reason: '' };
      if (updates?.reason?.includes('not connected') === false) return { hints, reason: updates.reason };
      if (Date.now() > until) throw new Error(JSON.stringify(updates));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  it('has the CA, the pins and the token of a read', async () => {
    expect(await watch({ pins: leaf.pin })).to.deep.equal({ hints: 1, reason: '' });
    expect(front.subscribers).to.equal(1);
  });

  it('goes through the proxy of a read, to the certificate of the vault', async () => {
    const proxy = await startConnectProxy();
    try {
      const road = { proxy: proxy.url, pins: leaf.pin };
      expect(await watch(road)).to.deep.equal({ hints: 1, reason: '' });
      expect(proxy.authorities).to.deep.equal([new URL(front.address).host]);
      await provider?.close?.();
      expect((await watch({ ...road, pins: other })).reason).to.contain('vault.pins');
      expect(front.subscriptions).to.equal(1);
    } finally {
      await provider?.close?.();
      await proxy.close();
    }
  });

  it('does not go through a socket of this machine, and says so', async () => {
    const { hints, reason } = await watch({ address: 'unix:///run/none.sock', ca: undefined });
    expect(reason).to.contain('socket of this machine');
    expect(hints).to.equal(0);
  });

  const other = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';

  it('brings no byte, and with it no token, to a server of a trusted CA that no pin names', async () => {
    // Who knows the token from somewhere may write it into what we say of him.
    const named = await root.issue({ hosts: ['127.0.0.1'], subject: canary });
    const stranger = await startTlsServer({ chain: [named] });
    try {
      const { hints, reason } = await watch({ address: stranger.origin, pins: other });
      expect(reason).to.contain('vault.pins').and.to.contain('CN=').and.not.to.contain(canary);
      expect([hints, stranger.applicationBytes]).to.deep.equal([0, 0]);
      expect(stranger.connections).to.be.above(0);
    } finally {
      await stranger.close();
    }
  });

  it('brings no byte to a server whose CA is not trusted, or whose name is another', async () => {
    const elsewhere = await root.issue({ hosts: ['elsewhere.test'] });
    for (const [chain, ca] of [
      [[leaf], (await createRootCa({ subject: 'Another Root' })).pem],
      [[elsewhere], root.pem],
    ] as const) {
      const stranger = await startTlsServer({ chain });
      try {
        const { hints, reason } = await watch({ address: stranger.origin, ca });
        expect(reason).to.contain('cannot be reached');
        expect([hints, stranger.applicationBytes]).to.deep.equal([0, 0]);
        expect(stranger.connections).to.be.above(0);
      } finally {
        await stranger.close();
        await provider?.close?.();
      }
    }
  });

  it('carries the token to no other server: a redirect is no way', async () => {
    const stranger = await startTlsServer({ chain: [leaf] });
    const redirecting = await startTlsServer({
      chain: [leaf],
      respond(_request, response) {
        response
          .writeHead(307, { location: `${stranger.origin}/v1/sys/events/subscribe/kv-v2/data-*` })
          .end();
      },
    });
    try {
      const { reason } = await watch({ address: redirecting.origin });
      expect(reason).to.contain('status 307');
      expect(reason).not.to.contain(canary);
      expect(stranger.connections).to.equal(0);
    } finally {
      await redirecting.close();
      await stranger.close();
    }
  });

  it('says a refusal without what the server repeats', async () => {
    const echoing = await startTlsServer({
      chain: [leaf],
      respond(request, response) {
        response.writeHead(403, request.rawHeaders.join(' ').slice(0, 500));
        response.end(JSON.stringify({ errors: [JSON.stringify(request.headers)] }));
      },
    });
    try {
      const { reason } = await watch({ address: echoing.origin });
      expect(reason).to.contain('denied').and.not.to.contain(canary);
    } finally {
      await echoing.close();
    }
  });

  for (const debug of ['DEBUG', 'NODE_DEBUG']) {
    it(`has a token that ${debug}=* does not show, and holds no process open`, async function () {
      this.timeout(20_000);
      const plain = await startVaultFront({ store: vault.address });
      const source = `
        import { createVaultProvider } from '@pinvault/provider-vault';
        const provider = createVaultProvider({ path: 'secret/tls-pins', kvVersion: 2, events: true });
        const signal = new AbortController().signal;
        const hold = setTimeout(() => undefined, 20_000);
        provider.watch(() => {
          console.log('told', JSON.stringify(provider.updates()));
          // Neither closed nor aborted.
          clearTimeout(hold);
        }, { signal });
      `;
      try {
        const { code, output } = await runChild(new URL('.', import.meta.url), source, {
          [debug]: '*',
          DEBUG_DEPTH: '10',
          VAULT_ADDR: plain.address,
          VAULT_TOKEN: canary,
        });
        expect(code, output.slice(-2_000)).to.equal(0);
        expect(output).to.contain('told {"by":"events"}');
        expect(output).not.to.contain(canary);
      } finally {
        await plain.close();
      }
    });
  }
});
