import type { SecureVersion } from 'node:tls';
import { expect } from 'chai';
import { PinResolver } from '@pinvault/core';
import { loopbackLookup } from '@pinvault/testing';
import { PinnedAgent } from '#src/index.js';
import { codeOf, host, PinnedService } from './support/pinned-service.js';

const ok = { status: 200, text: 'ok' };

for (const version of ['TLSv1.2', 'TLSv1.3'] satisfies SecureVersion[]) {
  describe(`PinnedAgent and ${version} sessions`, () => {
    let service: PinnedService;

    async function start(agent: object = {}): Promise<void> {
      service = await PinnedService.start({
        agent: { keepAlive: false, ...agent },
        server: { minVersion: version, maxVersion: version },
      });
    }

    /** A further connection may only ever be let in by a handshake of its own: nothing of it arrives otherwise. */
    async function expectRefused(code: string): Promise<void> {
      const { applicationBytes, resumed } = service.server;
      expect(codeOf(await service.get())).to.equal(code);
      expect(service.server.applicationBytes).to.equal(applicationBytes);
      expect(service.server.resumed).to.equal(resumed);
    }

    afterEach(() => service.close());

    it('resumes one while the pins in force accept the certificates under which it was earned', async () => {
      await start();
      for (let index = 0; index < 4; index += 1) expect(await service.get()).to.deep.equal(ok);
      const { connections, resumed } = service.server;
      // Node's server gives two tickets with a full handshake and none with a resumed one; each is used once.
      const fullHandshakes = version === 'TLSv1.3' ? 2 : 1;
      expect([connections, resumed]).to.deep.equal([4, 4 - fullHandshakes]);
      expect(service.pins.status().counters.matches).to.equal(fullHandshakes);
    });

    it('resumes one through a rotation that keeps the pin', async () => {
      await start();
      await service.get();
      await service.rotate({ [host]: `${service.oldLeaf.pin} ${service.newLeaf.pin}` });
      expect(await service.get()).to.deep.equal(ok);
      expect(service.server.resumed).to.equal(1);
    });

    it('offers none whose pin was removed: a server that would take it up meets a full handshake', async () => {
      await start();
      await service.get();
      await service.get();
      await service.rotate({ [host]: service.newLeaf.pin });
      await expectRefused('ERR_PIN_MISMATCH');
      service.server.use([service.newLeaf]);
      expect(await service.get()).to.deep.equal(ok);
      expect(service.server.resumed).to.equal(1);
    });

    for (const [row, code] of [
      ['block', 'ERR_PIN_HOST_BLOCKED'],
      ['revoked', 'ERR_PIN_REVOKED'],
      ['deleted', 'ERR_PIN_HOST_UNCOVERED'],
    ] as const) {
      it(`offers none to a host that is ${row}`, async () => {
        await start();
        await service.get();
        const { pin } = service.oldLeaf;
        await service.rotate({
          'other.example.test': service.newLeaf.pin,
          ...(row === 'block' ? { [host]: 'block' } : {}),
          ...(row === 'revoked' ? { [host]: `${pin} ${service.newLeaf.pin}`, $revoked: pin } : {}),
        });
        await expectRefused(code);
      });
    }

    it('judges one of a host whose row said none as soon as there are pins', async () => {
      await start();
      await service.rotate({ [host]: 'none' });
      await service.get();
      await service.get();
      expect(service.server.resumed).to.equal(1);
      await service.rotate({ [host]: service.newLeaf.pin });
      await expectRefused('ERR_PIN_MISMATCH');
    });

    it('offers none where report mode alone lets it pass: each connection is told of', async () => {
      await start();
      await service.rotate({ [host]: `${service.newLeaf.pin} mode=report` });
      for (let index = 0; index < 3; index += 1) expect(await service.get()).to.deep.equal(ok);
      expect(service.server.resumed).to.equal(0);
      expect(service.pins.status().counters.reported).to.equal(3);
    });

    it('offers none of a resolver that is closed', async () => {
      await start();
      await service.get();
      await service.pins.close();
      await expectRefused('ERR_RESOLVER_CLOSED');
    });

    it('has a rotation judge a resumed connection by the certificates of its session', async () => {
      await start({ keepAlive: true, maxSockets: 2 });
      await service.get();
      await service.get();
      service.agent.destroy();
      await service.get();
      await Promise.all([service.get(), service.get()]);
      expect(service.server.resumed).to.equal(1);
      expect(service.idle).to.equal(2);
      await service.rotate({ [host]: `${service.oldLeaf.pin} ${service.newLeaf.pin}` });
      expect(service.idle).to.equal(2);
      await service.rotate({ [host]: service.newLeaf.pin });
      expect(service.idle).to.equal(0);
      await expectRefused('ERR_PIN_MISMATCH');
    });

    it('resumes one of an address, which has no servername', async () => {
      await start();
      const leaf = await service.root.issue({ subject: 'address', hosts: ['127.0.0.1'] });
      service.server.use([leaf]);
      await service.rotate({ '127.0.0.1': leaf.pin });
      const get = (): Promise<unknown> => service.get({ host: '127.0.0.1' });
      expect([await get(), await get()]).to.deep.equal([ok, ok]);
      expect(service.server.resumed).to.equal(1);
      await service.rotate({ '127.0.0.1': service.newLeaf.pin });
      expect(codeOf(await service.get({ host: '127.0.0.1' }))).to.equal('ERR_PIN_MISMATCH');
      expect(service.server.resumed).to.equal(1);
    });

    it('judges one by the document of its host, where each has one', async () => {
      await start();
      let pin = service.oldLeaf.pin;
      const pins = await PinResolver.create(
        {
          name: 'per host',
          scope: 'host',
          read: async () => ({ document: { pins: pin }, revision: pin }),
        },
        { warnings: false },
      );
      const agent = new PinnedAgent(pins, {
        keepAlive: false,
        ca: service.root.pem,
        lookup: loopbackLookup,
        minVersion: version,
        maxVersion: version,
      });
      expect([await service.get({ agent }), await service.get({ agent })]).to.deep.equal([ok, ok]);
      expect(service.server.resumed).to.equal(1);
      pin = service.newLeaf.pin;
      await pins.refresh(host);
      const { applicationBytes } = service.server;
      expect(codeOf(await service.get({ agent }))).to.equal('ERR_PIN_MISMATCH');
      expect([service.server.resumed, service.server.applicationBytes]).to.deep.equal([1, applicationBytes]);
      await pins.close();
    });

    it('resumes none where maxCachedSessions is 0', async () => {
      await start({ maxCachedSessions: 0 });
      for (let index = 0; index < 3; index += 1) expect(await service.get()).to.deep.equal(ok);
      expect(service.server.resumed).to.equal(0);
      expect(service.pins.status().counters.matches).to.equal(3);
    });

    it('forgets them all when the agent is destroyed', async () => {
      await start();
      await service.get();
      service.agent.destroy();
      await service.get();
      expect(service.server.resumed).to.equal(0);
    });
  });
}
