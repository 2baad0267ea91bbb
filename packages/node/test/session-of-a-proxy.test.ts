import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { useFakeTimers } from 'sinon';
import type { Connection } from '#src/connection.js';
import { Resumption } from '#src/resumption.js';
import { host, PinnedService } from './support/pinned-service.js';

describe('the sessions of an agent', () => {
  it('are those of the target, and as old as its handshake: what a proxy gives late for the way to itself is none', async () => {
    const service = await PinnedService.start();
    try {
      const { raw } = service.oldLeaf.x509;
      const { evidence } = service.pins.verify(
        { host, port: 443 },
        {
          ...service.oldLeaf.x509.toLegacyObject(),
          raw,
        },
      );
      const target = { host, port: 443 };
      const resumption = new Resumption(service.pins, 10);
      const { sessionKey } = resumption.offerFor(target, {});
      const [toProxy, toTarget] = [new TLSSocket(new Socket()), new TLSSocket(new Socket())];
      const connection: Connection = { target, sessionKey, evidence };
      expect(resumption.settle(connection, toTarget)).to.equal(undefined);
      resumption.collectFrom(connection, toProxy);
      resumption.collectFrom(connection, toTarget);
      // A session holds the certificate of the server, as OpenSSL writes it.
      const [ofProxy, ofTarget] = ['P', 'T'].map((letter) => Buffer.concat([Buffer.from(letter), raw]));
      toProxy.emit('session', ofProxy);
      expect(resumption.offerFor(target, {}).offered).to.equal(undefined);
      toTarget.emit('session', Buffer.from('of another certificate'));
      expect(resumption.offerFor(target, {}).offered).to.equal(undefined);
      toTarget.emit('session', ofTarget);
      expect(resumption.offerFor(target, {}).offered?.session).to.equal(ofTarget);
      // TLS 1.3 servers may send tickets at any time: a day counts from the handshake.
      const hour = 3_600_000;
      const clock = useFakeTimers({ now: Date.now(), toFake: ['Date'] });
      try {
        clock.tick(23 * hour);
        toTarget.emit('session', ofTarget);
        expect(resumption.offerFor(target, {}).offered?.session).to.equal(ofTarget);
        toTarget.emit('session', ofTarget);
        clock.tick(2 * hour);
        expect(resumption.offerFor(target, {}).offered).to.equal(undefined);
      } finally {
        clock.restore();
      }
      toProxy.destroy();
      toTarget.destroy();
    } finally {
      await service.close();
    }
  });
});
