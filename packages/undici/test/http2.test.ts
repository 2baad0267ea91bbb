import type { RequestListener, ServerResponse } from 'node:http';
import { findPinError } from '@pinvault/core';
import { expect } from 'chai';
import type { H2Server } from './support/h2-server.js';
import { describeWithEach } from './support/majors.js';
import { host, Scene, StandingClock, turns, until } from './support/scene.js';

describeWithEach('PinnedDispatcher over HTTP/2', (major) => {
  let scene: Scene<H2Server>;

  afterEach(() => scene.close());

  // undici 7 sends one request at a time unless it is told otherwise, undici 8 as many as the server allows.
  const dispatcher = { pipelining: 100 };

  it('sends nothing where no pin matches', async () => {
    scene = await Scene.startH2(major);
    scene.server.use([scene.newLeaf]);
    expect(await scene.get({ method: 'POST', body: 'secret' })).to.equal('ERR_PIN_MISMATCH');
    expect([scene.server.connections, scene.server.applicationBytes]).to.deep.equal([1, 0]);
  });

  it('opens no stream on a connection whose pin was removed', async () => {
    scene = await Scene.startH2(major);
    expect(await scene.get()).to.equal('200 ok');
    const bytes = scene.server.applicationBytes;
    const answers: Promise<string>[] = [];
    scene.pins.on('rotate', () => answers.push(scene.get(), scene.get({ method: 'POST', body: 'secret' })));
    await scene.rotate({ [host]: scene.newLeaf.pin });
    expect(await Promise.all(answers)).to.deep.equal(['ERR_PIN_MISMATCH', 'ERR_PIN_MISMATCH']);
    expect([scene.server.requests, scene.server.resumed]).to.deep.equal([1, 0]);
    // What HTTP/2 says of itself when a connection ends is no request.
    expect(scene.server.applicationBytes - bytes).to.be.at.most(17);
  });

  it('keeps a connection warm that still matches', async () => {
    scene = await Scene.startH2(major, { dispatcher });
    await scene.get();
    await scene.rotate({ [host]: `${scene.oldLeaf.pin} ${scene.newLeaf.pin}` });
    expect(await Promise.all([scene.get(), scene.get(), scene.get()])).to.deep.equal(
      Array.from({ length: 3 }, () => '200 ok'),
    );
    expect(scene.server.connections).to.equal(1);
  });

  describe('with streams under way', () => {
    let held: ServerResponse[];
    let isHolding: boolean;
    const respond: RequestListener = (_request, response) => {
      if (isHolding) held.push(response);
      else response.end('ok');
    };

    beforeEach(() => {
      held = [];
      isHolding = true;
    });

    it('lets them finish, opens new ones elsewhere, and then ends the connection', async () => {
      scene = await Scene.startH2(major, { dispatcher, server: { respond } });
      const { server, newLeaf } = scene;
      const early = [scene.get(), scene.get(), scene.get()];
      await until(() => held.length === 3);
      const { connections } = server;
      server.use([newLeaf]);
      isHolding = false;
      await scene.rotate({ [host]: newLeaf.pin });
      const late = Array.from({ length: 10 }, () => scene.get());
      expect(await Promise.all(late)).to.deep.equal(late.map(() => '200 ok'));
      expect(server.connections).to.be.above(connections);
      let closed = 0;
      scene.dispatcher.on('disconnect', () => (closed += 1));
      for (const response of held) response.end('ok');
      expect(await Promise.all(early)).to.deep.equal(early.map(() => '200 ok'));
      await until(() => closed === connections);
    });

    it('has what waits for a stream handshake anew, where there may be one connection', async () => {
      scene = await Scene.startH2(major, {
        dispatcher: { ...dispatcher, connections: 1 },
        server: { respond },
      });
      const { server, newLeaf } = scene;
      const early = [scene.get(), scene.get()];
      await until(() => held.length === 2);
      await scene.rotate({ [host]: newLeaf.pin });
      const late = [scene.get({ method: 'POST', body: 'secret' }), scene.get(), scene.get()];
      await turns(5);
      isHolding = false;
      for (const response of held) response.end('ok');
      expect(await Promise.all(early)).to.deep.equal(['200 ok', '200 ok']);
      expect(await Promise.all(late)).to.deep.equal(late.map(() => 'ERR_PIN_MISMATCH'));
      expect(server.requests).to.equal(2);
    });

    it('has what undici keeps back behind others handshake anew', async () => {
      scene = await Scene.startH2(major, {
        dispatcher: { ...dispatcher, connections: 1 },
        server: { respond },
      });
      const { server, newLeaf } = scene;
      const first = scene.get();
      await until(() => held.length === 1);
      // One that cannot be repeated waits in undici 7 until nothing else is under way; undici 8 sends it.
      const posts = [
        scene.get({ method: 'POST', body: 'text' }),
        scene.get({ method: 'POST', body: 'text' }),
      ];
      await turns(20);
      const { requests } = server;
      isHolding = false;
      server.use([newLeaf]);
      await scene.rotate({ [host]: newLeaf.pin });
      for (const response of held) response.end('ok');
      expect(await first).to.equal('200 ok');
      expect(await Promise.all(posts)).to.deep.equal(['200 ok', '200 ok']);
      expect([requests <= 3, server.requests]).to.deep.equal([true, 3]);
      expect(server.connections > 1).to.equal(requests < 3);
    });

    it('sends nothing of that on a removed pin', async () => {
      scene = await Scene.startH2(major, {
        dispatcher: { ...dispatcher, connections: 1 },
        server: { respond },
      });
      const { server, newLeaf } = scene;
      const first = scene.get();
      await until(() => held.length === 1);
      const post = scene.get({ method: 'POST', body: 'secret' });
      await turns(20);
      const { requests } = server;
      isHolding = false;
      await scene.rotate({ [host]: newLeaf.pin });
      for (const response of held) response.end('ok');
      expect(await first).to.equal('200 ok');
      // undici 8 had sent it before the rotation.
      expect(await post).to.equal(requests === 1 ? 'ERR_PIN_MISMATCH' : '200 ok');
      expect(server.requests).to.equal(requests);
    });

    it('takes requests again where the removal is taken back', async () => {
      scene = await Scene.startH2(major, {
        dispatcher: { ...dispatcher, connections: 1 },
        server: { respond },
      });
      const { server, oldLeaf, newLeaf } = scene;
      const first = scene.get();
      await until(() => held.length === 1);
      isHolding = false;
      await scene.rotate({ [host]: newLeaf.pin });
      const late = [scene.get(), scene.get()];
      await turns(10);
      await scene.rotate({ [host]: `${newLeaf.pin} ${oldLeaf.pin}` });
      expect(await Promise.all(late)).to.deep.equal(['200 ok', '200 ok']);
      expect([server.connections, server.requests]).to.deep.equal([1, 3]);
      held[0]?.end('ok');
      expect(await first).to.equal('200 ok');
    });

    it('ends with the last of them where the clock has ended its pin, and what waited goes on', async () => {
      const clock = new StandingClock();
      scene = await Scene.startH2(major, {
        dispatcher: { ...dispatcher, connections: 1 },
        server: { respond },
        pins: { clock, maxStaleMs: Infinity },
      });
      const { server, oldLeaf, newLeaf } = scene;
      const day = new Date(clock.now() + 86_400_000).toISOString().slice(0, 10);
      await scene.rotate({ [host]: `${oldLeaf.pin} until=${day}`, [`${host}#next`]: newLeaf.pin });
      const first = scene.get();
      await until(() => held.length === 1);
      isHolding = false;
      server.use([newLeaf]);
      clock.move(3 * 86_400_000);
      const late = [scene.get(), scene.get()];
      await turns(10);
      expect(server.requests).to.equal(1);
      held[0]?.end('ok');
      expect(await first).to.equal('200 ok');
      expect(await Promise.all(late)).to.deep.equal(['200 ok', '200 ok']);
      expect([server.connections, server.requests]).to.deep.equal([2, 3]);
    });

    it('ends them at once under $revoked', async () => {
      scene = await Scene.startH2(major, { dispatcher, server: { respond } });
      const { oldLeaf, newLeaf } = scene;
      const failures = [1, 2].map(async () => {
        const request = { origin: scene.origin, path: '/', method: 'GET' } as const;
        return scene.dispatcher.request(request).then(
          () => undefined,
          (error: unknown) => error,
        );
      });
      await until(() => held.length === 2);
      await scene.rotate({ [host]: newLeaf.pin, $revoked: oldLeaf.pin });
      for (const failure of failures) expect(findPinError(await failure)?.code).to.equal('ERR_PIN_REVOKED');
    });
  });
});
