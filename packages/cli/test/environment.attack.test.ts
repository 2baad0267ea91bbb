import { expect } from 'chai';
import { createSelfSigned, startTlsServer } from '@pinvault/testing';
import { binPath, spawned } from './support/bin.js';

describe('an environment that switches certificate checks off', function () {
  this.timeout(10_000);

  it('does not make the command print the pin of an unverified connection', async () => {
    const lone = await createSelfSigned({ hosts: ['127.0.0.1'] });
    const server = await startTlsServer({ chain: [lone] });
    try {
      const args = [binPath, 'pin', `127.0.0.1:${server.port}`];
      const outcome = await spawned(process.execPath, args, { NODE_TLS_REJECT_UNAUTHORIZED: '0' });
      expect(outcome).to.include({ exitCode: 1, stdout: '' });
      expect(outcome.stderr).to.include('DEPTH_ZERO_SELF_SIGNED_CERT');
      expect(outcome.stderr).not.to.include(lone.pin);
    } finally {
      await server.close();
    }
  });
});
