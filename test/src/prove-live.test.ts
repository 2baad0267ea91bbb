import { createPinnedFetch, PinnedDispatcher } from '@pinvault/undici';
import {
  askedOnly,
  createMemoryProvider,
  createRootCa,
  loopbackLookup,
  startTlsServer,
  type TestTlsServer,
} from '@pinvault/testing';
import { expect } from 'chai';
import { got } from 'got';
import { createPinResolver, PinnedAgent, type PinResolver, PinMismatchError, proveLive } from 'pinvault';
import { Agent, fetch as undiciFetch } from 'undici';

const host = 'api.example.test';

describe('proveLive and the clients of HTTP', () => {
  let server: TestTlsServer;
  let pins: PinResolver;
  let url: string;
  let tls: { readonly ca: string; readonly lookup: typeof loopbackLookup };

  beforeEach(async () => {
    const root = await createRootCa({ subject: 'Example Root' });
    const leaf = await root.issue({ hosts: [host] });
    server = await startTlsServer({ chain: [leaf] });
    pins = await createPinResolver(
      { provider: createMemoryProvider({ [host]: leaf.pin }), warnings: false, ...askedOnly },
      {},
    );
    url = `https://${host}:${String(server.port)}/health`;
    tls = { ca: root.pem, lookup: loopbackLookup };
  });

  afterEach(async () => {
    await pins.close();
    await server.close();
  });

  it('shows that a PinnedDispatcher refuses', async () => {
    const dispatcher = new PinnedDispatcher(pins, { connect: tls });
    try {
      expect(await proveLive(pins, dispatcher, url)).to.include({ refusedFirst: true, refusedReused: true });
      expect(server.requests).to.equal(2);
    } finally {
      await dispatcher.close();
    }
  });

  it('shows that a pinned fetch refuses, given as it is', async () => {
    const dispatcher = new PinnedDispatcher(pins, { connect: tls });
    try {
      const fetch = createPinnedFetch(pins, { dispatcher });
      expect(await proveLive(pins, fetch, url)).to.include({ refusedReused: true, restored: true });
      expect(server.requests).to.equal(2);
    } finally {
      await dispatcher.close();
    }
  });

  for (const options of [{ connections: 1 }, { connections: 1, allowH2: true }]) {
    it(`has no request of others refused, nor their connection dropped (${JSON.stringify(options)})`, async () => {
      const dispatcher = new PinnedDispatcher(pins, { connect: tls, ...options });
      const fetch = createPinnedFetch(pins, { dispatcher });
      const proving = new AbortController();
      const failures: unknown[] = [];
      const traffic = Array.from({ length: 3 }, async () => {
        while (!proving.signal.aborted)
          await fetch(url)
            .then(async (answer) => answer.text())
            .catch((error: unknown) => failures.push(error));
      });
      try {
        for (const client of [dispatcher, fetch, dispatcher, fetch])
          expect(await proveLive(pins, client, url)).to.include({ restored: true });
      } finally {
        proving.abort();
        await Promise.all(traffic);
        await dispatcher.close();
      }
      expect(failures).to.deep.equal([]);
      // One of the traffic's own, and four at most for each proof.
      expect(server.connections).to.be.at.most(1 + 4 * 4);
    });
  }

  it('shows that got over a PinnedAgent refuses', async () => {
    const agent = new PinnedAgent(pins, tls);
    const client = (address: string, { signal }: { signal: AbortSignal }): Promise<unknown> =>
      got(address, { agent: { https: agent }, signal, retry: { limit: 0 } });
    try {
      expect(await proveLive(pins, client, url)).to.include({ refusedReused: true });
    } finally {
      agent.destroy();
    }
  });

  it('finds a fetch whose pool keeps connections that nobody judges', async () => {
    const dispatcher = new Agent({ connect: { ...tls, ...pins.tlsOptions({ host }) } });
    const client = async (address: string): Promise<void> => {
      const answer = await undiciFetch(address, { dispatcher });
      await answer.text();
    };
    try {
      const error = await proveLive(pins, client, url).catch((thrown: unknown) => thrown);
      expect(error).to.be.an.instanceOf(PinMismatchError);
    } finally {
      await dispatcher.close();
    }
  });
});
