import type { RequestListener, ServerResponse } from 'node:http';
import { PinProviderError } from '@pinvault/core';
import { expect } from 'chai';
import type { H2Server } from './support/h2-server.js';
import { describeWithEach } from './support/majors.js';
import { host, Scene, StandingClock, until } from './support/scene.js';

describeWithEach('a connection that a request of PinnedDispatcher is about to use', (major) => {
  let scene: Scene | Scene<H2Server>;
  let clock: StandingClock;

  beforeEach(() => {
    clock = new StandingClock();
  });

  afterEach(() => scene.close());

  /** Else the dispatcher would have the pins confirmed after such a leap of the clock. */
  function takeStoreAway(): void {
    scene.provider.read = async () => {
      throw new PinProviderError('ERR_PROVIDER_UNAVAILABLE', 'no', { provider: 'static' });
    };
  }

  it('ends with the until= of the pin that let it in, without any rotation', async () => {
    scene = await Scene.start(major, { pins: { clock, maxStaleMs: Infinity } });
    const { oldLeaf, newLeaf } = scene;
    const day = new Date(clock.now() + 6 * 86_400_000).toISOString().slice(0, 10);
    await scene.rotate({ [host]: `${oldLeaf.pin} until=${day}`, [`${host}#next`]: newLeaf.pin });
    await scene.get();
    clock.move(4 * 86_400_000);
    await scene.get();
    expect(scene.server.connections).to.equal(1);
    clock.move(4 * 86_400_000);
    scene.server.use([newLeaf]);
    expect(await scene.get()).to.equal('200 ok');
    expect(scene.server.connections).to.equal(2);
  });

  it('ends with maxStaleMs', async () => {
    scene = await Scene.start(major, { pins: { clock, maxStaleMs: 60_000 } });
    await scene.get();
    const bytes = scene.server.applicationBytes;
    takeStoreAway();
    clock.move(60_001);
    expect(await scene.get()).to.equal('ERR_RESOLVER_EXPIRED');
    expect(scene.server.applicationBytes).to.equal(bytes);
  });

  it('ends with the certificate', async () => {
    scene = await Scene.start(major, { pins: { clock, maxStaleMs: Infinity } });
    await scene.get();
    const bytes = scene.server.applicationBytes;
    clock.move(400 * 86_400_000);
    expect(await scene.get()).to.equal('ERR_PIN_MISMATCH');
    expect(scene.server.applicationBytes).to.equal(bytes);
  });

  it('ends with the resolver', async () => {
    scene = await Scene.start(major);
    await scene.get();
    const bytes = scene.server.applicationBytes;
    await scene.pins.close();
    expect(await scene.get()).to.equal('ERR_RESOLVER_CLOSED');
    expect(scene.server.applicationBytes).to.equal(bytes);
  });

  describe('is refused to a trial of a wrong pin, and stays as it is for others:', () => {
    const refused = { result: { status: 'fulfilled', value: 'ERR_PIN_MISMATCH' } };

    for (const start of ['start', 'startH2'] as const) {
      it(`idle (${start})`, async () => {
        scene = await Scene[start](major);
        const { pins, server } = scene;
        await scene.get();
        const trial = await pins.underWrongPin({ host, port: server.port }, async () => scene.get());
        expect(trial).to.deep.include(refused);
        expect(await scene.get()).to.equal('200 ok');
        expect([server.connections, server.requests]).to.deep.equal([1, 2]);
      });
    }

    it('busy', async () => {
      const held: ServerResponse[] = [];
      const respond: RequestListener = ({ url }, response) => {
        if (url === '/held') held.push(response);
        else response.end('ok');
      };
      const dispatcher = { connections: 1, pipelining: 10 };
      scene = await Scene.startH2(major, { dispatcher, server: { respond } });
      const { pins, server } = scene;
      const first = scene.get({ path: '/held' });
      await until(() => held.length === 1);
      const trial = await pins.underWrongPin({ host, port: server.port }, async () => scene.get());
      expect(trial).to.deep.include(refused);
      expect(await scene.get()).to.equal('200 ok');
      held[0]?.end('ok');
      expect(await first).to.equal('200 ok');
      expect([server.connections, server.requests]).to.deep.equal([1, 2]);
    });
  });
});
