import https from 'node:https';
import tls from 'node:tls';
import { expect } from 'chai';
import { pinErrorCode, PinMismatchError } from '@pinvault/core';
import { loopbackLookup } from '@pinvault/testing';
import { PinnedAgent, proveLive, type ProvableRequest } from '#src/index.js';
import { codeOf, host, PinnedService, request } from './support/pinned-service.js';

describe('proveLive', () => {
  let service: PinnedService;
  let url: string;

  beforeEach(async () => {
    service = await PinnedService.start();
    url = `https://${host}:${service.server.port}/health`;
  });

  afterEach(() => service.close());

  /** A client of somebody else: whether it obeys is up to its options. */
  function clientWith(options: () => https.RequestOptions): ProvableRequest {
    return async (address, { signal }) => {
      const { port } = new URL(address);
      const answer = await request({
        host,
        port,
        lookup: loopbackLookup,
        ca: service.root.pem,
        signal,
        ...options(),
      });
      if ('error' in answer) throw answer.error;
    };
  }

  async function failureOf(client: ProvableRequest): Promise<unknown> {
    return proveLive(service.pins, client, url).then(
      () => undefined,
      (error: unknown) => error,
    );
  }

  it('shows that a PinnedAgent refuses first and with a connection at hand, and serves again', async () => {
    const proof = await proveLive(service.pins, service.agent, url);
    expect(proof).to.include({ refusedFirst: true, refusedReused: true, restored: true });
    expect(proof.url).to.equal(`https://${host}:${service.server.port}`);
    expect(proof.tookMs).to.be.a('number');
    // Only the two requests under the pins in force have arrived.
    expect(service.server.requests).to.equal(2);
    expect(service.idle).to.equal(0);
  });

  it('sends nothing under the wrong pin', async () => {
    const sizes: number[] = [];
    const spied: ProvableRequest = async (address, options) => {
      const before = service.server.applicationBytes;
      try {
        await clientWith(() => ({ agent: service.agent }))(address, options);
      } catch (error) {
        sizes.push(service.server.applicationBytes - before);
        throw error;
      }
    };
    await proveLive(service.pins, spied, url);
    expect(sizes).to.deep.equal([0, 0]);
  });

  it('proves a client that dials by tlsOptions()', async () => {
    const client = clientWith(() => ({
      agent: new https.Agent({ maxCachedSessions: 0 }),
      ...service.pins.tlsOptions({ host, port: service.server.port }),
    }));
    expect(await proveLive(service.pins, client, url)).to.include({ refusedReused: true });
  });

  it('finds a client that has no check', async () => {
    const error = await failureOf(clientWith(() => ({ agent: new https.Agent() })));
    expect(error).to.be.an.instanceOf(PinMismatchError);
  });

  it('finds a client that asks and does not obey', async () => {
    const { pins } = service;
    const error = await failureOf(
      clientWith(() => ({
        agent: new https.Agent(),
        checkServerIdentity: (name, certificate) => {
          pins.checkServerIdentity.call(undefined, name, certificate);
          return undefined;
        },
      })),
    );
    expect(error).to.be.an.instanceOf(PinMismatchError);
  });

  it('finds a client that is pinned at first, and rides a pooled connection that nobody judges', async () => {
    const agent = new https.Agent({ keepAlive: true, ...service.pins.tlsOptions({ host }) });
    try {
      const error = await failureOf(clientWith(() => ({ agent })));
      expect(error).to.be.an.instanceOf(PinMismatchError);
      expect(pinErrorCode(error)).to.equal('ERR_PIN_MISMATCH');
    } finally {
      agent.destroy();
    }
  });

  it('finds a client that resumes a session of which nobody is asked', async () => {
    let session: Buffer | undefined;
    const client: ProvableRequest = async () =>
      new Promise((resolve, reject) => {
        const socket = tls.connect({
          host,
          port: service.server.port,
          lookup: loopbackLookup,
          servername: host,
          ca: service.root.pem,
          ...service.pins.tlsOptions({ host, port: service.server.port }),
          session,
        } as tls.ConnectionOptions);
        socket.on('session', (ticket) => (session = ticket));
        socket.on('error', reject).on('close', resolve);
        socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
        socket.resume();
      });
    const error = await failureOf(client);
    expect(error).to.be.an.instanceOf(PinMismatchError);
    expect(service.server.resumed).to.equal(1);
  });

  it('takes a failure of another kind for what it is, and not for a proof', async () => {
    const failure = new Error('the name cannot be resolved');
    let calls = 0;
    const client: ProvableRequest = async () => {
      calls += 1;
      if (calls % 2 === 1) throw failure;
    };
    expect(await failureOf(client)).to.equal(failure);
  });

  it('fails with the mismatch itself where the pins in force refuse the host', async () => {
    await service.rotate({ [host]: service.newLeaf.pin });
    const error = await proveLive(service.pins, service.agent, url).catch((thrown: unknown) => thrown);
    expect(pinErrorCode(error)).to.equal('ERR_PIN_MISMATCH');
    expect(service.server.applicationBytes).to.equal(0);
  });

  it('disturbs no other request of the same agent, nor its warm connections', async () => {
    await service.get();
    const proving = new AbortController();
    const codes = new Set<string | undefined>();
    const traffic = Array.from({ length: 4 }, async () => {
      while (!proving.signal.aborted) codes.add(codeOf(await service.get()));
    });
    for (let round = 0; round < 5; round += 1) await proveLive(service.pins, service.agent, url);
    proving.abort();
    await Promise.all(traffic);
    expect([...codes]).to.deep.equal([undefined]);
    // Four of the traffic's own, and two new ones for each proof: none was dropped on its account.
    expect(service.server.connections).to.be.at.most(4 + 5 * 4);
    expect(service.idle).to.equal(4);
  });

  for (const limit of ['maxTotalSockets', 'maxSockets'] as const) {
    it(`has nobody refused who waits in the queue of the agent (${limit}: 1)`, async () => {
      const agent = new PinnedAgent(service.pins, {
        ca: service.root.pem,
        lookup: loopbackLookup,
        [limit]: 1,
      });
      // One that takes its time to give up, as with retries: what the agent dials meanwhile is for others.
      const slow: ProvableRequest = async (address, options) => {
        try {
          await clientWith(() => ({ agent }))(address, options);
        } catch (error) {
          await new Promise((resolve) => setTimeout(resolve, 50));
          throw error;
        }
      };
      const proving = new AbortController();
      const codes = new Set<string | undefined>();
      const close = { headers: { connection: 'close' } };
      const traffic = (async (): Promise<void> => {
        while (!proving.signal.aborted) {
          codes.add(codeOf(await service.get({ agent, ...close })));
          // Node gives a place among all sockets to those who wait for the same host first.
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })();
      try {
        for (const client of [slow, slow, agent, agent])
          expect(await proveLive(service.pins, client, url)).to.include({ restored: true });
      } finally {
        proving.abort();
        await traffic;
        agent.destroy();
      }
      expect([...codes]).to.deep.equal([undefined]);
    });
  }

  it('leaves no connection behind where the client was found out', async () => {
    let calls = 0;
    const client: ProvableRequest = async (address, options) => {
      calls += 1;
      if (calls < 3) await clientWith(() => ({ agent: service.agent }))(address, options);
    };
    expect(await failureOf(client)).to.be.an.instanceOf(PinMismatchError);
    expect(service.idle).to.equal(0);
  });

  it('drops no warm connection of others, whatever function makes the request', async () => {
    await service.get();
    const idle = Object.values(service.agent.freeSockets).flat();
    await proveLive(
      service.pins,
      clientWith(() => ({ agent: service.agent })),
      url,
    );
    expect(idle).to.have.length(1);
    expect(Object.values(service.agent.freeSockets).flat()).to.deep.equal(idle);
  });

  it('goes on through a rotation, and the rotation through it', async () => {
    await service.rotate({ [host]: `${service.oldLeaf.pin} ${service.newLeaf.pin}` });
    const warm = await service.get();
    const proofs = Array.from({ length: 3 }, () => proveLive(service.pins, service.agent, url));
    service.provider.update({ [host]: service.oldLeaf.pin });
    await service.pins.refresh();
    expect((await Promise.all(proofs)).every(({ restored }) => restored)).to.equal(true);
    expect(warm).to.include({ status: 200 });
    const connections = service.server.connections;
    expect(codeOf(await service.get())).to.equal(undefined);
    expect(service.server.connections).to.equal(connections);
  });

  it('tells nobody of a mismatch and starts no read', async () => {
    let told = 0;
    service.pins.on('mismatch', () => (told += 1));
    const { reads, mismatches } = service.pins.status().counters;
    await proveLive(service.pins, service.agent, url);
    expect(told).to.equal(0);
    expect(service.pins.status().counters).to.include({ reads, mismatches });
  });

  it('refuses what is no resolver, no client and no time', async () => {
    const invalid = async (...parameters: unknown[]): Promise<void> => {
      const error: unknown = await (proveLive as (...all: unknown[]) => Promise<unknown>)(
        ...parameters,
      ).catch((thrown: unknown) => thrown);
      expect(error).to.be.an.instanceOf(TypeError).with.property('code', 'ERR_INVALID_OPTION');
    };
    await invalid({}, service.agent, url);
    await invalid(null, service.agent, url);
    await invalid(service.pins, {}, url);
    await invalid(service.pins, null, url);
    await invalid(service.pins, service.agent, url, { timeoutMs: 0 });
  });
});
