import {
  describePinProvider,
  type ProviderHarness,
  publishing,
  startFaultServer,
} from '@pinvault/provider-conformance';
import type { Moto } from '@pinvault/testing';
import { createAwsProvider } from '#src/index.js';
import { accessDenied, expiredToken, internalError, throttling } from './support/answers.js';
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
        ...front.backend({ denied: accessDenied, throttled: throttling, failed: internalError }),
        ...publishing(async (content) => real.write(secretId, content)),
        secrets: Object.values(session('4711')),
        remove: () => real.remove(secretId),
        expireCredentials: () => void (isExpired = true),
        renewCredentials: () => void (credentials = session('4712')),
        createPerHost: () => createAwsProvider({ ...options, secretId: `${secretId}/{host}` }),
        publishFor: async (host, rows) =>
          void (await real.write(`${secretId}/${host}`, JSON.stringify(rows))),
      };
    },
    cannot: { disable: 'a version has stages and no switch; a secret is there or to be deleted' },
  };
}

describeWithMoto('AWS Secrets Manager', (moto) => {
  describePinProvider('aws, against moto', harnessFor(moto));
});
