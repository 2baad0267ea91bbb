import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import https from 'node:https';
import { findPinError } from '@pinvault/core';
import { expect } from 'chai';
import { type SinonFakeTimers, useFakeTimers } from 'sinon';
import { host, PinnedService, StandingClock } from './support/pinned-service.js';

const dayMs = 86_400_000;

describe('a connection of PinnedAgent that nobody asks about', () => {
  let service: PinnedService;
  let clock: StandingClock;
  let timers: SinonFakeTimers;
  let response: ServerResponse;

  afterEach(async () => {
    timers.restore();
    await service.close();
  });

  /** Its pin counts until tomorrow at most. */
  async function start(respond: RequestListener): Promise<void> {
    clock = new StandingClock();
    service = await PinnedService.start({
      pins: { clock, maxStaleMs: Infinity },
      agent: { drainTimeoutMs: 10_000 },
      server: { respond },
    });
    const { oldLeaf, newLeaf } = service;
    const day = new Date(clock.now() + dayMs).toISOString().slice(0, 10);
    await service.rotate({ [host]: `${oldLeaf.pin} until=${day}`, [`${host}#next`]: newLeaf.pin });
    timers = useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'],
      shouldClearNativeTimers: true,
    });
  }

  /** A response that has begun. */
  async function begin(): Promise<IncomingMessage> {
    await start((_request, answering) => {
      response = answering;
      response.writeHead(200).write('first ');
    });
    const sent = https.get({ host, port: service.server.port, agent: service.agent });
    sent.on('error', () => undefined);
    const [incoming] = (await once(sent, 'response')) as [IncomingMessage];
    return incoming;
  }

  it('gets drainTimeoutMs for its response when the clock has ended its pin', async () => {
    const { socket } = await begin();
    const ended = once(socket, 'error');
    clock.move(3 * dayMs);
    timers.tick(30_000 + 9_999);
    expect(socket.destroyed).to.equal(false);
    timers.tick(1);
    const [error] = (await ended) as [unknown];
    expect(findPinError(error)?.code).to.equal('ERR_PIN_MISMATCH');
    response.destroy();
  });

  it('lives on where its pin counts again by the end of that time', async () => {
    const incoming = await begin();
    clock.move(3 * dayMs);
    timers.tick(30_000);
    // A clock that was set wrong, and right again: nothing is told of it.
    clock.move(-3 * dayMs);
    timers.tick(10_000);
    response.end('last');
    let text = '';
    for await (const chunk of incoming as AsyncIterable<Buffer>) text += chunk.toString();
    expect(text).to.equal('first last');
  });

  it('ends where it is idle, though no request comes', async () => {
    await start((_request, answering) => {
      // Longer than the test looks at: else Node would end the connection.
      answering.setHeader('keep-alive', 'timeout=600');
      answering.end('ok');
    });
    expect(await service.get()).to.deep.equal({ status: 200, text: 'ok' });
    timers.tick(60_000);
    expect(service.idle).to.equal(1);
    clock.move(3 * dayMs);
    timers.tick(30_000);
    expect(service.idle).to.equal(0);
  });

  it('is judged in nobody’s context, whoever has opened it', async () => {
    await start((_request, answering) => void answering.end('ok'));
    const contexts = new AsyncLocalStorage<string>();
    await contexts.run('a request', () => service.get());
    const seen: unknown[] = [];
    const judge = service.pins.judge.bind(service.pins);
    service.pins.judge = (evidence) => {
      seen.push(contexts.getStore());
      return judge(evidence);
    };
    timers.tick(30_000);
    expect(new Set(seen)).to.deep.equal(new Set([undefined]));
  });

  it('is looked at by no timer when it is gone', async () => {
    const { socket } = await begin();
    expect(timers.countTimers()).to.be.greaterThan(0);
    const closed = once(socket, 'close');
    socket.destroy();
    await closed;
    expect(timers.countTimers()).to.equal(0);
  });
});
