import { type ConnectProxy, startConnectProxy } from '@pinvault/testing';
import { expect } from 'chai';
import { pinErrorCode } from 'pinvault';
import { drivers } from './drivers.js';
import { httpClients } from './http-clients.js';
import { record } from './results.js';
import { SocksProxy } from './servers/socks-proxy.js';
import { protocolsOf, Scene, Servers, whyNoServer } from './scene.js';

const servers = new Servers();
const missing = new Map<string, string | undefined>();

describe('every client of a service', function () {
  this.timeout(90_000);

  const proxies: { connect?: ConnectProxy; socks5?: SocksProxy } = {};
  before(async () => {
    for (const { server } of [...httpClients, ...drivers]) missing.set(server, await whyNoServer(server));
    proxies.connect = await startConnectProxy({ route: portOf });
    proxies.socks5 = await SocksProxy.start();
  });
  after(async () => {
    await servers.stop();
    await proxies.connect?.close();
    await proxies.socks5?.close();
  });

  for (const client of [...httpClients, ...drivers]) {
    describe(client.name, () => {
      let scene: Scene;

      beforeEach(async function open() {
        const reason = missing.get(client.server);
        if (reason !== undefined) {
          if (process.env['PINVAULT_REQUIRE_REAL'] === '1') throw new Error(reason);
          record(client.name, cellOf(this.currentTest?.title), 'no server', reason);
          this.skip();
        }
        scene = await Scene.open(await servers.behind(client.server), protocolsOf(client.server));
      });
      afterEach(async function close() {
        if (this.currentTest?.isFailed() === true)
          record(client.name, cellOf(this.currentTest.title), 'failed', this.currentTest.err?.message ?? '');
        await scene.close();
      });

      it('pinned: the pinned key is talked to', async () => {
        expect(await scene.ask(client)).to.equal(undefined);
        expect(scene.front.applicationBytes).to.be.greaterThan(0);
        record(client.name, 'pinned', 'works');
      });

      it('refused: another key gets not a byte', async () => {
        await scene.pin(scene.next);
        await expectRefused(scene, async () => scene.ask(client));
        expect(scene.front.connections).to.be.greaterThan(0);
        expect(scene.front.applicationBytes).to.equal(0);
        record(client.name, 'refused', 'works', '0 bytes');
      });

      it('rotated: the new key is talked to, and the one that was removed is not', async () => {
        expect(await scene.ask(client)).to.equal(undefined);
        await scene.pin(scene.leaf, scene.next);
        scene.front.use(scene.next);
        expect(await scene.ask(client)).to.equal(undefined);
        await scene.pin(scene.leaf);
        await expectRefused(scene, async () => scene.ask(client));
        record(client.name, 'rotated', 'works');
      });

      it('resumed: no session outlives the pins that it was earned under', async () => {
        const kept = scene.keep(client);
        expect(await kept.ask()).to.equal(undefined);
        expect(await kept.ask()).to.equal(undefined);
        const first = scene.front.resumed;
        await scene.pin(scene.leaf, scene.next);
        expect(await kept.ask()).to.equal(undefined);
        const { resumed } = scene.front;
        // under the pins of old, and under new ones that accept the certificate as well
        if (client.keep === undefined) expect(resumed).to.equal(0);
        else expect([first > 0, resumed > first]).to.deep.equal([true, true]);
        await scene.pin(scene.next);
        await expectRefused(scene, async () => kept.ask());
        expect(scene.front.resumed).to.equal(resumed);
        await kept.close();
        record(client.name, 'resumed', 'works', resumed === 0 ? 'never resumes' : 'bound to its pins');
      });

      if (client.proxied === true) {
        it('proxied: through a tunnel the target is pinned', async () => {
          const proxy = proxies[client.speaksTo ?? 'connect'] as ConnectProxy | SocksProxy;
          expect(await scene.ask(client, proxy.url)).to.equal(undefined);
          expect(proxy.authorities.map(portOf)).to.include(scene.front.port);
          await scene.pin(scene.next);
          const dug = proxy.authorities.length;
          await expectRefused(scene, async () => scene.ask(client, proxy.url));
          expect(proxy.authorities.length).to.be.greaterThan(dug);
          record(client.name, 'proxied', 'works', client.speaksTo === 'socks5' ? 'SOCKS5' : '');
        });
      } else {
        const why = client.proxied;
        after(() => record(client.name, 'proxied', 'no', why));
      }
    });
  }
});

async function expectRefused(scene: Scene, ask: () => Promise<unknown>): Promise<void> {
  await scene.front.settled();
  const bytes = scene.front.applicationBytes;
  const error = await ask();
  await scene.front.settled();
  expect(pinErrorCode(error), String(error)).to.equal('ERR_PIN_MISMATCH');
  expect(scene.front.applicationBytes).to.equal(bytes);
}

const portOf = (authority: string): number => Number(authority.split(':').at(-1));
const cellOf = (title = ''): string => title.replace(/.*?(\w+): .*/u, '$1');
