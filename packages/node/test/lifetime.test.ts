import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { PinnedAgent, type PinSource } from '#src/index.js';
import { loopbackLookup } from '@pinvault/testing';
import { PinnedService } from './support/pinned-service.js';

describe('the life of a PinnedAgent', () => {
  it('listens to its resolver only while it has connections', async () => {
    const service = await PinnedService.start();
    try {
      let listeners = 0;
      const { pins } = service;
      const source: PinSource = {
        verify: (target, certificate) => pins.verify(target, certificate),
        judge: (evidence) => pins.judge(evidence),
        on: () => void (listeners += 1),
        off: () => void (listeners -= 1),
      };
      const agent = new PinnedAgent(source, { ca: service.root.pem, lookup: loopbackLookup });
      expect(listeners).to.equal(0);
      await Promise.all([service.get({ agent }), service.get({ agent })]);
      expect(listeners).to.equal(1);
      const [socket] = Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? []);
      const closed = socket === undefined ? undefined : once(socket, 'close');
      agent.destroy();
      await closed;
      await new Promise((resolve) => setImmediate(resolve));
      expect(listeners).to.equal(0);
    } finally {
      await service.close();
    }
  });

  it('does not keep the process: idle connections and an open resolver end with it', async () => {
    const service = await PinnedService.start();
    try {
      const program = fileURLToPath(new URL('support/idle-process.js', import.meta.url));
      const settings = { port: service.server.port, ca: service.root.pem, pin: service.oldLeaf.pin };
      const child = fork(program, [], {
        env: { ...process.env, SETTINGS: JSON.stringify(settings) },
        execArgv: [],
      });
      const [exitCode] = (await once(child, 'exit', { signal: AbortSignal.timeout(8_000) })) as [number];
      expect(exitCode).to.equal(0);
      expect(service.server.requests).to.equal(1);
    } finally {
      await service.close();
    }
  });
});
