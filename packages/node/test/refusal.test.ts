import type { RequestListener } from 'node:http';
import https from 'node:https';
import type { SecureVersion } from 'node:tls';
import { expect } from 'chai';
import { findPinError, PinMismatchError } from '@pinvault/core';
import { createRootCa, loopbackLookup, startTlsServer } from '@pinvault/testing';
import { PinnedAgent } from '#src/index.js';
import { codeOf, host, PinnedService, request } from './support/pinned-service.js';

describe('a refusal by PinnedAgent', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] satisfies SecureVersion[]) {
    it(`comes before one byte of a large request with a secret is sent (${version})`, async () => {
      const respond: RequestListener = (incoming, response) => {
        // After the whole body: what arrives later could be taken for what a refused client sent.
        incoming.resume().on('end', () => response.end('ok'));
      };
      const service = await PinnedService.start({
        server: { minVersion: version, maxVersion: version, respond },
      });
      try {
        const { root, server, pins } = service;
        const options = {
          host,
          port: server.port,
          method: 'POST',
          headers: { authorization: 'Bearer canary' },
        };
        const body = Buffer.alloc(200_000, 'x');
        // The twin: the same request with the right pin arrives.
        const answer = await request({ ...options, agent: service.agent }, body);
        expect(answer).to.deep.equal({ status: 200, text: 'ok' });
        expect(server.applicationBytes).to.be.above(200_000);

        await service.rotate({ [host]: service.newLeaf.pin });
        const bytes = server.applicationBytes;
        const plain = new https.Agent({ ca: root.pem, lookup: loopbackLookup });
        const agent = new PinnedAgent(pins, { ca: root.pem, lookup: loopbackLookup });
        const refused = await request({ ...options, agent }, body);
        expect(codeOf(refused)).to.equal('ERR_PIN_MISMATCH');
        expect(server.applicationBytes).to.equal(bytes);
        // Nothing but the pin refused: Node itself is content with the chain.
        expect(await request({ ...options, agent: plain }, body)).to.deep.equal({ status: 200, text: 'ok' });
        plain.destroy();
        agent.destroy();
      } finally {
        await service.close();
      }
    });
  }

  it('is the error that the resolver made, with the facts for a fix', async () => {
    const service = await PinnedService.start();
    try {
      await service.rotate({ [host]: service.newLeaf.pin });
      const answer = await service.get();
      const error = 'error' in answer ? findPinError(answer.error) : undefined;
      expect(error)
        .to.be.an.instanceOf(PinMismatchError)
        .and.equal('error' in answer && answer.error);
      expect(error).to.deep.include({
        host,
        port: service.server.port,
        pattern: host,
        expected: [service.newLeaf.pin],
      });
      const presented = error instanceof PinMismatchError ? error.presented.map(({ pin }) => pin) : [];
      expect(presented).to.deep.equal([service.oldLeaf.pin, service.root.pin]);
    } finally {
      await service.close();
    }
  });

  it('does not stand in the way of Node: an untrusted chain is refused by Node, with its own code', async () => {
    const service = await PinnedService.start();
    const stranger = await createRootCa({ subject: 'Stranger' });
    const leaf = await stranger.issue({ hosts: [host], key: service.oldLeaf.key });
    const server = await startTlsServer({ chain: [leaf] });
    try {
      // The pinned key, but no chain that this machine trusts.
      expect(leaf.pin).to.equal(service.oldLeaf.pin);
      expect(codeOf(await service.get({ port: server.port }))).to.equal('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
      expect(server.applicationBytes).to.equal(0);
    } finally {
      await server.close();
      await service.close();
    }
  });

  it('reaches a client that has its own callback, and leaves nothing behind', async () => {
    const service = await PinnedService.start();
    try {
      await service.rotate({ [host]: 'block' });
      const codes = await Promise.all(Array.from({ length: 5 }, () => service.get().then(codeOf)));
      expect(new Set(codes)).to.deep.equal(new Set(['ERR_PIN_HOST_BLOCKED']));
      for (let turn = 0; turn < 1_000 && Object.keys(service.agent.sockets).length > 0; turn += 1) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(Object.keys(service.agent.sockets)).to.deep.equal([]);
      expect(Object.keys(service.agent.requests)).to.deep.equal([]);
    } finally {
      await service.close();
    }
  });
});
