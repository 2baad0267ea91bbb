import { expect } from 'chai';
import { chainPem, createRootCa, type TestCertificate } from '@pinvault/testing';
import { startFaultServer } from '@pinvault/provider-conformance';
import { createAwsProvider } from '#src/index.js';
import { providerError } from './support/errors.js';
import {
  answer,
  optionsFor,
  read,
  readOnce,
  secretValue,
  type SecretsManagerStub,
  startStub,
} from './support/stub.js';

describe('the road to Secrets Manager', () => {
  let root: TestCertificate;
  let leaf: TestCertificate;
  let stub: SecretsManagerStub;

  beforeEach(async () => {
    root = await createRootCa({ subject: 'Example Root' });
    leaf = await root.issue({ hosts: ['127.0.0.1'] });
    stub = await startStub(() => answer(secretValue({ a: 'none' })), {
      key: leaf.key.privateKeyPem,
      cert: chainPem(leaf),
    });
  });

  afterEach(async () => {
    await stub.server.stop();
  });

  it('is open to a certificate from a CA that is trusted', async () => {
    expect(await readOnce(optionsFor(stub.server.url, { ca: root.pem }))).to.have.property('revision', 'v1');
  });

  it('is closed to one that is not: nothing is asked, no credential sent', async () => {
    const error = await providerError(
      () => readOnce(optionsFor(stub.server.url)),
      'ERR_PROVIDER_UNAVAILABLE',
    );
    expect(error.detail).to.equal('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    expect(stub.server.requests).to.equal(0);
  });

  it('is open to the pinned key, and to a pinned CA', async () => {
    for (const pins of [leaf.pin, `ca:${root.pin}`, [(await root.issue()).pin, leaf.pin]])
      expect(await readOnce(optionsFor(stub.server.url, { ca: root.pem, pins }))).to.have.property(
        'revision',
        'v1',
      );
  });

  it('is closed to another key from the trusted CA where it is pinned: nothing is asked, no credential sent', async () => {
    const pins = (await root.issue({ hosts: ['127.0.0.1'] })).pin;
    const provider = createAwsProvider(optionsFor(stub.server.url, { ca: root.pem, pins }));
    const error = await providerError(() => read(provider), 'ERR_PROVIDER_UNAVAILABLE');
    expect(error.detail).to.equal('pin-mismatch');
    expect(error.message).to.contain(pins).and.to.contain(leaf.pin);
    expect(error.cause).to.have.property('code', 'ERR_PIN_MISMATCH');
    expect(stub.server.requests).to.equal(0);
    await provider.close?.();
  });

  it('is verified anew at each read, and leaves no connection behind', async () => {
    const provider = createAwsProvider(optionsFor(stub.server.url, { ca: root.pem, pins: leaf.pin }));
    for (const count of [1, 2, 3]) {
      await read(provider);
      expect(stub.server.requests).to.equal(count);
      while (stub.server.connections > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await provider.close?.();
  });
});

describe('plain http to Secrets Manager', () => {
  it('is for loopback alone, whoever made the client', async () => {
    const stub = await startStub(() => answer(secretValue({ a: 'none' })));
    try {
      expect(await readOnce(optionsFor(stub.server.url))).to.have.property('revision', 'v1');
      const { SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
      const { clientOptions, region } = optionsFor('http://192.0.2.1');
      const client = new SecretsManagerClient({ ...clientOptions, region: region ?? '' });
      for (const options of [
        optionsFor('http://192.0.2.1'),
        optionsFor('http://vault.localhost'),
        optionsFor('https://192.0.2.1', { clientOptions: { endpoint: 'http://192.0.2.1', tls: false } }),
        { secretId: 'tls-pins', client },
      ]) {
        const error = await providerError(() => readOnce(options), 'ERR_PROVIDER_MISCONFIGURED');
        expect(error.detail).to.equal('insecure');
      }
      client.destroy();
    } finally {
      await stub.server.stop();
    }
  });

  it('reaches other hosts where that is allowed in code', async () => {
    // A name that leads here, and that a resolver might send elsewhere.
    const options = optionsFor('http://nowhere.invalid', { allowInsecureStore: true });
    const error = await providerError(() => readOnce(options), 'ERR_PROVIDER_UNAVAILABLE');
    expect(error.detail).to.match(/^E(?:NOTFOUND|AI_AGAIN)$/u);
  });
});

describe('a client of the caller', () => {
  it('wins over all that would build one, is guarded like ours, and stays open', async () => {
    const stub = await startStub(() => answer(secretValue({ a: 'none' })));
    const { SecretsManager } = await import('@aws-sdk/client-secrets-manager');
    const { clientOptions } = optionsFor(stub.server.url);
    const client = new SecretsManager({ ...clientOptions, region: 'eu-west-1' });
    try {
      const provider = createAwsProvider({ secretId: 'tls-pins', client, region: 'us-east-1' });
      await read(provider);
      await provider.close?.();
      expect(await client.getSecretValue({ SecretId: 'x' })).to.have.property('VersionId', 'v1');
    } finally {
      client.destroy();
      await stub.server.stop();
    }
  });

  it('may have a transport of its own, which stays open, too', async () => {
    const front = await startFaultServer({ store: (_request, response) => response.end() });
    let destroyed = 0;
    const requestHandler = {
      handle: async () => {
        throw Object.assign(new Error('own transport'), { code: 'EOWN' });
      },
      destroy: () => (destroyed += 1),
    };
    const options = optionsFor(front.url, { clientOptions: { requestHandler } });
    expect((await providerError(() => readOnce(options), 'ERR_PROVIDER_UNAVAILABLE')).detail).to.equal(
      'EOWN',
    );
    expect(destroyed).to.equal(0);
    await front.stop();
  });
});
