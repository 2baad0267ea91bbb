import type { RequestListener, ServerResponse } from 'node:http';
import { expect } from 'chai';
import type { H2Server } from './support/h2-server.js';
import { describeWithEach } from './support/majors.js';
import { host, Scene, turns, until } from './support/scene.js';

describeWithEach('PinnedDispatcher that is closed', (major) => {
  let scene: Scene | Scene<H2Server>;
  let held: ServerResponse[];
  const respond: RequestListener = (_request, response) => {
    if (held.length === 0) held.push(response);
    else response.end('ok');
  };

  beforeEach(() => {
    held = [];
  });

  afterEach(() => scene.close());

  it('takes no request from then on', async () => {
    scene = await Scene.start(major);
    await scene.get();
    const closed = scene.dispatcher.close();
    expect(await scene.get()).to.equal('UND_ERR_CLOSED');
    await closed;
    expect(await scene.get()).to.equal('UND_ERR_DESTROYED');
    await scene.dispatcher.close();
    expect(scene.server.requests).to.equal(1);
  });

  for (const start of ['start', 'startH2'] as const) {
    it(`loses none that waits while its connection stops to match (${start})`, async () => {
      scene = await Scene[start](major, {
        dispatcher: { connections: 1, pipelining: 10 },
        server: { respond },
      });
      const { dispatcher, newLeaf, server } = scene;
      const first = scene.get();
      await until(() => held.length === 1);
      const late = [scene.get({ method: 'POST', body: 'text' }), scene.get({ method: 'POST', body: 'text' })];
      await turns(10);
      server.use([newLeaf]);
      await scene.rotate({ [host]: newLeaf.pin });
      late.push(scene.get());
      const closed = dispatcher.close();
      held[0]?.end('ok');
      expect([await first, ...(await Promise.all(late))]).to.deep.equal(Array(4).fill('200 ok'));
      await closed;
      expect(server.requests).to.equal(4);
    });

    it(`ends those that wait for another connection when it is destroyed (${start})`, async () => {
      scene = await Scene[start](major, {
        dispatcher: { connections: 1, pipelining: 10 },
        server: { respond },
      });
      const { dispatcher, newLeaf } = scene;
      const first = scene.get();
      await until(() => held.length === 1);
      await scene.rotate({ [host]: newLeaf.pin });
      const late = scene.get();
      const closed = dispatcher.close();
      await dispatcher.destroy();
      expect([await first, await late]).to.deep.equal(['UND_ERR_DESTROYED', 'UND_ERR_DESTROYED']);
      await closed;
      expect(scene.server.requests).to.equal(1);
    });
  }

  it('tells a callback, also where it was destroyed before', async () => {
    scene = await Scene.start(major);
    const { dispatcher } = scene;
    await dispatcher.destroy();
    const told = await new Promise((resolve) => dispatcher.close(resolve as () => void));
    expect(told).to.have.property('code', 'UND_ERR_DESTROYED');
  });
});
