import { Readable } from 'node:stream';
import { expect } from 'chai';
import { pinErrorCode } from 'pinvault';
import { Scene } from '../scene.js';
import { type FireClient, fireClients, type FireSession, type Keeping } from './fire-clients.js';
import { FireServer } from './fire-server.js';

const flights = 50;

/** The answer's text, or the code of the refusal. */
async function outcome(answer: Promise<string>): Promise<string> {
  return answer.catch((error: unknown) => pinErrorCode(error) ?? String(error));
}

async function outcomes(answers: readonly Promise<string>[]): Promise<readonly string[]> {
  return [...new Set((await Promise.all(answers.map(outcome))).map((text) => text.replace(/\d+$/u, '')))];
}

for (const client of fireClients) {
  describe(`rotation under fire: ${client.name}`, function () {
    this.timeout(30_000);

    let server: FireServer;
    let scene: Scene;
    let session: FireSession;

    beforeEach(async () => {
      server = await FireServer.start(client.protocol);
      scene = await Scene.open({ port: server.port }, client.protocol === 'http1' ? [] : ['h2']);
      session = client.open(scene.pins, scene.place());
    });
    afterEach(async () => {
      await session.close();
      await scene.close();
      await server.close();
    });

    /** Requests that have all arrived, and wait for their answer. */
    async function inFlight(count = flights): Promise<readonly Promise<string>[]> {
      server.hold();
      const before = server.count('/held');
      const answers = Array.from({ length: count }, async (_, index) =>
        session.get(`/held/${String(index)}`),
      );
      // who waits for an arrival hears of a refusal too
      for (const answer of answers) answer.catch(() => undefined);
      await server.arrived('/held', before + count);
      return answers;
    }

    /** Answers what is in flight: every request that had arrived has to get its answer. */
    async function land(answers: readonly Promise<string>[]): Promise<void> {
      server.letGo();
      expect(await outcomes(answers)).to.deep.equal(['done /held/']);
    }

    /** New requests are refused, and none of them has arrived. */
    async function expectRefused(count = 5): Promise<void> {
      const before = server.count('/now/refused');
      const answers = Array.from({ length: count }, async () => session.get('/now/refused/1'));
      expect(await outcomes(answers)).to.deep.equal(['ERR_PIN_MISMATCH']);
      expect(server.count('/now/refused')).to.equal(before);
    }

    async function expectServed(count = 5): Promise<void> {
      const answers = Array.from({ length: count }, async () => session.get('/now/served/1'));
      expect(await outcomes(answers)).to.deep.equal(['done /now/served/']);
    }

    for (const [what, rotate] of [
      ['a pin is added', async () => scene.pin(scene.leaf, scene.next)],
      ['the leaf is widened to its CA', async () => scene.pinText(scene.caPin)],
      [
        'a pin is added in front of the other',
        async () => scene.pinText(`${scene.next.pin} ${scene.leaf.pin}`),
      ],
    ] as const) {
      it(`${what}: no request is lost, no connection dropped`, async () => {
        await expectServed(1);
        const answers = await inFlight();
        const { ended } = scene.front;
        await rotate();
        await land(answers);
        await expectServed(1);
        expect(scene.front.ended).to.equal(ended);
      });
    }

    it('the CA is narrowed to the leaf: no request is lost, no connection dropped', async () => {
      await scene.pinText(scene.caPin);
      const answers = await inFlight();
      const { ended } = scene.front;
      await scene.pin(scene.leaf);
      await land(answers);
      await expectServed(1);
      expect(scene.front.ended).to.equal(ended);
    });

    it('the CA is narrowed to another leaf: what is in flight lands, nothing new arrives', async () => {
      await scene.pinText(scene.caPin);
      const answers = await inFlight();
      await scene.pin(scene.next);
      await expectRefused();
      await land(answers);
      await expectRefused();
    });

    it('a pin is removed: what is in flight lands, nothing new arrives', async () => {
      await scene.pin(scene.leaf, scene.next);
      const answers = await inFlight();
      await scene.pin(scene.next);
      await expectRefused();
      await land(answers);
      await expectRefused();
    });

    it('a pin is replaced with the key: what is in flight lands, what is new goes to the new key', async () => {
      const answers = await inFlight();
      scene.front.use(scene.next);
      await scene.pin(scene.next);
      await expectServed();
      await land(answers);
      await expectServed();
    });

    it('the key is replaced before the pins: nothing goes to it until they are', async () => {
      scene.front.use(scene.next);
      await expectRefused();
      expect(scene.front.applicationBytes).to.equal(0);
      await scene.pin(scene.leaf, scene.next);
      await expectServed();
    });

    it('two rotations within one handshake: the pins at its end count', async () => {
      for (const [last, expected] of [
        [scene.leaf, 'done /now/twice'],
        [scene.next, 'ERR_PIN_MISMATCH'],
      ] as const) {
        await session.close();
        session = client.open(scene.pins, scene.place());
        await scene.pin(scene.leaf);
        const release = scene.front.holdHandshakes();
        const { connections } = scene.front;
        const answer = outcome(session.get('/now/twice'));
        await scene.front.connected(connections + 1);
        await scene.pinText(scene.caPin);
        await scene.pin(last);
        release();
        expect(await answer).to.equal(expected);
      }
      expect(server.count('/now/twice')).to.equal(1);
    });

    it('a pin is removed while connections are made: not a byte follows', async () => {
      const release = scene.front.holdHandshakes();
      const answers = Array.from({ length: 5 }, async () => outcome(session.get('/now/refused')));
      await scene.front.connected(1);
      await scene.pin(scene.next);
      release();
      expect(await outcomes(answers)).to.deep.equal(['ERR_PIN_MISMATCH']);
      expect(server.count('/now/refused')).to.equal(0);
      expect(scene.front.applicationBytes).to.equal(0);
    });

    if (client.hasStreams) {
      it('a pin is removed during a long download: it is completed, nothing new arrives', async () => {
        server.hold();
        const answer = outcome(session.get('/download/1'));
        await server.arrived('/download');
        await scene.pin(scene.next);
        await expectRefused(1);
        server.letGo();
        expect(await answer).to.equal('first done /download/1');
        await expectRefused(1);
      });

      it('a pin is removed during an upload: it is completed, nothing new arrives', async () => {
        const half = Buffer.alloc(256 * 1024, 1);
        const body = new Readable({ read: () => undefined });
        body.push(half);
        const answer = outcome(
          session.post?.('/upload/1', body) ?? Promise.reject(new Error('it sends no bodies')),
        );
        await server.arrived('/upload');
        await scene.pin(scene.next);
        await expectRefused(1);
        body.push(half);
        body.push(null);
        expect(await answer).to.equal(String(2 * half.length));
        await expectRefused(1);
      });
    }

    if (client.hasQueue) {
      it('one connection and a queue: who waits goes nowhere on a removed pin', async () => {
        await reopen(client, { connections: 1 });
        const [first = Promise.reject(new Error('none is in flight'))] = await inFlight(1);
        const queued = Array.from({ length: 9 }, async () => session.get('/now/queued/1'));
        const results = outcomes(queued);
        await scene.pin(scene.next);
        await land([first]);
        expect(await results).to.deep.equal(['ERR_PIN_MISMATCH']);
        expect(server.count('/now/queued')).to.equal(0);
      });

      it('one connection and a queue: who waits gets the new key, where the server has it', async () => {
        await reopen(client, { connections: 1 });
        const [first = Promise.reject(new Error('none is in flight'))] = await inFlight(1);
        const queued = Array.from({ length: 9 }, async () => session.get('/now/queued/1'));
        const results = outcomes(queued);
        scene.front.use(scene.next);
        await scene.pin(scene.next);
        await land([first]);
        expect(await results).to.deep.equal(['done /now/queued/']);
      });
    }

    if (client.hasScheduling === true) {
      for (const scheduling of ['lifo', 'fifo'] as const) {
        it(`idle connections under both keys, ${scheduling}: the stale ones go, and no request is lost`, async () => {
          await reopen(client, { scheduling });
          await scene.pin(scene.leaf, scene.next);
          const older = await inFlight(10);
          scene.front.use(scene.next);
          const newer = Array.from({ length: 10 }, async (_, index) => session.get(`/held/${String(index)}`));
          await server.arrived('/held', 20);
          await land([...older, ...newer]);
          await scene.pin(scene.next);
          await expectServed(20);
        });
      }
    }

    async function reopen(fireClient: FireClient, keeping: Keeping): Promise<void> {
      await session.close();
      session = fireClient.open(scene.pins, scene.place(), keeping);
    }
  });
}
