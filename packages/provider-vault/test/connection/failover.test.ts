import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { startDevVault, type DevVault, VirtualClock } from '@pinvault/testing';
import { createVaultProvider, type VaultProviderOptions } from '#src/index.js';
import { readVaultSettings } from '#src/options.js';
import { VaultTransport } from '#src/transport.js';
import { answering } from '../support/answers.js';
import { failureOf, providerError } from '../support/errors.js';
import { documentOf, optionsFor } from '../support/provider.js';

describe('a vault of several nodes', () => {
  let nodes: [DevVault, DevVault, DevVault];

  beforeEach(async () => {
    nodes = [await startDevVault(), await startDevVault(), await startDevVault()];
    for (const [index, node] of nodes.entries()) node.write('tls-pins', { [`node${index}.test`]: 'none' });
  });

  afterEach(async () => {
    for (const node of nodes) await node.close();
  });

  const optionsWith = (options: Partial<VaultProviderOptions> = {}): VaultProviderOptions =>
    optionsFor(nodes[0], { address: undefined, addresses: nodes.map(({ address }) => address), ...options });
  const requests = (): number[] => nodes.map((node) => node.requests);

  async function withProvider(
    use: (readNode: () => Promise<string>) => Promise<unknown>,
    options: Partial<VaultProviderOptions> = {},
  ): Promise<void> {
    const provider = createVaultProvider(optionsWith(options));
    try {
      await use(async () => Object.keys(await documentOf(provider))[0] ?? '');
    } finally {
      await provider.close?.();
    }
  }

  it('is read from the first, and from it alone', async () => {
    await withProvider(async (read) => {
      for (let each = 0; each < 3; each += 1) expect(await read()).to.equal('node0.test');
      expect(requests()).to.deep.equal([3, 0, 0]);
    });
  });

  it('is read from the next one where one is down, and stays with it', async () => {
    await nodes[0].close();
    await withProvider(async (read) => {
      for (let each = 0; each < 3; each += 1) expect(await read()).to.equal('node1.test');
      expect(requests()).to.deep.equal([0, 3, 0]);
      await nodes[1].close();
      expect(await read()).to.equal('node2.test');
    });
  });

  it('comes back to the one that was down when the others fail', async () => {
    nodes[0].seal();
    await withProvider(async (read) => {
      expect(await read()).to.equal('node1.test');
      nodes[0].unseal();
      nodes[1].seal();
      nodes[2].seal();
      expect(await read()).to.equal('node0.test');
    });
  });

  for (const status of [412, 429, 472, 473, 500, 501, 502, 503]) {
    it(`is read from the next one where one answers ${status}`, async () => {
      nodes[0].respondWith(answering(status, { errors: ['not here'] }));
      await withProvider(async (read) => expect(await read()).to.equal('node1.test'));
    });
  }

  it('is not asked elsewhere where one says when to come back: its quota counts', async () => {
    nodes[0].respondWith(answering(429, { errors: ['quota'] }, { 'Retry-After': '7' }));
    await withProvider(async (read) => {
      expect(await providerError(read, 'ERR_PROVIDER_THROTTLED')).to.have.property('retryAfterMs', 7_000);
      expect(requests()).to.deep.equal([1, 0, 0]);
    });
  });

  it('is not asked elsewhere where one has an answer: not found, denied', async () => {
    nodes[0].remove('tls-pins');
    await withProvider(async (read) => {
      await providerError(read, 'ERR_PROVIDER_NOT_FOUND');
      nodes[0].respondWith(answering(403, { errors: ['permission denied'] }));
      await providerError(read, 'ERR_PROVIDER_DENIED');
      expect(requests()).to.deep.equal([2, 0, 0]);
    });
  });

  it('is read from the next one where one redirects to where the token does not go', async () => {
    nodes[0].respondWith((_request, response) =>
      response.writeHead(307, { Location: 'http://evil.example.com/' }).end(),
    );
    await withProvider(async (read) => expect(await read()).to.equal('node1.test'));
  });

  it('is followed where a standby redirects to another one of them', async () => {
    nodes[0].respondWith((request, response) =>
      response.writeHead(307, { Location: `${nodes[2].address}${request.url}` }).end(),
    );
    await withProvider(async (read) => expect(await read()).to.equal('node2.test'));
    expect(requests()).to.deep.equal([1, 0, 1]);
  });

  it('is not held up by one that hangs, nor at the read after it', async () => {
    nodes[0].respondWith(() => undefined);
    await withProvider(
      async (read) => {
        expect(await read()).to.equal('node1.test');
        expect(await read()).to.equal('node1.test');
        expect(requests()).to.deep.equal([1, 2, 0]);
      },
      // A third for each: the one that answers has a whole second for it.
      { timeoutMs: 3_000 },
    );
  });

  it('is asked elsewhere at the next read where the caller gave up on one that hung', async () => {
    const giveUp = new AbortController();
    nodes[0].respondWith(() => giveUp.abort());
    const provider = createVaultProvider(optionsWith());
    try {
      await failureOf(() => provider.read({ signal: giveUp.signal }));
      expect(Object.keys(await documentOf(provider))).to.deep.equal(['node1.test']);
      expect(requests()).to.deep.equal([1, 1, 0]);
    } finally {
      await provider.close?.();
    }
  });

  it('says why where none has an answer: what a vault said goes before what none said', async () => {
    await nodes[0].close();
    nodes[1].seal();
    await nodes[2].close();
    await withProvider(async (read) => {
      expect(await providerError(read, 'ERR_PROVIDER_UNAVAILABLE')).to.have.property('detail', 'sealed');
    });
  });

  it('keeps the folder in front of each API', async () => {
    const [first, second] = nodes;
    await first.close();
    second.respondWith((request, response) => {
      if (request.url !== '/team/v1/secret/data/tls-pins') return response.writeHead(404).end();
      return answering(200, { data: { data: { 'folder.test': 'none' }, metadata: { version: 1 } } })(
        request,
        response,
      );
    });
    const addresses = [`${first.address}/vault/`, `${second.address}/team`];
    await withProvider(async (read) => expect(await read()).to.equal('folder.test'), { addresses });
  });

  it('is not taken to hang while our own rate limit makes a request wait', async () => {
    const clock = new VirtualClock(0);
    // The limit for one of three nodes is 1 s, and the second request waits for 2 s.
    const settings = readVaultSettings(optionsWith({ rateLimit: '0.5:1', timeoutMs: 10_000 }));
    const transport = new VaultTransport(settings, { clock });
    const url = new URL('/v1/secret/data/tls-pins', settings.address);
    const answered: number[] = [];
    const send = async (): Promise<void> => {
      const headers = { 'X-Vault-Token': nodes[0].token };
      answered.push((await transport.get(url, headers, new AbortController().signal)).statusCode);
    };
    try {
      const both = Promise.all([send(), send()]);
      for (let step = 0; step < 400 && answered.length < 2; step += 1) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (answered.length > 0) await clock.advance(100);
      }
      await both;
      expect(requests()).to.deep.equal([2, 0, 0]);
    } finally {
      await transport.close();
    }
  });

  describe('and a request that changes something', () => {
    const login = (transport: VaultTransport, address: URL) =>
      transport.request(
        { method: 'POST', url: new URL('/v1/auth/x/login', address), headers: {}, body: { role: 'r' } },
        new AbortController().signal,
      );

    async function withTransport(
      use: (send: () => ReturnType<typeof login>) => Promise<unknown>,
    ): Promise<void> {
      const settings = readVaultSettings(optionsWith({ maxRetries: 2 }));
      const transport = new VaultTransport(settings);
      try {
        await use(() => login(transport, settings.address));
      } finally {
        await transport.close();
      }
    }

    it('is sent to the next one where it cannot have arrived', async () => {
      await nodes[0].close();
      nodes[1].seal();
      nodes[2].respondWith(answering(200, { auth: {} }));
      await withTransport(async (send) => expect(await send()).to.have.property('statusCode', 200));
      expect(requests()).to.deep.equal([0, 1, 1]);
    });

    it('is waited for where it has been sent, however long that takes', async () => {
      // The limit for one of three nodes is a second.
      const settings = readVaultSettings(optionsWith({ timeoutMs: 8_000 }));
      const transport = new VaultTransport(settings);
      nodes[0].respondWith((request, response) => {
        setTimeout(() => answering(200, { auth: {} })(request, response), 1_300);
      });
      try {
        expect(await login(transport, settings.address)).to.have.property('statusCode', 200);
        expect(requests()).to.deep.equal([1, 0, 0]);
      } finally {
        await transport.close();
      }
    });

    it('is sent once where it may have taken effect', async () => {
      await withTransport(async (send) => {
        nodes[0].respondWith(answering(500, { errors: ['?'] }));
        expect(await send()).to.have.property('statusCode', 500);
        nodes[1].respondWith((request) => request.socket.destroy());
        await providerError(send, 'ERR_PROVIDER_UNAVAILABLE');
        expect(requests()).to.deep.equal([1, 1, 0]);
      });
    });

    for (const [what, respond] of [
      ['answers 502', answering(502, { errors: ['?'] })],
      ['answers 500', answering(500, { errors: ['?'] })],
      ['drops each request', (request: IncomingMessage) => request.socket.destroy()],
    ] as const) {
      it(`begins at another one the next time, where one ${what}`, async () => {
        nodes[0].respondWith(respond);
        nodes[1].respondWith(respond);
        nodes[2].respondWith(answering(200, { auth: {} }));
        await withTransport(async (send) => {
          await send().catch((error: unknown) => error);
          await send().catch((error: unknown) => error);
          expect(await send()).to.have.property('statusCode', 200);
          expect(await send()).to.have.property('statusCode', 200);
        });
        expect(requests()).to.deep.equal([1, 1, 2]);
      });
    }

    it('comes back to the first after the last', async () => {
      for (const node of nodes) node.respondWith(answering(502, { errors: ['?'] }));
      await withTransport(async (send) => {
        for (let turn = 0; turn < 4; turn += 1) expect(await send()).to.have.property('statusCode', 502);
      });
      expect(requests()).to.deep.equal([2, 1, 1]);
    });

    it('stays with one that refuses it', async () => {
      nodes[0].respondWith(answering(400, { errors: ['invalid secret id'] }));
      await withTransport(async (send) => {
        for (let turn = 0; turn < 2; turn += 1) expect(await send()).to.have.property('statusCode', 400);
      });
      expect(requests()).to.deep.equal([2, 0, 0]);
    });
  });
});

describe('a vault that fails for a moment', () => {
  let vault: DevVault;

  beforeEach(async () => {
    vault = await startDevVault();
    vault.write('tls-pins', { 'a.test': 'none' });
  });

  afterEach(async () => {
    await vault.close();
  });

  /** Fails so often, then answers. */
  function failing(times: number, status: number, headers: Record<string, string> = {}): void {
    let left = times;
    vault.respondWith((request, response) => {
      if (left === 0) return false;
      left -= 1;
      return answering(status, { errors: ['later'] }, headers)(request, response);
    });
  }

  async function outcome(clock: VirtualClock, options: Partial<VaultProviderOptions> = {}): Promise<unknown> {
    const settings = readVaultSettings(optionsFor(vault, { maxRetries: undefined, ...options }));
    const transport = new VaultTransport(settings, { clock, random: () => 0 });
    const url = new URL('/v1/secret/data/tls-pins', vault.address);
    const controller = new AbortController();
    const settled: unknown[] = [];
    const read = transport
      .get(url, { 'X-Vault-Token': vault.token }, controller.signal)
      .then(({ statusCode }) => settled.push(statusCode))
      .catch((error: unknown) => settled.push(error));
    // Real sockets, and a clock that goes on while nothing else can happen.
    for (let step = 0; step < 400 && settled.length === 0; step += 1) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      await clock.advance(10);
    }
    controller.abort();
    await read;
    await transport.close();
    return settled[0];
  }

  const start = (): VirtualClock => new VirtualClock(Date.UTC(2026, 10, 24));

  for (const status of [412, 429, 472, 473, 500, 502, 503, 504]) {
    it(`is asked again, twice at most, after ${status}`, async () => {
      failing(2, status);
      expect(await outcome(start())).to.equal(200);
      expect(vault.requests).to.equal(3);
      failing(3, status);
      expect(await outcome(start())).to.equal(status);
      expect(vault.requests).to.equal(6);
    });
  }

  for (const status of [400, 401, 403, 404, 405, 501]) {
    it(`is not asked again after ${status}`, async () => {
      failing(1, status);
      expect(await outcome(start())).to.equal(status);
      expect(vault.requests).to.equal(1);
    });
  }

  it('is asked as often as maxRetries or VAULT_MAX_RETRIES says', async () => {
    for (const [options, expected] of [
      [{ maxRetries: 0 }, 1],
      [{ maxRetries: 4 }, 5],
      [{ env: { VAULT_MAX_RETRIES: '1' } }, 2],
      [{ env: { VAULT_MAX_RETRIES: '0' } }, 1],
    ] as const) {
      const before = vault.requests;
      failing(9, 500);
      expect(await outcome(start(), options)).to.equal(500);
      expect(vault.requests - before).to.equal(expected);
    }
  });

  it('is left alone as long as Retry-After says, up to a second', async () => {
    failing(1, 429, { 'Retry-After': '1' });
    const clock = start();
    const before = clock.monotonic();
    expect(await outcome(clock)).to.equal(200);
    expect(clock.monotonic() - before).to.be.at.least(1_000);
  });

  it('is left to the resolver where Retry-After says more', async () => {
    failing(1, 429, { 'Retry-After': '2' });
    expect(await outcome(start())).to.equal(429);
    expect(vault.requests).to.equal(1);
  });

  it('is asked again at once where Retry-After is nonsense', async () => {
    failing(1, 429, { 'Retry-After': '-1' });
    expect(await outcome(start())).to.equal(200);
  });

  it('is never asked longer than the read may take: the last answer then counts', async () => {
    failing(9, 503, { 'Retry-After': '1' });
    const clock = start();
    const before = clock.monotonic();
    expect(await outcome(clock, { timeoutMs: 500, maxRetries: 9 })).to.equal(503);
    expect(clock.monotonic() - before).to.be.within(500, 600);
  });

  it('is asked again after a connection that broke, and not after a certificate that was refused', async () => {
    let left = 1;
    vault.respondWith((request) => {
      if (left === 0) return false;
      left -= 1;
      return request.socket.destroy();
    });
    expect(await outcome(start())).to.equal(200);
    expect(vault.requests).to.equal(2);
  });

  it('is asked no more once the provider is closed', async () => {
    vault.seal();
    const provider = createVaultProvider(optionsFor(vault, { maxRetries: 9 }));
    const read = failureOf(() => documentOf(provider));
    while (vault.requests === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => setTimeout(resolve, 10));
    await provider.close?.();
    expect(await read).to.have.property('detail', 'closed');
  });
});
