import type { SecureVersion } from 'node:tls';
import { expect } from 'chai';
import { codeOf, host, PinnedService } from './support/pinned-service.js';

describe('PinnedAgent and TLS sessions', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] satisfies SecureVersion[]) {
    it(`resumes none: each connection is checked (${version})`, async () => {
      const service = await PinnedService.start({
        agent: { keepAlive: false },
        server: { minVersion: version, maxVersion: version },
      });
      try {
        for (let index = 0; index < 3; index += 1) {
          expect(await service.get()).to.deep.equal({ status: 200, text: 'ok' });
        }
        expect(service.server.connections).to.equal(3);
        expect(service.server.resumed).to.equal(0);
        expect(service.pins.status().counters.matches).to.equal(3);
        await service.rotate({ [host]: service.newLeaf.pin });
        const bytes = service.server.applicationBytes;
        expect(codeOf(await service.get())).to.equal('ERR_PIN_MISMATCH');
        expect(service.server.applicationBytes).to.equal(bytes);
      } finally {
        await service.close();
      }
    });
  }
});
