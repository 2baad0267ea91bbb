import { once } from 'node:events';
import https from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { findPinError } from '@pinvault/core';
import { type SinonFakeTimers, useFakeTimers } from 'sinon';
import { codeOf, host, PinnedService } from './support/pinned-service.js';
import { until } from './support/until.js';

describe('PinnedAgent at a rotation', () => {
  let service: PinnedService;

  afterEach(() => service.close());

  it('destroys an idle connection whose pin was removed, and the next request handshakes anew', async () => {
    service = await PinnedService.start();
    await service.get();
    expect(service.idle).to.equal(1);
    service.server.use([service.newLeaf]);
    await service.rotate({ [host]: service.newLeaf.pin });
    expect(service.idle).to.equal(0);
    expect(await service.get()).to.deep.equal({ status: 200, text: 'ok' });
    expect(service.server.connections).to.equal(2);
  });

  it('refuses a request of the same tick, and not a byte of it goes over the old connection', async () => {
    service = await PinnedService.start();
    await service.get();
    const bytes = service.server.applicationBytes;
    service.provider.update({ [host]: service.newLeaf.pin });
    const answers: Promise<unknown>[] = [];
    service.pins.on('rotate', () => answers.push(service.get().then(codeOf)));
    await service.pins.refresh();
    expect(await Promise.all(answers)).to.deep.equal(['ERR_PIN_MISMATCH']);
    expect(service.server.applicationBytes).to.equal(bytes);
  });

  it('keeps a connection warm that still matches', async () => {
    service = await PinnedService.start();
    await service.get();
    await service.rotate({ [host]: `${service.oldLeaf.pin} ${service.newLeaf.pin}` });
    await service.rotate({ [host]: service.oldLeaf.pin, 'other.example.test': service.newLeaf.pin });
    await service.get();
    expect(service.server.connections).to.equal(1);
  });

  describe('with a request under way', () => {
    let timers: SinonFakeTimers | undefined;

    afterEach(() => timers?.restore());

    /** From here on the drain's timer is ours. */
    async function rotateUnderFakeTimers(rows: Readonly<Record<string, string>>): Promise<void> {
      timers = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldClearNativeTimers: true });
      await service.rotate(rows);
    }

    let response: ServerResponse;
    let started: Promise<unknown>;

    async function startSlow(
      drainTimeoutMs: number,
    ): Promise<{ readonly result: Promise<unknown>; readonly incoming: Promise<IncomingMessage> }> {
      let tell: (value?: unknown) => void = () => undefined;
      started = new Promise((resolve) => (tell = resolve));
      service = await PinnedService.start({
        agent: { drainTimeoutMs },
        server: {
          respond: (_request, answering) => {
            response = answering;
            response.writeHead(200).write('first ');
            tell();
          },
        },
      });
      const sent = https.get({ host, port: service.server.port, agent: service.agent });
      // The request tells of the end of its connection, as it does for any other.
      sent.on('error', () => undefined);
      const incoming = once(sent, 'response').then(([message]) => message as IncomingMessage);
      const result = incoming.then(async (message) => {
        let text = '';
        try {
          for await (const chunk of message as AsyncIterable<Buffer>) text += chunk.toString();
          return text;
        } catch (error) {
          return error;
        }
      });
      await started;
      await incoming;
      return { result, incoming };
    }

    it('lets the response finish, and then ends the connection', async () => {
      const { result } = await startSlow(30_000);
      await service.rotate({ [host]: service.newLeaf.pin });
      response.end('last');
      expect(await result).to.equal('first last');
      await new Promise((resolve) => setImmediate(resolve));
      expect(service.idle).to.equal(0);
      expect(codeOf(await service.get())).to.equal('ERR_PIN_MISMATCH');
    });

    it('ends it when drainTimeoutMs is over, and not before', async () => {
      const { result, incoming } = await startSlow(30_000);
      const { socket } = await incoming;
      const ended = once(socket, 'error');
      await rotateUnderFakeTimers({ [host]: service.newLeaf.pin });
      timers?.tick(29_999);
      expect(socket.destroyed).to.equal(false);
      timers?.tick(1);
      expect(socket.destroyed).to.equal(true);
      const [error] = (await ended) as [unknown];
      expect(findPinError(error)?.code).to.equal('ERR_PIN_MISMATCH');
      expect(await result).to.be.an.instanceOf(Error);
    });

    it('ends it at once under $revoked', async () => {
      const { result, incoming } = await startSlow(30_000);
      const { socket } = await incoming;
      const { oldLeaf, newLeaf } = service;
      const ended = once(socket, 'error');
      await service.rotate({ [host]: `${oldLeaf.pin} ${newLeaf.pin}`, $revoked: oldLeaf.pin });
      expect(socket.destroyed).to.equal(true);
      const [error] = (await ended) as [unknown];
      expect(findPinError(error)?.code).to.equal('ERR_PIN_REVOKED');
      expect(await result).to.be.an.instanceOf(Error);
    });

    it('lets it live when a later rotation takes the removal back', async () => {
      const { result } = await startSlow(30_000);
      await rotateUnderFakeTimers({ [host]: service.newLeaf.pin });
      await service.rotate({ [host]: `${service.newLeaf.pin} ${service.oldLeaf.pin}` });
      timers?.tick(60_000);
      response.end('last');
      expect(await result).to.equal('first last');
      expect(service.server.connections).to.equal(1);
    });

    it('drains a connection that was upgraded and left the pool, too', async () => {
      service = await PinnedService.start({
        server: { respond: (_request, answering) => void answering.writeHead(426).end() },
      });
      const sent = https.get({ host, port: service.server.port, agent: service.agent });
      const [socket] = (await once(sent, 'socket')) as [TLSSocket];
      await once(socket, 'secureConnect');
      // What ws does after its handshake.
      socket.emit('agentRemove');
      const ended = once(socket, 'error');
      sent.on('error', () => undefined);
      await rotateUnderFakeTimers({ [host]: service.newLeaf.pin });
      timers?.tick(30_000);
      const [error] = (await ended) as [unknown];
      expect(findPinError(error)?.code).to.equal('ERR_PIN_MISMATCH');
    });
  });

  it('has queued requests handshake anew, none rides the removed pin', async () => {
    const waiting: ServerResponse[] = [];
    service = await PinnedService.start({
      agent: { maxSockets: 1 },
      server: { respond: (_request, response) => void waiting.push(response) },
    });
    const first = service.get();
    const queued = [service.get(), service.get()];
    await until(() => waiting.length > 0);
    await service.rotate({ [host]: service.newLeaf.pin });
    waiting[0]?.end('first');
    expect(await first).to.deep.equal({ status: 200, text: 'first' });
    expect((await Promise.all(queued)).map(codeOf)).to.deep.equal(['ERR_PIN_MISMATCH', 'ERR_PIN_MISMATCH']);
    expect(service.server.requests).to.equal(1);
  });

  it('has queued requests go on over a connection of the new key', async () => {
    const waiting: ServerResponse[] = [];
    service = await PinnedService.start({
      agent: { maxSockets: 1 },
      server: {
        respond: (_request, response) => {
          if (waiting.length === 0) waiting.push(response);
          else response.end('later');
        },
      },
    });
    const first = service.get();
    const queued = [service.get(), service.get()];
    await until(() => waiting.length > 0);
    service.server.use([service.newLeaf]);
    await service.rotate({ [host]: service.newLeaf.pin });
    waiting[0]?.end('first');
    expect(await Promise.all([first, ...queued])).to.deep.equal([
      { status: 200, text: 'first' },
      { status: 200, text: 'later' },
      { status: 200, text: 'later' },
    ]);
  });

  it('takes a connection that is still being opened for what it is: not stale', async () => {
    service = await PinnedService.start({ agent: { maxSockets: 1 } });
    // The second request waits for the first one's connection; 'free' tells of it before anything was judged.
    const answers = await Promise.all([service.get(), service.get(), service.get()]);
    expect(answers.map((answer) => ('status' in answer ? answer.status : answer))).to.deep.equal([
      200, 200, 200,
    ]);
  });

  for (const scheduling of ['lifo', 'fifo'] as const) {
    it(`loses none of 40 requests of the tick in which a part of the pool goes (${scheduling})`, async () => {
      const held: ServerResponse[] = [];
      let isHolding = true;
      service = await PinnedService.start({
        agent: { scheduling, maxFreeSockets: 64, maxCachedSessions: 0 },
        server: {
          respond: (_request, response) => {
            if (isHolding) held.push(response);
            else response.end('ok');
          },
        },
      });
      const { oldLeaf, newLeaf, server } = service;
      const openTen = async (): Promise<Promise<unknown>[]> => {
        const wanted = held.length + 10;
        const answers = Array.from({ length: 10 }, () => service.get());
        await until(() => held.length >= wanted);
        return answers;
      };
      await service.rotate({ [host]: `${oldLeaf.pin} ${newLeaf.pin}` });
      const underOld = await openTen();
      server.use([newLeaf]);
      const underNew = await openTen();
      isHolding = false;
      // Those of the old key are the last in the pool: lifo would take them first.
      for (const response of held.slice(10)) response.end('ok');
      await Promise.all(underNew);
      for (const response of held.slice(0, 10)) response.end('ok');
      await Promise.all(underOld);
      expect(service.idle).to.equal(20);

      const answers: Promise<string | undefined>[] = [];
      service.pins.on('rotate', () => {
        for (let index = 0; index < 40; index += 1) answers.push(service.get().then(codeOf));
      });
      await service.rotate({ [host]: newLeaf.pin });
      expect(service.idle).to.equal(0);
      expect(await Promise.all(answers)).to.deep.equal(Array.from({ length: 40 }, () => undefined));
      // Ten warm ones of the new key were kept.
      expect(server.connections).to.equal(50);
    });
  }
});
