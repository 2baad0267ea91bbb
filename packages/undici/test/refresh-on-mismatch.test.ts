import { Readable } from 'node:stream';
import { createStaticProvider, PinProviderError, type PinProvider, PinResolver } from '@pinvault/core';
import { loopbackLookup } from '@pinvault/testing';
import { expect } from 'chai';
import { describeWithEach } from './support/majors.js';
import { answerOf, host, machineClock, Scene, turns, until } from './support/scene.js';

describeWithEach('PinnedDispatcher whose pins are older than the store', (major) => {
  let scene: Scene;
  let reads: number;

  /** The server has the new key; the store has its pin or not. */
  async function start(stored: 'old' | 'new' = 'new'): Promise<void> {
    scene = await Scene.start(major);
    reads = 0;
    const { provider } = scene;
    const read = provider.read.bind(provider);
    provider.read = (request) => {
      reads += 1;
      return read(request);
    };
    scene.server.use([scene.newLeaf]);
    if (stored === 'new') provider.update({ [host]: scene.newLeaf.pin });
  }

  afterEach(() => scene.close());

  it('dials once more, and the caller sees no error', async () => {
    await start();
    expect(await scene.get({ method: 'POST', body: 'text' })).to.equal('200 ok');
    expect([scene.server.connections, scene.server.requests, reads]).to.deep.equal([2, 1, 1]);
  });

  it('reads once for fifty requests at once, and loses none', async () => {
    await start();
    const answers = await Promise.all(Array.from({ length: 50 }, () => scene.get()));
    expect(answers).to.deep.equal(answers.map(() => '200 ok'));
    expect(reads).to.equal(1);
  });

  it('makes no read of a flood of wrong certificates, and sends no byte', async () => {
    await start('old');
    for (let flood = 0; flood < 10; flood += 1) expect(await scene.get()).to.equal('ERR_PIN_MISMATCH');
    expect([reads, scene.server.connections, scene.server.applicationBytes]).to.deep.equal([1, 10, 0]);
  });

  it('ends with the refusal where the store is away', async () => {
    await start();
    scene.provider.read = async () => {
      throw new PinProviderError('ERR_PROVIDER_UNAVAILABLE', 'no', { provider: 'static' });
    };
    expect(await scene.get()).to.equal('ERR_PIN_MISMATCH');
    expect([scene.server.connections, scene.server.applicationBytes]).to.deep.equal([1, 0]);
  });

  it('does not go where the key is revoked by then', async () => {
    await start();
    scene.provider.update({ [host]: scene.newLeaf.pin, $revoked: scene.newLeaf.pin });
    expect(await scene.get()).to.equal('ERR_PIN_MISMATCH');
    expect([scene.server.connections, scene.server.applicationBytes]).to.deep.equal([1, 0]);
  });
});

describeWithEach('PinnedDispatcher with a document for each host', (major) => {
  let scene: Scene;
  let resolver: PinResolver;
  let held: (() => void)[];
  let documents: Map<string, string>;

  beforeEach(async () => {
    scene = await Scene.start(major);
    held = [];
    documents = new Map([[host, scene.oldLeaf.pin]]);
    const provider: PinProvider = {
      name: 'per-host',
      scope: 'host',
      async read(request) {
        await new Promise<void>((resolve) => held.push(resolve));
        const pin = documents.get(request.host ?? '');
        if (pin === undefined)
          throw new PinProviderError('ERR_PROVIDER_NOT_FOUND', 'none', { provider: 'per-host' });
        return { document: JSON.stringify({ pins: pin }), revision: 'v1' };
      },
    };
    resolver = await PinResolver.create(provider, { warnings: false, clock: machineClock() });
  });

  afterEach(async () => {
    for (const release of held) release();
    await resolver.close();
    await scene.close();
  });

  function start(): InstanceType<typeof major.pinned.PinnedDispatcher> {
    const connect = { ca: scene.root.pem, lookup: loopbackLookup };
    return new major.pinned.PinnedDispatcher(resolver, { connect });
  }

  const get = async (dispatcher: ReturnType<typeof start>, origin = scene.origin): Promise<string> =>
    answerOf(async () => {
      const { statusCode, body } = await dispatcher.request({ origin, path: '/', method: 'GET' });
      return `${statusCode} ${await body.text()}`;
    });

  it('reads the pins of a host before it connects', async () => {
    const dispatcher = start();
    const answer = get(dispatcher);
    await until(() => held.length === 1);
    await turns(5);
    expect(scene.server.connections).to.equal(0);
    held[0]?.();
    expect(await answer).to.equal('200 ok');
    await dispatcher.destroy();
  });

  it('tells of a body that fails meanwhile, which undici does not hear of yet', async () => {
    const dispatcher = start();
    const body = new Readable({ read: () => undefined });
    const request = { origin: scene.origin, path: '/', method: 'POST', body } as const;
    const failure = dispatcher.request(request).catch((error: unknown) => error);
    await until(() => held.length === 1);
    const reason = new Error('no such file');
    body.destroy(reason);
    await turns(5);
    held[0]?.();
    expect(await failure).to.equal(reason);
    expect(scene.server.connections).to.equal(0);
    await dispatcher.destroy();
  });

  it('dials nothing for a host that has none', async () => {
    documents.clear();
    const dispatcher = start();
    const answer = get(dispatcher);
    await until(() => held.length === 1);
    held[0]?.();
    expect(await answer).to.equal('ERR_PIN_NOT_LOADED');
    expect(scene.server.connections).to.equal(0);
    await dispatcher.destroy();
  });

  it('lets a request finish whose pins are being read when it is closed, and takes no more', async () => {
    const dispatcher = start();
    const answer = get(dispatcher);
    await until(() => held.length === 1);
    const closed = dispatcher.close();
    expect(await get(dispatcher)).to.equal('UND_ERR_CLOSED');
    held[0]?.();
    expect(await answer).to.equal('200 ok');
    await closed;
    expect(await get(dispatcher)).to.equal('UND_ERR_DESTROYED');
  });

  it('retains the host from the dial to the close of its connection', async () => {
    let retained = 0;
    const retain = resolver.retain.bind(resolver);
    resolver.retain = (target) => {
      retained += 1;
      const release = retain(target);
      return () => {
        retained -= 1;
        release();
      };
    };
    const dispatcher = start();
    const answer = get(dispatcher);
    await until(() => held.length === 1);
    held[0]?.();
    await answer;
    expect(retained).to.equal(1);
    await dispatcher.close();
    await until(() => retained === 0);
  });
});

describeWithEach('PinnedDispatcher for plain http', (major) => {
  it('refuses it unless the row of the host says none', async () => {
    const scene = await Scene.start(major);
    try {
      const origin = `http://${host}:${scene.server.port}`;
      expect(await scene.get({ origin })).to.equal('ERR_PIN_INSECURE_SCHEME');
      expect(await scene.get({ origin: new URL(origin) })).to.equal('ERR_PIN_INSECURE_SCHEME');
      expect(scene.server.connections).to.equal(0);
      await scene.rotate({ [host]: 'none' });
      // The server speaks TLS: what comes back is no response, but the way was open.
      expect(await scene.get({ origin })).to.not.equal('ERR_PIN_INSECURE_SCHEME');
      expect(scene.server.connections).to.equal(1);
    } finally {
      await scene.close();
    }
  });

  it('refuses it where the resolver cannot tell', async () => {
    const pins = await PinResolver.create(createStaticProvider({ [host]: 'none' }), { warnings: false });
    const blind = {
      verify: pins.verify.bind(pins),
      judge: pins.judge.bind(pins),
      on: pins.on.bind(pins),
      off: pins.off.bind(pins),
    };
    const dispatcher = new major.pinned.PinnedDispatcher(blind);
    const request = { origin: `http://${host}:1`, path: '/', method: 'GET' } as const;
    expect(await answerOf(async () => String((await dispatcher.request(request)).statusCode))).to.equal(
      'ERR_PIN_INSECURE_SCHEME',
    );
    await dispatcher.close();
    await pins.close();
  });
});
