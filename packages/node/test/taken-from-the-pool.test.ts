import { EventEmitter, once } from 'node:events';
import type { ClientRequest, ServerResponse } from 'node:http';
import { Agent } from 'node:https';
import { expect } from 'chai';
import { PinProviderError } from '@pinvault/core';
import { type Answer, codeOf, host, PinnedService, StandingClock } from './support/pinned-service.js';
import { until } from './support/until.js';

/** Else the agent would have the pins confirmed after such a leap of the clock. */
function takeStoreAway({ provider }: PinnedService): void {
  provider.read = async () => {
    throw new PinProviderError('ERR_PROVIDER_UNAVAILABLE', 'no', { provider: 'static' });
  };
}

describe('a connection that PinnedAgent takes from its pool', () => {
  let service: PinnedService;
  let clock: StandingClock;

  beforeEach(() => {
    clock = new StandingClock();
  });

  /** As a date, which means the end of that day: more than five days from now, and six at most. */
  const inFiveDays = (): string => new Date(clock.now() + 5 * 86_400_000).toISOString().slice(0, 10);

  afterEach(() => service.close());

  it('ends with the until= of the pin that let it in, without any rotation', async () => {
    service = await PinnedService.start({ pins: { clock, maxStaleMs: Infinity } });
    const { oldLeaf, newLeaf } = service;
    await service.rotate({ [host]: `${oldLeaf.pin} until=${inFiveDays()}`, [`${host}#next`]: newLeaf.pin });
    await service.get();
    clock.move(4 * 86_400_000);
    await service.get();
    expect(service.server.connections).to.equal(1);
    clock.move(4 * 86_400_000);
    service.server.use([newLeaf]);
    expect(await service.get()).to.deep.equal({ status: 200, text: 'ok' });
    expect(service.server.connections).to.equal(2);
  });

  it('ends with maxStaleMs', async () => {
    service = await PinnedService.start({ pins: { clock, maxStaleMs: 60_000 } });
    await service.get();
    const bytes = service.server.applicationBytes;
    takeStoreAway(service);
    clock.move(60_001);
    expect(codeOf(await service.get())).to.equal('ERR_RESOLVER_EXPIRED');
    expect(service.server.applicationBytes).to.equal(bytes);
  });

  it('ends with the certificate', async () => {
    service = await PinnedService.start({ pins: { clock, maxStaleMs: Infinity } });
    await service.get();
    clock.move(400 * 86_400_000);
    expect(codeOf(await service.get())).to.equal('ERR_PIN_MISMATCH');
  });

  it('ends with the resolver', async () => {
    service = await PinnedService.start();
    await service.get();
    const bytes = service.server.applicationBytes;
    await service.pins.close();
    expect(codeOf(await service.get())).to.equal('ERR_RESOLVER_CLOSED');
    expect(service.server.applicationBytes).to.equal(bytes);
  });

  it('is judged also when it goes straight to a request that waited for it', async () => {
    const held: ServerResponse[] = [];
    service = await PinnedService.start({
      agent: { maxSockets: 1 },
      pins: { clock, maxStaleMs: 60_000 },
      server: { respond: (_request, response) => void held.push(response) },
    });
    const [first, waiting] = [service.get(), service.get()];
    await until(() => held.length > 0);
    clock.move(60_001);
    held[0]?.end('ok');
    expect(await first).to.deep.equal({ status: 200, text: 'ok' });
    expect(codeOf(await waiting)).to.equal('ERR_RESOLVER_EXPIRED');
    expect(service.server.requests).to.equal(1);
  });

  it('is looked at when Node hands it over, where there was no look before', async () => {
    service = await PinnedService.start({ pins: { clock, maxStaleMs: 60_000 } });
    await service.get();
    const bytes = service.server.applicationBytes;
    // As if Node named its pools without asking the agent.
    service.agent.getName = () => 'one pool';
    const [sockets] = Object.values(service.agent.freeSockets);
    Object.assign(service.agent.freeSockets, { 'one pool': sockets });
    takeStoreAway(service);
    clock.move(60_001);
    expect('error' in (await service.get())).to.equal(true);
    expect(service.server.applicationBytes).to.equal(bytes);
  });

  it('is destroyed where somebody else hands it over when it is stale', async () => {
    service = await PinnedService.start({ pins: { clock, maxStaleMs: 60_000 } });
    await service.get();
    const [sockets] = Object.values(service.agent.freeSockets);
    const [socket] = sockets ?? [];
    if (socket === undefined) throw new Error('none is idle');
    const ended = once(socket, 'error');
    clock.move(60_001);
    service.agent.reuseSocket(socket, {} as ClientRequest);
    expect(socket.destroyed).to.equal(true);
    expect(await ended).to.have.nested.property('[0].code', 'ERR_RESOLVER_EXPIRED');
  });

  for (const scheduling of ['lifo', 'fifo'] as const) {
    it(`is the first that still matches, where others were idle before it (${scheduling})`, async () => {
      const requests = new EventEmitter();
      const held: ServerResponse[] = [];
      let isHolding = true;
      service = await PinnedService.start({
        agent: { scheduling, maxCachedSessions: 0 },
        pins: { clock, maxStaleMs: Infinity },
        server: {
          respond(_request, response) {
            if (!isHolding) return void response.end('ok');
            held.push(response);
            requests.emit('held');
          },
        },
      });
      const { oldLeaf, newLeaf, server } = service;
      await service.rotate({ [host]: `${oldLeaf.pin} until=${inFiveDays()}`, [`${host}#next`]: newLeaf.pin });
      // Idle in the order in which they are opened here; the one that matches for longer is the last to be taken.
      const leaves = [oldLeaf, oldLeaf, newLeaf];
      const answers: Promise<Answer>[] = [];
      for (const leaf of scheduling === 'fifo' ? leaves : leaves.toReversed()) {
        server.use([leaf]);
        const arrived = once(requests, 'held');
        answers.push(service.get());
        await arrived;
      }
      for (const [index, response] of held.splice(0).entries()) {
        response.end('ok');
        await answers[index];
      }
      isHolding = false;
      expect([server.connections, service.idle]).to.deep.equal([3, 3]);
      clock.move(8 * 86_400_000);
      expect(await service.get()).to.deep.equal({ status: 200, text: 'ok' });
      expect([server.connections, service.idle]).to.deep.equal([3, 1]);
    });
  }

  it('is a new one where none of the idle ones matches any more', async () => {
    service = await PinnedService.start({ pins: { clock, maxStaleMs: Infinity } });
    const { oldLeaf, newLeaf, server } = service;
    await service.rotate({ [host]: `${oldLeaf.pin} until=${inFiveDays()}`, [`${host}#next`]: newLeaf.pin });
    await Promise.all([service.get(), service.get(), service.get()]);
    expect([server.connections, service.idle]).to.deep.equal([3, 3]);
    server.use([newLeaf]);
    clock.move(8 * 86_400_000);
    expect(await service.get()).to.deep.equal({ status: 200, text: 'ok' });
    expect([server.connections, service.idle]).to.deep.equal([4, 1]);
  });

  it('keeps pools of different hosts and ports apart', async () => {
    service = await PinnedService.start();
    const other = await PinnedService.start();
    try {
      await service.rotate({ [host]: `${service.oldLeaf.pin} ${other.oldLeaf.pin}` });
      await service.get({ ca: [service.root.pem] });
      await service.get({ port: other.server.port, ca: [other.root.pem] });
      expect([service.server.connections, other.server.connections]).to.deep.equal([1, 1]);
    } finally {
      await other.close();
    }
  });

  it('is pooled under the name of its dial, whatever becomes of the options that it was dialled with', async () => {
    let response: ServerResponse | undefined;
    service = await PinnedService.start({
      server: { respond: (_request, answering) => void (response = answering) },
    });
    const ca = [service.root.pem];
    service.agent.options.ca = ca;
    const answer = service.get();
    await until(() => response !== undefined);
    const dialled = Object.keys(service.agent.sockets);
    ca.push(service.oldLeaf.pem);
    response?.end('ok');
    expect(await answer).to.deep.equal({ status: 200, text: 'ok' });
    expect([Object.keys(service.agent.sockets), Object.keys(service.agent.freeSockets)]).to.deep.equal([
      [],
      dialled,
    ]);
  });

  it('is pooled under the name that Node gives it, apart from those with other TLS options', async () => {
    service = await PinnedService.start();
    const plain = new Agent({ ...service.agent.options });
    try {
      for (const agent of [service.agent, plain])
        for (const options of [{}, { minVersion: 'TLSv1.2' }, {}, { minVersion: 'TLSv1.2' }, {}] as const)
          expect(await service.get({ agent, ...options })).to.deep.equal({ status: 200, text: 'ok' });
      expect(service.server.connections).to.equal(4);
      expect(Object.keys(service.agent.freeSockets)).to.deep.equal(Object.keys(plain.freeSockets));
    } finally {
      plain.destroy();
    }
  });
});
