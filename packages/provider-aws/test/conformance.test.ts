import { describePinProvider, type ProviderHarness, startFaultServer } from '@pinvault/provider-conformance';
import type { Moto } from '@pinvault/testing';
import { createAwsProvider } from '#src/index.js';
import { accessDenied, expiredToken, internalError, page, throttling } from './support/answers.js';
import { describeWithMoto, secretName } from './support/moto.js';

const session = (id: string) => ({
  accessKeyId: `AKIACANARY${id}`,
  secretAccessKey: `CANARY-secret-key-${id}-abcdef`,
  sessionToken: `CANARY-session-${id}`,
});

function harnessFor(moto: () => Moto): ProviderHarness {
  return {
    async start() {
      const secretId = secretName();
      const real = moto();
      let credentials = session('4711');
      let isExpired = false;
      const front = await startFaultServer({
        // moto takes any credentials; what the service answers to a session that has ended comes from here.
        store: real.url,
        refuse: ({ headers }) =>
          isExpired && headers.authorization?.includes('AKIACANARY4711') === true ? expiredToken : undefined,
      });
      const options = {
        secretId,
        region: real.region,
        clientOptions: { endpoint: front.url, credentials: async () => credentials },
      };
      return {
        create: () => createAwsProvider(options),
        createWithTimeout: (timeoutMs) => createAwsProvider({ ...options, timeoutMs }),
        publish: async (rows) => void (await real.write(secretId, JSON.stringify(rows))),
        publishText: async (text) => void (await real.write(secretId, text)),
        publishBytes: async (bytes) => void (await real.write(secretId, bytes)),
        secrets: Object.values(session('4711')),
        requests: () => front.requests,
        connections: () => front.connections,
        remove: () => real.remove(secretId),
        deny: () => front.answer(accessDenied),
        throttle: () => front.answer(throttling),
        goOffline: () => front.goOffline(),
        fail: () => front.answer(internalError),
        answerGarbage: () => front.answer(page),
        echo: () => front.echo(),
        hang: () => front.hang(),
        restore: () => front.restore(),
        expireCredentials: () => void (isExpired = true),
        renewCredentials: () => void (credentials = session('4712')),
        createPerHost: () => createAwsProvider({ ...options, secretId: `${secretId}/{host}` }),
        publishFor: async (host, rows) =>
          void (await real.write(`${secretId}/${host}`, JSON.stringify(rows))),
        stop: () => front.stop(),
      };
    },
    cannot: { disable: 'a version has stages and no switch; a secret is there or to be deleted' },
  };
}

describeWithMoto('AWS Secrets Manager', (moto) => {
  describePinProvider('aws, against moto', harnessFor(moto));
});
