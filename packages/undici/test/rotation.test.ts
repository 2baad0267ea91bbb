import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { findPinError, PinMismatchError } from '@pinvault/core';
import { expect } from 'chai';
import { type SinonFakeTimers, useFakeTimers } from 'sinon';
import { describeWithEach } from './support/majors.js';
import { host, Scene, turns, until } from './support/scene.js';

/** A body whose length undici does not know. */
function unmeasured(chunks: readonly string[]): Readable {
  return Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
}

describeWithEach('PinnedDispatcher at a rotation', (major) => {
  let scene: Scene;

  afterEach(() => scene.close());

  it('sends nothing where no pin matches', async () => {
    scene = await Scene.start(major);
    scene.server.use([scene.newLeaf]);
    expect(await scene.get({ method: 'POST', body: 'secret' })).to.equal('ERR_PIN_MISMATCH');
    expect([scene.server.connections, scene.server.applicationBytes]).to.deep.equal([1, 0]);
  });

  it('destroys an idle connection whose pin was removed, and the next request handshakes anew', async () => {
    scene = await Scene.start(major);
    await scene.get();
    scene.server.use([scene.newLeaf]);
    await scene.rotate({ [host]: scene.newLeaf.pin });
    expect(await scene.get()).to.equal('200 ok');
    expect([scene.server.connections, scene.server.resumed]).to.deep.equal([2, 0]);
  });

  it('refuses a request of the same tick, and not a byte of it goes over the old connection', async () => {
    scene = await Scene.start(major);
    await scene.get();
    const bytes = scene.server.applicationBytes;
    const answers: Promise<string>[] = [];
    scene.pins.on('rotate', () => {
      answers.push(scene.get(), scene.get({ method: 'POST', body: unmeasured(['secret']) }));
    });
    await scene.rotate({ [host]: scene.newLeaf.pin });
    expect(await Promise.all(answers)).to.deep.equal(['ERR_PIN_MISMATCH', 'ERR_PIN_MISMATCH']);
    expect(scene.server.applicationBytes).to.equal(bytes);
  });

  it('moves a request that undici has taken, and not begun, to a new connection', async () => {
    scene = await Scene.start(major);
    const on = scene.pins.on.bind(scene.pins);
    let rotate: () => void = () => undefined;
    scene.pins.on = (name, listener) => {
      rotate = () => (listener as (event: object) => void)({});
      return on(name, listener);
    };
    await scene.get();
    // A body without a length waits for the next microtask in the client of the warm connection.
    const answer = scene.get({ method: 'POST', body: unmeasured(['text']) });
    const judge = scene.pins.judge.bind(scene.pins);
    scene.pins.judge = () => {
      throw new PinMismatchError('ERR_PIN_MISMATCH', 'removed', { host });
    };
    rotate();
    scene.pins.judge = judge;
    expect(await answer).to.equal('200 ok');
    expect([scene.server.connections, scene.server.requests]).to.deep.equal([2, 2]);
  });

  it('dials once more where the pins change within the handshake, which shows the old key', async () => {
    scene = await Scene.start(major);
    const { server, newLeaf } = scene;
    const answer = scene.get({ method: 'POST', body: 'text' });
    await until(() => server.connections === 1);
    server.use([newLeaf]);
    await scene.rotate({ [host]: newLeaf.pin });
    expect(await answer).to.equal('200 ok');
    expect([server.connections, server.requests]).to.deep.equal([2, 1]);
  });

  it('dials once more where what it accepted is stale when the handshake is over', async () => {
    scene = await Scene.start(major);
    const judge = scene.pins.judge.bind(scene.pins);
    // As by the clock, of which no rotation tells.
    scene.pins.judge = () => {
      scene.pins.judge = judge;
      throw new PinMismatchError('ERR_PIN_EXPIRED', 'over', { host });
    };
    expect(await scene.get()).to.equal('200 ok');
    expect([scene.server.connections, scene.server.requests]).to.deep.equal([2, 1]);
  });

  it('does not dial without end where they change in each handshake', async () => {
    scene = await Scene.start(major);
    const { server, oldLeaf, newLeaf } = scene;
    scene.pins.verify = () => {
      throw new PinMismatchError('ERR_PIN_MISMATCH', 'removed', { host });
    };
    const answer = scene.get({ method: 'POST', body: 'secret' });
    for (let dials = 1; dials <= 4; dials += 1) {
      await until(() => server.connections === dials);
      const pins = dials % 2 === 0 ? [oldLeaf.pin] : [oldLeaf.pin, newLeaf.pin];
      await scene.rotate({ [host]: pins.join(' ') });
    }
    expect(await answer).to.equal('ERR_PIN_MISMATCH');
    expect([server.connections, server.applicationBytes]).to.deep.equal([4, 0]);
  });

  it('judges the host that is dialled, whatever a Host header says', async () => {
    const other = 'other.example.test';
    scene = await Scene.start(major);
    const headers = { host: other };
    expect(await scene.get({ headers })).to.equal('200 ok');
    await scene.rotate({ [host]: scene.newLeaf.pin, [other]: 'none' });
    const bytes = scene.server.applicationBytes;
    expect(await scene.get({ headers })).to.equal('ERR_PIN_MISMATCH');
    expect(scene.server.applicationBytes).to.equal(bytes);
  });

  it('keeps a connection warm that still matches', async () => {
    scene = await Scene.start(major);
    await scene.get();
    await scene.rotate({ [host]: `${scene.oldLeaf.pin} ${scene.newLeaf.pin}` });
    await scene.rotate({ [host]: scene.oldLeaf.pin, 'other.example.test': scene.newLeaf.pin });
    expect(await scene.get()).to.equal('200 ok');
    expect(scene.server.connections).to.equal(1);
  });

  describe('with a request under way', () => {
    let timers: SinonFakeTimers | undefined;
    let response: ServerResponse;

    afterEach(() => {
      timers?.restore();
      timers = undefined;
    });

    /** From here on the drain's timer is ours. */
    async function rotateUnderFakeTimers(rows: Readonly<Record<string, string>>): Promise<void> {
      timers = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldClearNativeTimers: true });
      await scene.rotate(rows);
    }

    /** Resolves when the first half of the response has arrived; then with its text, or the error. */
    async function startSlow(): Promise<{ readonly result: Promise<unknown> }> {
      scene = await Scene.start(major, {
        server: {
          respond: (_request, answering) => {
            response = answering;
            response.writeHead(200).write('first ');
          },
        },
      });
      const { body } = await scene.dispatcher.request({ origin: scene.origin, path: '/', method: 'GET' });
      return { result: body.text().catch((error: unknown) => error) };
    }

    it('lets the response finish, and then ends the connection', async () => {
      const { result } = await startSlow();
      await scene.rotate({ [host]: scene.newLeaf.pin });
      let isClosed = false;
      scene.dispatcher.on('disconnect', () => (isClosed = true));
      response.end('last');
      expect(await result).to.equal('first last');
      // At once, and not when undici or the server are tired of it.
      await turns(20);
      expect(isClosed).to.equal(true);
      expect(await scene.get()).to.equal('ERR_PIN_MISMATCH');
      expect(scene.server.requests).to.equal(1);
    });

    it('ends it when drainTimeoutMs is over, and not before', async () => {
      const { result } = await startSlow();
      let isOver = false;
      void result.then(() => (isOver = true));
      await rotateUnderFakeTimers({ [host]: scene.newLeaf.pin });
      timers?.tick(29_999);
      await turns(5);
      expect(isOver).to.equal(false);
      timers?.tick(1);
      expect(findPinError(await result)?.code).to.equal('ERR_PIN_MISMATCH');
    });

    it('ends it at once under $revoked', async () => {
      const { result } = await startSlow();
      const { oldLeaf, newLeaf } = scene;
      await scene.rotate({ [host]: `${oldLeaf.pin} ${newLeaf.pin}`, $revoked: oldLeaf.pin });
      expect(findPinError(await result)?.code).to.equal('ERR_PIN_REVOKED');
    });

    it('listens once, however often its pin is removed and comes back', async () => {
      const { result } = await startSlow();
      const { oldLeaf, newLeaf } = scene;
      const told: string[] = [];
      const tell = ({ name }: Error): void => void told.push(name);
      process.on('warning', tell);
      try {
        for (let edit = 0; edit < 12; edit += 1) {
          await scene.rotate({ [host]: newLeaf.pin });
          await scene.rotate({ [host]: `${newLeaf.pin} ${oldLeaf.pin}` });
        }
        response.end('last');
        expect(await result).to.equal('first last');
        await turns(2);
        expect(told).to.not.include('MaxListenersExceededWarning');
      } finally {
        process.off('warning', tell);
      }
    });

    it('lets it live when a later rotation takes the removal back', async () => {
      const { result } = await startSlow();
      await rotateUnderFakeTimers({ [host]: scene.newLeaf.pin });
      await scene.rotate({ [host]: `${scene.newLeaf.pin} ${scene.oldLeaf.pin}` });
      timers?.tick(60_000);
      response.end('last');
      expect(await result).to.equal('first last');
      timers?.restore();
      await turns(2);
      void scene.get();
      await until(() => scene.server.requests === 2);
      expect(scene.server.connections).to.equal(1);
    });
  });

  for (const pipelining of [1, 5]) {
    it(`has queued requests handshake anew, none rides the removed pin (pipelining ${pipelining})`, async () => {
      const held: ServerResponse[] = [];
      scene = await Scene.start(major, {
        dispatcher: { connections: 1, pipelining },
        server: { respond: (_request, response) => void held.push(response) },
      });
      const first = scene.get();
      await until(() => held.length === 1);
      // None may be sent behind another one that is under way.
      const queued = [
        scene.get({ method: 'POST', body: 'secret' }),
        scene.get({ method: 'POST', body: unmeasured(['secret']) }),
        scene.get({ method: 'POST', body: 'secret' }),
      ];
      await turns(3);
      const bytes = scene.server.applicationBytes;
      await scene.rotate({ [host]: scene.newLeaf.pin });
      held[0]?.end('ok');
      expect(await first).to.equal('200 ok');
      expect(await Promise.all(queued)).to.deep.equal(queued.map(() => 'ERR_PIN_MISMATCH'));
      expect([scene.server.requests, scene.server.applicationBytes]).to.deep.equal([1, bytes]);
    });

    it(`loses none of them where the server has the new key (pipelining ${pipelining})`, async () => {
      const held: ServerResponse[] = [];
      scene = await Scene.start(major, {
        dispatcher: { connections: 1, pipelining },
        server: {
          respond(_request, response) {
            if (held.length === 0) held.push(response);
            else response.end('ok');
          },
        },
      });
      const first = scene.get();
      await until(() => held.length === 1);
      const queued = Array.from({ length: 20 }, () => scene.get({ method: 'POST', body: 'text' }));
      await turns(3);
      scene.server.use([scene.newLeaf]);
      await scene.rotate({ [host]: scene.newLeaf.pin });
      held[0]?.end('ok');
      expect(await first).to.equal('200 ok');
      expect(await Promise.all(queued)).to.deep.equal(queued.map(() => '200 ok'));
      expect(scene.server.requests).to.equal(21);
    });
  }

  it('loses no request of fifty under way while the pins and the key change', async () => {
    const held: ServerResponse[] = [];
    scene = await Scene.start(major, {
      server: {
        respond(_request, response) {
          if (held.length < 50) held.push(response);
          else response.end('ok');
        },
      },
    });
    const { server, oldLeaf, newLeaf } = scene;
    const early = Array.from({ length: 50 }, () => scene.get());
    await until(() => held.length === 50);
    await scene.rotate({ [host]: `${oldLeaf.pin} ${newLeaf.pin}` });
    server.use([newLeaf]);
    const late = Array.from({ length: 20 }, () => scene.get());
    expect(await Promise.all(late)).to.deep.equal(late.map(() => '200 ok'));
    await scene.rotate({ [host]: newLeaf.pin });
    for (const response of held) response.end('ok');
    expect(await Promise.all(early)).to.deep.equal(early.map(() => '200 ok'));
    // Each of them went over one connection of its own, and only those of the old key are gone.
    expect([server.connections, server.requests]).to.deep.equal([70, 70]);
    expect(await scene.get()).to.equal('200 ok');
  });

  it('holds no listener without connections, so that it can be collected', async () => {
    scene = await Scene.start(major);
    const listeners = new Set<unknown>();
    const on = scene.pins.on.bind(scene.pins);
    const off = scene.pins.off.bind(scene.pins);
    scene.pins.on = (name, listener) => {
      listeners.add(listener);
      return on(name, listener);
    };
    scene.pins.off = (name, listener) => {
      listeners.delete(listener);
      return off(name, listener);
    };
    await scene.get();
    expect(listeners.size).to.equal(1);
    scene.server.closeConnections();
    await until(() => listeners.size === 0);
  });
});
