import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:https';
import { expect } from 'chai';
import { describeWithEach } from './support/majors.js';
import { host, Scene, StandingClock, turns, until } from './support/scene.js';

describeWithEach('a TLS session that PinnedDispatcher keeps', (major) => {
  let scene: Scene;

  afterEach(() => scene.close());

  it('costs one request where the server breaks off what it gave out before, and not one for each', async () => {
    const versions = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
    const ticketKeys = randomBytes(48);
    scene = await Scene.start(major, { server: { ...versions, ticketKeys } });
    const get = (): Promise<string> => scene.get({ reset: true });
    await Promise.all(Array.from({ length: 8 }, get));
    expect(await get()).to.equal('200 ok');
    expect(scene.server.resumed).to.be.at.least(1);
    const { port } = scene.server;
    await scene.server.close();
    const { key, pem } = scene.oldLeaf;
    // RFC 7627 §5.3: the session was made with the extended master secret, which openssl/ssl.h switches off with 1.
    const changed = createServer(
      { key: key.privateKeyPem, cert: pem, ticketKeys, ...versions, secureOptions: 1 },
      (_request, response) => void response.end('ok'),
    );
    changed.listen(port, '127.0.0.1');
    await once(changed, 'listening');
    try {
      const answers: string[] = [];
      for (let index = 0; index < 8; index += 1) answers.push(await get());
      expect(answers.filter((answer) => answer !== '200 ok')).to.have.length(1);
    } finally {
      changed.close();
    }
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const server = { minVersion: version, maxVersion: version };

    /** The next request needs a new connection. */
    async function endConnections(): Promise<void> {
      let isEnded = false;
      scene.dispatcher.once('disconnect', () => (isEnded = true));
      scene.server.closeConnections();
      await until(() => isEnded);
    }

    describe(version, () => {
      it('is resumed, and the connection is as good as any', async () => {
        scene = await Scene.start(major, { server });
        for (const resumed of [0, 1, 2]) {
          expect(await scene.get()).to.equal('200 ok');
          expect(scene.server.resumed).to.equal(resumed);
          await turns(5);
          await endConnections();
        }
        expect(scene.pins.status().counters).to.include({ matches: 1 });
      });

      it('is not offered when its pin was removed, though the server would take it', async () => {
        scene = await Scene.start(major, { server });
        await scene.get();
        await turns(5);
        await endConnections();
        const bytes = scene.server.applicationBytes;
        await scene.rotate({ [host]: scene.newLeaf.pin });
        expect(await scene.get({ method: 'POST', body: 'secret' })).to.equal('ERR_PIN_MISMATCH');
        expect([scene.server.resumed, scene.server.applicationBytes]).to.deep.equal([0, bytes]);
      });

      it('gives the connection that resumes it its evidence: that ends with its pin too', async () => {
        scene = await Scene.start(major, { server });
        const { newLeaf, server: fleet } = scene;
        await scene.get();
        await turns(5);
        await endConnections();
        // The certificate is another one by now, which nobody shows on a resumed connection.
        fleet.use([newLeaf]);
        expect(await scene.get()).to.equal('200 ok');
        expect([fleet.connections, fleet.resumed]).to.deep.equal([2, 1]);
        const bytes = fleet.applicationBytes;
        await scene.rotate({ [host]: 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' });
        expect(await scene.get({ method: 'POST', body: 'secret' })).to.equal('ERR_PIN_MISMATCH');
        expect([fleet.connections, fleet.applicationBytes]).to.deep.equal([3, bytes]);
      });

      it('is not used where the pin is removed while it is being resumed', async () => {
        scene = await Scene.start(major, { server });
        const { oldLeaf, newLeaf, server: fleet, pins, provider } = scene;
        await scene.get();
        await turns(5);
        await endConnections();
        fleet.use([newLeaf]);
        const bytes = fleet.applicationBytes;
        provider.update({ [host]: newLeaf.pin, $revoked: oldLeaf.pin });
        const answer = scene.get({ method: 'POST', body: 'text' });
        await pins.refresh();
        expect(await answer).to.equal('200 ok');
        // A full handshake under the new key, after the one that came to nothing.
        expect(fleet.connections).to.equal(3);
        expect(fleet.applicationBytes).to.be.above(bytes);
        expect(fleet.requests).to.equal(2);
      });

      it('ends by the clock with the pin that let it in', async () => {
        const clock = new StandingClock();
        scene = await Scene.start(major, { server, pins: { clock, maxStaleMs: Infinity } });
        const { oldLeaf, newLeaf } = scene;
        const day = new Date(clock.now() + 2 * 86_400_000).toISOString().slice(0, 10);
        await scene.rotate({ [host]: `${oldLeaf.pin} until=${day}`, [`${host}#next`]: newLeaf.pin });
        await scene.get();
        await turns(5);
        await endConnections();
        clock.move(4 * 86_400_000);
        expect(await scene.get()).to.equal('ERR_PIN_MISMATCH');
        expect(scene.server.resumed).to.equal(0);
      });

      it('is for its own host alone', async () => {
        const other = 'other.example.test';
        scene = await Scene.start(major, { server });
        const { root, server: fleet } = scene;
        const both = await root.issue({ hosts: [host, other] });
        fleet.use([both]);
        await scene.rotate({ [host]: both.pin, [other]: both.pin });
        await scene.get();
        await turns(5);
        expect(await scene.get({ origin: `https://${other}:${fleet.port}` })).to.equal('200 ok');
        expect([fleet.connections, fleet.resumed]).to.deep.equal([2, 0]);
      });

      it('is not kept where maxCachedSessions is 0', async () => {
        scene = await Scene.start(major, { server, dispatcher: { maxCachedSessions: 0 } });
        await scene.get();
        await turns(5);
        await endConnections();
        await scene.get();
        expect([scene.server.connections, scene.server.resumed]).to.deep.equal([2, 0]);
      });
    });
  }
});
