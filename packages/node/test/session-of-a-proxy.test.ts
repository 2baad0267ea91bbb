import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import type { Connection } from '#src/connection.js';
import { Resumption } from '#src/resumption.js';
import { host, PinnedService } from './support/pinned-service.js';

describe('the sessions of an agent', () => {
  it('are those of the target: what a proxy gives late for the way to itself is none', async () => {
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
      const connection: Connection = { target, sessionKey, evidence, secured: toTarget };
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
      toProxy.destroy();
      toTarget.destroy();
    } finally {
      await service.close();
    }
  });
});
