import { expect } from 'chai';
import { runChild } from '@pinvault/testing';
import { answer, secretValue, type SecretsManagerStub, startStub } from './support/stub.js';

const canary = 'CANARY-secret-key-4711-abcdef';

describe('a process with the AWS provider', function () {
  this.timeout(20_000);

  let stub: SecretsManagerStub;

  beforeEach(async () => {
    stub = await startStub(() => answer(secretValue({ 'api.example.com': 'none' })));
  });

  afterEach(async () => {
    await stub.server.stop();
  });

  const environment = (more: Record<string, string> = {}): Record<string, string> => ({
    AWS_ENDPOINT_URL_SECRETS_MANAGER: stub.server.url,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
    AWS_SECRET_ACCESS_KEY: canary,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    NODE_NO_WARNINGS: '1',
    ...more,
  });
  const run = async (source: string, env = environment()): ReturnType<typeof runChild> =>
    runChild(new URL('.', import.meta.url), source, env);

  const readOnce = `
    import { createAwsProvider } from '@pinvault/provider-aws';
    const provider = createAwsProvider({ secretId: 'tls-pins' });
    // A timer of ours, since a read holds no process.
    const hold = setTimeout(() => undefined, 20_000);
    const { signal } = new AbortController();
    console.log(await provider.read({ signal }).then(({ revision }) => revision, (error) => error.code + ' ' + error.detail));
    clearTimeout(hold);
    process.on('exit', () => console.log('ended'));
  `;

  it('finds credentials, region and endpoint where the SDK looks for them, and ends with the provider open', async () => {
    const { code, output } = await run(readOnce);
    expect([code, output]).to.deep.equal([0, 'v1\nended\n']);
  });

  it('says which of them is missing', async () => {
    const without = async (name: string): Promise<string> =>
      (await run(readOnce, environment({ [name]: '' }))).output.split('\n')[0] ?? '';
    expect(await without('AWS_REGION')).to.equal('ERR_PROVIDER_MISCONFIGURED region');
    expect(await without('AWS_ACCESS_KEY_ID')).to.equal('ERR_PROVIDER_DENIED no-credentials');
    expect(stub.asked).to.deep.equal([]);
  });

  it('is not held by a read that hangs in the background', async () => {
    stub.server.hang();
    const { code, output, ranMs } = await run(`
      import { createAwsProvider } from '@pinvault/provider-aws';
      const provider = createAwsProvider({ secretId: 'tls-pins', timeoutMs: 60_000 });
      void provider.read({ signal: new AbortController().signal }).catch(() => undefined);
      process.on('exit', () => console.log('ended'));
    `);
    expect([code, output]).to.deep.equal([0, 'ended\n']);
    // The SDK's own timer for its pool holds it for three seconds.
    expect(ranMs).to.be.below(10_000);
  });

  it('is told to install the SDK where that is missing, on the first read and not before', async () => {
    const { code, output } = await run(`
      import { register } from 'node:module';
      const hook = \`export async function resolve(name, context, next) {
        if (name.startsWith('@aws-sdk/')) throw Object.assign(new Error('gone'), { code: 'ERR_MODULE_NOT_FOUND' });
        return next(name, context);
      }\`;
      register('data:text/javascript,' + encodeURIComponent(hook));
      const { createAwsProvider } = await import('@pinvault/provider-aws');
      const provider = createAwsProvider({ secretId: 'tls-pins' });
      const hold = setTimeout(() => undefined, 20_000);
      const error = await provider.read({ signal: new AbortController().signal }).catch((error) => error);
      clearTimeout(hold);
      console.log(error.code, error.message.includes('npm install @aws-sdk/client-secrets-manager'));
    `);
    expect([code, output]).to.deep.equal([0, 'ERR_PROVIDER_SDK_MISSING true\n']);
  });

  for (const debug of ['DEBUG', 'NODE_DEBUG']) {
    it(`prints no secret key under ${debug}=*, nor what the secret holds`, async () => {
      const { code, output } = await run(readOnce, environment({ [debug]: '*' }));
      expect(code, output.slice(-2_000)).to.equal(0);
      expect(output).to.contain('v1').and.not.to.contain(canary);
      expect(output).not.to.contain('api.example.com');
    });
  }
});
