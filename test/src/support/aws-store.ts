import { type FaultServer, startFaultServer, type StoreAnswer } from '@pinvault/provider-conformance';
import { type Moto, startMoto } from '@pinvault/testing';
import type { CreatePinResolverOptions, Environment } from 'pinvault';
import type { CloudStore, Mishap, Rows } from './cloud-store.js';

const secretId = 'prod/tls-pins';

/** moto has no policies, no limits and no outages: these are the answers of the service itself, given in front of it. */
function refusal(status: number, type: string, message: string): StoreAnswer {
  const headers = { 'content-type': 'application/x-amz-json-1.1' };
  return { status, headers, body: JSON.stringify({ __type: type, message }) };
}

const accessDenied = refusal(
  400,
  'AccessDeniedException',
  'User: arn:aws:sts::123456789012:assumed-role/service/i-0abc is not authorized to perform: secretsmanager:GetSecretValue',
);
const expiredToken = refusal(
  400,
  'ExpiredTokenException',
  'The security token included in the request is expired',
);
const throttling = refusal(400, 'ThrottlingException', 'Rate exceeded');
const internalError = refusal(500, 'InternalServiceError', 'An error occurred on the server side.');

/** moto with one secret in it. */
export class AwsStore implements CloudStore {
  readonly provider = 'aws';
  readonly #moto: Moto;
  readonly #front: FaultServer;

  private constructor(moto: Moto, front: FaultServer) {
    this.#moto = moto;
    this.#front = front;
  }

  static async start(packages: string): Promise<AwsStore> {
    const moto = await startMoto({ packages });
    return new AwsStore(moto, await startFaultServer({ store: moto.url }));
  }

  get options(): CreatePinResolverOptions {
    const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' };
    return { aws: { region: this.#moto.region, clientOptions: { endpoint: this.#front.url, credentials } } };
  }

  get environment(): Environment {
    return { PINVAULT_PROVIDER: this.provider, PINVAULT_AWS_SECRET_ID: secretId };
  }

  get mishaps(): readonly Mishap[] {
    const front = this.#front;
    const answering = (what: string, code: string, answer: StoreAnswer): Mishap => ({
      what,
      code,
      strike: () => front.answer(answer),
      mend: async () => front.restore(),
    });
    return [
      answering('denies the role, until it has its permission back', 'ERR_PROVIDER_DENIED', accessDenied),
      answering(
        'is shown a session that has ended, until there is a good one',
        'ERR_PROVIDER_DENIED',
        expiredToken,
      ),
      answering('throttles', 'ERR_PROVIDER_THROTTLED', throttling),
      answering('fails', 'ERR_PROVIDER_UNAVAILABLE', internalError),
      {
        what: 'loses the secret to a slip, until it is restored',
        code: 'ERR_PROVIDER_NOT_FOUND',
        strike: async () => this.#moto.remove(secretId),
        mend: async () => this.#moto.call('RestoreSecret', { SecretId: secretId }),
      },
    ];
  }

  get absences(): CloudStore['absences'] {
    return [
      { detail: 'deleted', strike: async () => this.#moto.remove(secretId) },
      {
        detail: 'missing',
        strike: async () =>
          void (await this.#moto.call('DeleteSecret', {
            SecretId: secretId,
            ForceDeleteWithoutRecovery: true,
          })),
      },
    ];
  }

  async publish(rows: Rows): Promise<string> {
    return this.#moto.write(secretId, JSON.stringify(rows));
  }

  async goAway(): Promise<void> {
    await this.#front.goOffline();
  }

  async comeBack(): Promise<void> {
    await this.#front.restore();
  }

  async stop(): Promise<void> {
    await this.#front.stop();
    await this.#moto.stop();
  }
}
