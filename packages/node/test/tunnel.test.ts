import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { once } from 'node:events';
import type { SecureVersion } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { PinnedAgent } from '#src/index.js';
import { codeOf, host, PinnedService } from './support/pinned-service.js';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const hasProxyEnv = major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21);

(hasProxyEnv ? describe : describe.skip)(
  `PinnedAgent through a proxy${hasProxyEnv ? '' : ` (skipped: https.Agent of Node ${process.versions.node} has no proxyEnv)`}`,
  () => {
    let proxy: Server;
    let service: PinnedService;
    let tunnels = 0;

    beforeEach(async () => {
      tunnels = 0;
      proxy = createServer();
      proxy.on('connect', (request, client) => {
        tunnels += 1;
        const upstream = connect(Number(request.url?.split(':').at(-1)), '127.0.0.1', () => {
          client.write('HTTP/1.1 200 Connection established\r\n\r\n');
          upstream.pipe(client).pipe(upstream);
        });
        upstream.on('error', () => client.destroy());
        client.on('error', () => upstream.destroy());
      });
      proxy.listen(0, '127.0.0.1');
      await once(proxy, 'listening');
      const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
      service = await PinnedService.start({
        agent: { proxyEnv: { HTTPS_PROXY: address, https_proxy: address } } as object,
      });
    });

    afterEach(async () => {
      await service.close();
      proxy.closeAllConnections();
      proxy.close();
    });

    it('pins the target', async () => {
      expect(await service.get()).to.deep.equal({ status: 200, text: 'ok' });
      expect(tunnels).to.equal(1);
      await service.rotate({ [host]: service.newLeaf.pin });
      const bytes = service.server.applicationBytes;
      expect(codeOf(await service.get())).to.equal('ERR_PIN_MISMATCH');
      expect(tunnels).to.equal(2);
      expect(service.server.applicationBytes).to.equal(bytes);
    });

    it('is dug once more where a refresh cures the mismatch', async () => {
      service.server.use([service.newLeaf]);
      service.provider.update({ [host]: service.newLeaf.pin });
      expect(await service.get()).to.deep.equal({ status: 200, text: 'ok' });
      expect([tunnels, service.server.requests]).to.deep.equal([2, 1]);
    });

    for (const version of ['TLSv1.2', 'TLSv1.3'] satisfies SecureVersion[]) {
      it(`resumes a session of the target over another tunnel, until its pin is removed (${version})`, async () => {
        Object.assign(service.agent, { keepAlive: false });
        const options = { minVersion: version, maxVersion: version };
        for (let index = 0; index < 2; index += 1)
          expect(await service.get(options)).to.deep.equal({ status: 200, text: 'ok' });
        expect([tunnels, service.server.resumed]).to.deep.equal([2, 1]);
        await service.rotate({ [host]: service.newLeaf.pin });
        const bytes = service.server.applicationBytes;
        expect(codeOf(await service.get(options))).to.equal('ERR_PIN_MISMATCH');
        expect([service.server.resumed, service.server.applicationBytes]).to.deep.equal([1, bytes]);
      });

      it(`digs once more where the pins change within a resumed handshake (${version})`, async () => {
        Object.assign(service.agent, { keepAlive: false });
        const options = { minVersion: version, maxVersion: version };
        await service.get(options);
        service.server.use([service.newLeaf]);
        proxy.prependOnceListener('connect', (_request, client) => {
          client.pause();
          void service.rotate({ [host]: service.newLeaf.pin }).then(() => client.resume());
        });
        expect(await service.get(options)).to.deep.equal({ status: 200, text: 'ok' });
        expect([tunnels, service.server.requests]).to.deep.equal([3, 2]);
      });
    }

    it('keeps a TLS 1.2 session once, however often it is resumed', async () => {
      const { proxyEnv } = service.agent.options as { proxyEnv?: object };
      const agent = new PinnedAgent(service.pins, {
        ca: service.root.pem,
        lookup: service.agent.options.lookup,
        keepAlive: false,
        maxCachedSessions: 2,
        ...{ proxyEnv },
      });
      const one = { agent, maxVersion: 'TLSv1.2' } as const;
      const other = { ...one, minVersion: 'TLSv1.1' } as const;
      for (const options of [other, one, one, one, one, other]) await service.get(options);
      // Were there more of the one, the other's had made room.
      expect([service.server.requests, service.server.resumed]).to.deep.equal([6, 4]);
    });

    it('drops an idle tunnel whose pin was removed, and keeps one that matches', async () => {
      await service.get();
      await service.rotate({ [host]: `${service.oldLeaf.pin} ${service.newLeaf.pin}` });
      await service.get();
      expect(tunnels).to.equal(1);
      await service.rotate({ [host]: service.newLeaf.pin });
      expect(service.idle).to.equal(0);
    });
  },
);

(hasProxyEnv ? describe.skip : describe)('PinnedAgent on a Node without proxyEnv', () => {
  it('refuses the option: without a word the target would be dialled directly', async () => {
    const service = await PinnedService.start();
    try {
      expect(
        () => new PinnedAgent(service.pins, { proxyEnv: { HTTPS_PROXY: 'http://127.0.0.1:1' } } as object),
      )
        .to.throw(TypeError)
        .with.property('code', 'ERR_INVALID_OPTION');
    } finally {
      await service.close();
    }
  });
});
