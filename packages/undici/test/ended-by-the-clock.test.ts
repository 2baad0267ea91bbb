import { AsyncLocalStorage } from 'node:async_hooks';
import type { RequestListener, ServerResponse } from 'node:http';
import { findPinError } from '@pinvault/core';
import { expect } from 'chai';
import { type SinonFakeTimers, useFakeTimers } from 'sinon';
import { describeWithEach } from './support/majors.js';
import { host, Scene, StandingClock, turns, until } from './support/scene.js';

describeWithEach('a connection of PinnedDispatcher that nobody asks about', (major) => {
  let scene: Scene;
  let clock: StandingClock;
  let timers: SinonFakeTimers;

  afterEach(async () => {
    timers.restore();
    await scene.close();
  });

  /** Its pin counts until tomorrow at most. */
  async function start(respond: RequestListener): Promise<void> {
    clock = new StandingClock();
    scene = await Scene.start(major, {
      pins: { clock, maxStaleMs: Infinity },
      dispatcher: { drainTimeoutMs: 10_000 },
      server: { respond },
    });
    const { oldLeaf, newLeaf } = scene;
    const day = new Date(clock.now() + 86_400_000).toISOString().slice(0, 10);
    await scene.rotate({ [host]: `${oldLeaf.pin} until=${day}`, [`${host}#next`]: newLeaf.pin });
    timers = useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'],
      shouldClearNativeTimers: true,
    });
  }

  it('gets drainTimeoutMs for its response when the clock has ended its pin', async () => {
    let response: ServerResponse | undefined;
    await start((_request, answering) => {
      response = answering;
      response.writeHead(200).write('first ');
    });
    const { body } = await scene.dispatcher.request({ origin: scene.origin, path: '/', method: 'GET' });
    let failure: unknown;
    void body.text().catch((error: unknown) => (failure = error));
    clock.move(3 * 86_400_000);
    timers.tick(30_000 + 9_999);
    await turns(5);
    expect(failure).to.equal(undefined);
    timers.tick(1);
    await until(() => failure !== undefined);
    expect(findPinError(failure)?.code).to.equal('ERR_PIN_MISMATCH');
    response?.destroy();
  });

  it('lives on where its pin counts again by the end of that time', async () => {
    let response: ServerResponse | undefined;
    await start((_request, answering) => {
      response = answering;
      response.writeHead(200).write('first ');
    });
    const { body } = await scene.dispatcher.request({ origin: scene.origin, path: '/', method: 'GET' });
    const text = body.text();
    clock.move(3 * 86_400_000);
    timers.tick(30_000);
    // A clock that was set wrong, and right again: nothing is told of it.
    clock.move(-3 * 86_400_000);
    timers.tick(10_000);
    response?.end('last');
    expect(await text).to.equal('first last');
  });

  it('is judged in nobody’s context, whoever has opened it', async () => {
    await start((_request, response) => {
      response.setHeader('keep-alive', 'timeout=600');
      response.end('ok');
    });
    const contexts = new AsyncLocalStorage<string>();
    await contexts.run('a request', () => scene.get());
    const seen: unknown[] = [];
    const judge = scene.pins.judge.bind(scene.pins);
    scene.pins.judge = (evidence) => {
      seen.push(contexts.getStore());
      return judge(evidence);
    };
    timers.tick(30_000);
    expect(new Set(seen)).to.deep.equal(new Set([undefined]));
  });

  it('ends where it is idle, though no request comes', async () => {
    await start((_request, response) => {
      // Longer than the test looks at: else undici would end the connection.
      response.setHeader('keep-alive', 'timeout=600');
      response.end('ok');
    });
    expect(await scene.get()).to.equal('200 ok');
    let isClosed = false;
    scene.dispatcher.on('disconnect', () => (isClosed = true));
    timers.tick(60_000);
    await turns(5);
    expect(isClosed).to.equal(false);
    clock.move(3 * 86_400_000);
    timers.tick(30_000);
    await until(() => isClosed);
  });
});
