import { expect } from 'chai';
import { chainPem, createRootCa, runChild } from '@pinvault/testing';
import { answer, secretValue, startStub } from './support/stub.js';

describe('NODE_TLS_REJECT_UNAUTHORIZED=0', function () {
  this.timeout(20_000);

  it('does not open the road to Secrets Manager: the certificate is verified all the same', async () => {
    const leaf = await (await createRootCa()).issue({ hosts: ['127.0.0.1'] });
    const tls = { key: leaf.key.privateKeyPem, cert: chainPem(leaf) };
    const stub = await startStub(() => answer(secretValue({ a: 'none' })), tls);
    try {
      const { output } = await runChild(
        new URL('.', import.meta.url),
        `
        import { createAwsProvider } from '@pinvault/provider-aws';
        const provider = createAwsProvider({ secretId: 'tls-pins' });
        const hold = setTimeout(() => undefined, 20_000);
        const result = await provider.read({ signal: new AbortController().signal }).catch((error) => error);
        clearTimeout(hold);
        console.log(result.code, result.detail);
        `,
        {
          NODE_TLS_REJECT_UNAUTHORIZED: '0',
          NODE_NO_WARNINGS: '1',
          AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
          AWS_ENDPOINT_URL: stub.server.url,
          AWS_REGION: 'eu-central-1',
          AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
          AWS_SECRET_ACCESS_KEY: 'example',
        },
      );
      expect(output).to.equal('ERR_PROVIDER_UNAVAILABLE UNABLE_TO_VERIFY_LEAF_SIGNATURE\n');
      expect(stub.server.requests).to.equal(0);
    } finally {
      await stub.server.stop();
    }
  });
});
