import { type FaultServer, startFaultServer, type StoreAnswer } from '@pinvault/provider-conformance';
import { createAwsProvider, type CaOption } from '#src/index.js';
import type { PinProvider, PinReadResult } from '@pinvault/core';

/** Credentials that every test may show: none of them is anybody's. */
const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example-secret-key' };

/** An operation of the API, and what was sent to it. */
export interface Asked {
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** The wire of Secrets Manager (JSON 1.1), with answers of the test's making: for what moto cannot be made to say. */
export interface SecretsManagerStub {
  readonly server: FaultServer;
  /** What was asked for so far. */
  readonly asked: readonly Asked[];
  operations(): string[];
}

export type Answers = (asked: Asked) => StoreAnswer | Promise<StoreAnswer>;

/** Starts a stub; `tls` as for the fault server. */
export async function startStub(
  answers: Answers,
  tls?: { readonly key: string; readonly cert: string },
): Promise<SecretsManagerStub> {
  const asked: Asked[] = [];
  const server = await startFaultServer({
    tls,
    store(request, response) {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        const target = String(request.headers['x-amz-target']);
        const next = {
          operation: target.replace('secretsmanager.', ''),
          input: JSON.parse(body) as Asked['input'],
        };
        asked.push(next);
        void Promise.resolve(answers(next)).then(({ status, headers = {}, body: text = '' }) =>
          response.writeHead(status, headers).end(text),
        );
      });
    },
  });
  return { server, asked, operations: () => asked.map(({ operation }) => operation) };
}

const json = { 'content-type': 'application/x-amz-json-1.1' };

export function answer(body: object, status = 200): StoreAnswer {
  return { status, headers: json, body: JSON.stringify(body) };
}

/** As `GetSecretValue` answers. */
export function secretValue(content: object | string, revision = 'v1', name = 'tls-pins'): object {
  return {
    ARN: `arn:aws:secretsmanager:eu-central-1:123456789012:secret:${name}-AbCdEf`,
    Name: name,
    VersionId: revision,
    SecretString: typeof content === 'string' ? content : JSON.stringify(content),
    VersionStages: ['AWSCURRENT'],
    CreatedDate: 1_795_552_155.5,
  };
}

type AwsOptions = Parameters<typeof createAwsProvider>[0];

/** Options of a provider that reads from a stub or a moto. */
export function optionsFor(
  url: string,
  more: Partial<AwsOptions> & { readonly ca?: CaOption } = {},
): AwsOptions {
  return {
    secretId: 'tls-pins',
    region: 'eu-central-1',
    ...more,
    clientOptions: { endpoint: url, credentials, ...more.clientOptions },
  };
}

/** One read by a provider of its own, which is closed afterwards. */
export async function readOnce(options: AwsOptions, knownRevision?: string): Promise<PinReadResult> {
  const provider = createAwsProvider(options);
  try {
    return await read(provider, knownRevision);
  } finally {
    await provider.close?.();
  }
}

export async function read(
  provider: PinProvider,
  knownRevision?: string,
  host?: string,
): Promise<PinReadResult> {
  const { signal } = new AbortController();
  return provider.read({
    signal,
    ...(knownRevision === undefined ? {} : { knownRevision }),
    ...(host === undefined ? {} : { host }),
  });
}
