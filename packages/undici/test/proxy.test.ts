import type { RequestListener, ServerResponse } from 'node:http';
import { createStaticProvider, PinResolver, type StaticPinProvider } from '@pinvault/core';
import { askedOnly, createRootCa, loopbackLookup, type TestCertificate } from '@pinvault/testing';
import { expect } from 'chai';
import { ConnectProxy } from './support/connect-proxy.js';
import { describeWithEach } from './support/majors.js';
import { answerOf, host, Scene, until } from './support/scene.js';

const variables = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy'];

describeWithEach('PinnedDispatcher through a proxy', (major) => {
  let proxy: ConnectProxy;
  let scene: Scene;
  const before = new Map(variables.map((name) => [name, process.env[name]]));

  beforeEach(() => {
    for (const name of variables) delete process.env[name];
  });

  afterEach(async () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await scene.close();
    await proxy.close();
  });

  const roads = {
    'named by its URL': () => proxy.url,
    'named by the environment': () => {
      process.env['HTTPS_PROXY'] = proxy.url;
      return 'env';
    },
  };

  for (const [road, nameProxy] of Object.entries(roads)) {
    describe(road, () => {
      beforeEach(async () => {
        proxy = await ConnectProxy.start();
        scene = await Scene.start(major, { dispatcher: { proxy: nameProxy() } });
      });

      it('pins the target', async () => {
        expect([await scene.get(), await scene.get()]).to.deep.equal(['200 ok', '200 ok']);
        expect(proxy.tunnels).to.equal(1);
      });

      it('sends nothing to a target that does not match', async () => {
        scene.server.use([scene.newLeaf]);
        expect(await scene.get({ method: 'POST', body: 'secret' })).to.equal('ERR_PIN_MISMATCH');
        expect([proxy.tunnels, scene.server.connections, scene.server.applicationBytes]).to.deep.equal([
          1, 1, 0,
        ]);
      });

      it('drops an idle tunnel whose pin was removed', async () => {
        await scene.get();
        const bytes = scene.server.applicationBytes;
        await scene.rotate({ [host]: scene.newLeaf.pin });
        expect(await scene.get({ method: 'POST', body: 'secret' })).to.equal('ERR_PIN_MISMATCH');
        expect([proxy.tunnels, scene.server.applicationBytes]).to.deep.equal([2, bytes]);
      });

      it('digs once more where a refresh cures the mismatch', async () => {
        scene.server.use([scene.newLeaf]);
        scene.provider.update({ [host]: scene.newLeaf.pin });
        expect(await scene.get()).to.equal('200 ok');
        expect([proxy.tunnels, scene.server.requests]).to.deep.equal([2, 1]);
      });

      it('resumes a session only while its pin is there', async () => {
        // Each with a connection of its own.
        expect(await scene.get({ reset: true })).to.equal('200 ok');
        expect(await scene.get({ reset: true })).to.equal('200 ok');
        expect(scene.server.resumed).to.equal(1);
        await scene.rotate({ [host]: scene.newLeaf.pin });
        expect(await scene.get()).to.equal('ERR_PIN_MISMATCH');
        expect(scene.server.resumed).to.equal(1);
      });
    });
  }

  it('serves the built-in fetch', async () => {
    proxy = await ConnectProxy.start();
    scene = await Scene.start(major, { dispatcher: { proxy: proxy.url } });
    const { pins, dispatcher, server, newLeaf } = scene;
    const pinnedFetch = major.pinned.createPinnedFetch(pins, { dispatcher });
    const post = async (): Promise<string> =>
      answerOf(async () => (await pinnedFetch(scene.origin, { method: 'POST', body: 'text' })).text());
    expect(await post()).to.equal('ok');
    const bytes = server.applicationBytes;
    await scene.rotate({ [host]: newLeaf.pin });
    expect(await post()).to.equal('ERR_PIN_MISMATCH');
    expect([proxy.tunnels >= 2, server.applicationBytes]).to.deep.equal([true, bytes]);
  });

  it('pins hosts of NO_PROXY as well', async () => {
    proxy = await ConnectProxy.start();
    process.env['HTTPS_PROXY'] = proxy.url;
    process.env['NO_PROXY'] = host;
    scene = await Scene.start(major, { dispatcher: { proxy: 'env' } });
    expect(await scene.get()).to.equal('200 ok');
    const bytes = scene.server.applicationBytes;
    await scene.rotate({ [host]: scene.newLeaf.pin });
    expect(await scene.get({ method: 'POST', body: 'secret' })).to.equal('ERR_PIN_MISMATCH');
    expect([proxy.tunnels, scene.server.applicationBytes]).to.deep.equal([0, bytes]);
  });

  it('says the name and password of the URL, or the token', async () => {
    proxy = await ConnectProxy.start();
    scene = await Scene.start(major, { dispatcher: { proxy: proxy.url.replace('//', '//user:pass@') } });
    expect(await scene.get()).to.equal('200 ok');
    expect(proxy.authorization).to.equal(`Basic ${Buffer.from('user:pass').toString('base64')}`);
    await scene.close();
    scene = await Scene.start(major, { dispatcher: { proxy: proxy.url, proxyToken: 'Bearer canary' } });
    expect(await scene.get()).to.equal('200 ok');
    expect(proxy.authorization).to.equal('Bearer canary');
  });

  for (const [behaviour, code] of [
    ['refuse', 'UND_ERR_ABORTED'],
    ['drop', 'ECONNRESET'],
  ] as const) {
    it(`ends the request, and does not try for ever, where the proxy says no (${behaviour})`, async () => {
      proxy = await ConnectProxy.start();
      proxy.behaviour = behaviour;
      scene = await Scene.start(major, { dispatcher: { proxy: proxy.url } });
      const answer = await scene.get();
      expect([code, 'UND_ERR_PRX_CONN']).to.include(answer);
      expect(scene.server.connections).to.equal(0);
    });
  }

  it('refuses plain http through it, and lets it through a tunnel where the row says none', async () => {
    proxy = await ConnectProxy.start();
    scene = await Scene.start(major, { dispatcher: { proxy: proxy.url } });
    const origin = `http://${host}:${scene.server.port}`;
    expect(await scene.get({ origin })).to.equal('ERR_PIN_INSECURE_SCHEME');
    expect(proxy.tunnels).to.equal(0);
    await scene.rotate({ [host]: 'none' });
    // The server speaks TLS: no response, but the way was open.
    await scene.get({ origin });
    expect(proxy.tunnels).to.equal(1);
  });

  describe('over TLS, with pins of its own', () => {
    let proxyPins: PinResolver;
    let provider: StaticPinProvider;
    let certificate: TestCertificate;
    let other: TestCertificate;
    const proxyHost = 'proxy.example.test';

    async function start(pinned: 'right' | 'wrong', respond?: RequestListener): Promise<void> {
      const proxyRoot = await createRootCa({ subject: 'Proxy Root' });
      certificate = await proxyRoot.issue({ hosts: [proxyHost] });
      other = await proxyRoot.issue({ hosts: [proxyHost] });
      proxy = await ConnectProxy.start(certificate);
      const { port } = new URL(proxy.url);
      provider = createStaticProvider(rowOf(pinned === 'right' ? certificate : other));
      proxyPins = await PinResolver.create(provider, { warnings: false, ...askedOnly });
      scene = await Scene.start(major, {
        ...(respond !== undefined && { server: { respond } }),
        dispatcher: {
          proxy: `https://${proxyHost}:${port}`,
          proxyPins,
          proxyTls: { ca: proxyRoot.pem, lookup: loopbackLookup },
        },
      });
    }

    function rowOf(...certificates: TestCertificate[]): Record<string, string> {
      const { port } = new URL(proxy.url);
      return { [`${proxyHost}:${port}`]: certificates.map(({ pin }) => pin).join(' ') };
    }

    async function rotateProxy(...certificates: TestCertificate[]): Promise<void> {
      provider.update(rowOf(...certificates));
      await proxyPins.refresh();
    }

    afterEach(() => proxyPins.close());

    it('is used where it matches, and the target is pinned all the same', async () => {
      await start('right');
      expect(await scene.get()).to.equal('200 ok');
      const bytes = scene.server.applicationBytes;
      await scene.rotate({ [host]: scene.newLeaf.pin });
      expect(await scene.get({ method: 'POST', body: 'secret' })).to.equal('ERR_PIN_MISMATCH');
      expect(scene.server.applicationBytes).to.equal(bytes);
    });

    it('carries no further request where its own pin was removed', async () => {
      await start('right');
      expect(await scene.get()).to.equal('200 ok');
      const bytes = scene.server.applicationBytes;
      await rotateProxy(other);
      expect(await scene.get({ method: 'POST', body: 'secret' })).to.equal('ERR_PIN_MISMATCH');
      expect([proxy.tunnels, scene.server.applicationBytes]).to.deep.equal([1, bytes]);
    });

    it('carries a response to its end, and nothing after it', async () => {
      let response: ServerResponse | undefined;
      await start('right', (_request, answering) => {
        response = answering;
        response.writeHead(200).write('first ');
      });
      const { body } = await scene.dispatcher.request({ origin: scene.origin, path: '/', method: 'GET' });
      await rotateProxy(other);
      response?.end('last');
      expect(await body.text()).to.equal('first last');
      expect(await scene.get()).to.equal('ERR_PIN_MISMATCH');
      expect(proxy.tunnels).to.equal(1);
    });

    it('is kept where a rotation accepts it still', async () => {
      await start('right');
      await scene.get();
      await rotateProxy(other, certificate);
      expect(await scene.get()).to.equal('200 ok');
      expect(proxy.tunnels).to.equal(1);
    });

    it('leaves no listener at its pins when it is gone', async () => {
      await start('right');
      const listeners = new Set<unknown>();
      const on = proxyPins.on.bind(proxyPins);
      const off = proxyPins.off.bind(proxyPins);
      proxyPins.on = (name, listener) => {
        listeners.add(listener);
        return on(name, listener);
      };
      proxyPins.off = (name, listener) => {
        listeners.delete(listener);
        return off(name, listener);
      };
      await scene.get();
      expect(listeners.size).to.equal(1);
      scene.server.closeConnections();
      await until(() => listeners.size === 0);
    });

    it('is told of no target where it does not match', async () => {
      await start('wrong');
      expect(await scene.get()).to.equal('ERR_PIN_MISMATCH');
      expect([proxy.tunnels, scene.server.connections]).to.deep.equal([0, 0]);
    });
  });
});
