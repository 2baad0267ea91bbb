import { type Clock, invalidOption, PinProviderError } from '@pinvault/core';
import type { CommonAuthOptions } from './auth-options.js';
import type { AuthMethod, LoginRequest } from './auth-method.js';
import { type AuthFields, mountPath } from './fields.js';

/** AWS IAM: a GetCallerIdentity request that is signed here and sent by the vault. */
export interface AwsAuthOptions extends CommonAuthOptions {
  readonly method: 'aws';
  /** @defaultValue the role that is named as the IAM principal is */
  readonly role?: string | undefined;
  /** **Security:** the mount's `iam_server_id_header_value`, signed along, so that no other vault can use the request. */
  readonly serverId?: string | undefined;
  /** The region of STS; the mount's `sts_endpoint` and `sts_region` have to be of the same one. @defaultValue the global endpoint */
  readonly region?: string | undefined;
  /** Credentials, or a function that hands them over, as the SDK takes them. @defaultValue the SDK's own chain */
  readonly credentials?: object | (() => Promise<object>) | undefined;
}

export const awsFields: readonly string[] = ['role', 'serverId', 'region', 'credentials'];

interface SignedRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface StsClient {
  readonly middlewareStack: {
    add(
      middleware: (
        next: (args: unknown) => Promise<unknown>,
      ) => (args: {
        readonly request: SignedRequest & { headers: Record<string, string> };
      }) => Promise<unknown>,
      options: { readonly step: 'build' | 'deserialize'; readonly priority: 'high' | 'low' },
    ): void;
  };
  send(command: object): Promise<unknown>;
  destroy(): void;
}

interface Sts {
  readonly STSClient: new (options: object) => StsClient;
  readonly GetCallerIdentityCommand: new (input: object) => object;
}

/** A chain of credentials may hang, and all later reads wait for the one log-in. */
const credentialsLimitMs = 10_000;

const serverIdHeader = 'X-Vault-AWS-IAM-Server-ID';

export function createAws(fields: AuthFields, clock: Clock): AuthMethod {
  const mount = mountPath(fields, 'aws');
  const role = fields.text('role');
  const serverId = fields.text('serverId');
  const region = fields.text('region');
  if (region !== undefined && !/^[a-z0-9-]+$/u.test(region))
    throw invalidOption('vault.auth.region', 'is no region, such as eu-central-1');
  const credentials = fields.value('credentials');
  const endpoint = region === undefined ? 'https://sts.amazonaws.com' : `https://sts.${region}.amazonaws.com`;
  return {
    name: 'aws',
    async prepare(): Promise<LoginRequest> {
      const { headers, body } = await sign({ endpoint, region, credentials, serverId, clock });
      return {
        path: `auth/${mount}/login`,
        body: {
          ...(role === undefined ? {} : { role }),
          iam_http_request_method: 'POST',
          iam_request_url: encode(`${endpoint}/`),
          iam_request_body: encode(body),
          iam_request_headers: encode(JSON.stringify(headers)),
        },
        secrets: [...Object.entries(headers)]
          .filter(([name]) => /^(?:authorization|x-amz-security-token)$/iu.test(name))
          .flatMap(([, value]) => [value, value.replace(/^.*Signature=/u, '')])
          .concat(encode(JSON.stringify(headers))),
      };
    },
  };
}

interface ToSign {
  readonly endpoint: string;
  readonly region: string | undefined;
  readonly credentials: unknown;
  readonly serverId: string | undefined;
  readonly clock: Clock;
}

/** The SDK makes and signs the request; it is taken from it before it is sent. @throws PinProviderError */
async function sign({ endpoint, region, credentials, serverId, clock }: ToSign): Promise<SignedRequest> {
  const { STSClient, GetCallerIdentityCommand } = await loadSts();
  const client = new STSClient({
    endpoint,
    region: region ?? 'us-east-1',
    maxAttempts: 1,
    ...(credentials === undefined ? {} : { credentials }),
  });
  if (serverId !== undefined) {
    const addServerId = (next: (args: unknown) => Promise<unknown>) => {
      return async (args: { readonly request: { readonly headers: Record<string, string> } }) => {
        args.request.headers[serverIdHeader] = serverId;
        return next(args);
      };
    };
    client.middlewareStack.add(addServerId, { step: 'build', priority: 'low' });
  }
  let signed: SignedRequest | undefined;
  client.middlewareStack.add(
    () => async (args) => {
      signed = { headers: { ...args.request.headers }, body: args.request.body };
      return { response: undefined, output: { $metadata: {} } };
    },
    { step: 'deserialize', priority: 'high' },
  );
  let limit: { cancel(): void } | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = Object.assign(new Error(), { name: 'TimeoutError' });
    limit = clock.after(credentialsLimitMs, () => reject(error));
  });
  try {
    await Promise.race([client.send(new GetCallerIdentityCommand({})), late]);
  } catch (error) {
    // Its error is not attached: it may hold credentials.
    const name = error instanceof Error ? error.name : 'unknown error';
    throw new PinProviderError('ERR_PROVIDER_UNAVAILABLE', `no AWS credentials to log in with: ${name}`, {
      provider: 'vault',
      detail: 'login',
    });
  } finally {
    limit?.cancel();
    client.destroy();
  }
  if (signed !== undefined) return signed;
  throw new PinProviderError('ERR_PROVIDER_UNAVAILABLE', 'the AWS SDK signed no request', {
    provider: 'vault',
    detail: 'login',
  });
}

async function loadSts(): Promise<Sts> {
  try {
    return (await import('@aws-sdk/client-sts')) as unknown as Sts;
  } catch (error) {
    throw new PinProviderError(
      'ERR_PROVIDER_SDK_MISSING',
      'the package @aws-sdk/client-sts, which signs the log-in, cannot be loaded: npm install @aws-sdk/client-sts',
      { provider: 'vault', cause: error },
    );
  }
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}
