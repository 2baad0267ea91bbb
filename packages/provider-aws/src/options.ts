import { invalidOption } from '@pinvault/core';
import { readEndpointPins } from '@pinvault/node';
import { type CaOption, readCa } from './ca.js';
import { parseSecretId, type SecretId } from './secret-id.js';

/** What of a client of the SDK is used here; `SecretsManagerClient` has it, and the aggregated `SecretsManager`. */
export interface SecretsManagerClientLike {
  send(command: never, options?: { readonly abortSignal?: AbortSignal }): Promise<unknown>;
}

/** Options of {@link createAwsProvider}. Credentials, region and endpoint come from where the SDK looks for them. */
export interface AwsProviderOptions {
  /**
   * Name or ARN of the secret; with `{host}` one secret per host (`tls-pins/{host}`). A character of a host that a
   * name cannot have is written `=XX`, its code in hexadecimal: `::1` is `=3A=3A1`.
   */
  readonly secretId: string;
  /** @defaultValue what the SDK finds: `AWS_REGION`, or the profile */
  readonly region?: string | undefined;
  /** The staging label of the version that counts. @defaultValue `'AWSCURRENT'` */
  readonly versionStage?: string | undefined;
  /**
   * **Security:** pins of the endpoint's own certificate, as in a row of the document: the road to the pins is then no
   * weaker than the pins. AWS changes its leaf keys without notice: pin `ca:` keys of Amazon's roots.
   */
  readonly pins?: string | readonly string[] | undefined;
  /** PEM of the CAs that are trusted for the endpoint's certificate. @defaultValue Node's */
  readonly ca?: CaOption | undefined;
  /** One read takes no longer, credentials included, in milliseconds; the resolver's `readTimeoutMs` ends it earlier. @defaultValue 10 000 */
  readonly timeoutMs?: number | undefined;
  /** A client of your own. It wins over all that would build one, and is yours to close; `pins` and `ca` need ours. */
  readonly client?: SecretsManagerClientLike | undefined;
  /** Options of the SDK's client; they go to it untouched, and before ours. */
  readonly clientOptions?: object | undefined;
  /** **Security:** allows plain http towards an endpoint outside loopback. @defaultValue `false` */
  readonly allowInsecureStore?: boolean | undefined;
}

/** The options, checked and with their defaults. */
export interface AwsSettings {
  readonly secret: SecretId;
  readonly region: string | undefined;
  readonly versionStage: string;
  readonly pins: readonly string[] | undefined;
  readonly ca: (string | Buffer)[] | undefined;
  readonly timeoutMs: number;
  readonly client: SecretsManagerClientLike | undefined;
  readonly clientOptions: object;
  readonly allowInsecureStore: boolean;
}

// A longer timer fires at once.
const maxTimeoutMs = 2 ** 31 - 1;

const knownOptions: Record<keyof AwsProviderOptions, true> = {
  secretId: true,
  region: true,
  versionStage: true,
  pins: true,
  ca: true,
  timeoutMs: true,
  client: true,
  clientOptions: true,
  allowInsecureStore: true,
};

/** @throws TypeError (`ERR_INVALID_OPTION`) */
export function readAwsSettings(options: AwsProviderOptions): AwsSettings {
  if (typeof options !== 'object' || options === null)
    throw invalidOption('aws', 'is no object of options, such as { secretId }');
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(knownOptions, name))
      throw invalidOption(`aws.${name}`, `is unknown; known are ${Object.keys(knownOptions).join(', ')}`);
  }
  const { client, clientOptions = {}, allowInsecureStore = false, timeoutMs = 10_000 } = options;
  if (client !== undefined && typeof client?.send !== 'function')
    throw invalidOption('aws.client', 'is no client of @aws-sdk/client-secrets-manager: it has no send()');
  if (typeof clientOptions !== 'object' || clientOptions === null)
    throw invalidOption('aws.clientOptions', 'is no object');
  if (!(typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= maxTimeoutMs))
    throw invalidOption('aws.timeoutMs', 'is no number of milliseconds above zero');
  if (typeof allowInsecureStore !== 'boolean')
    throw invalidOption('aws.allowInsecureStore', 'is neither true nor false');
  refuseUnusable(options, clientOptions);
  return {
    secret: parseSecretId(options.secretId),
    region: readWord('region', options.region, /^[a-z0-9-]{1,64}$/u),
    versionStage: readWord('versionStage', options.versionStage, /^[\x20-\x7e]{1,256}$/u) ?? 'AWSCURRENT',
    pins: options.pins === undefined ? undefined : readEndpointPins('aws.pins', options.pins),
    ca: readCa(options.ca),
    timeoutMs,
    client,
    clientOptions,
    allowInsecureStore,
  };
}

/** Pins and CAs stand in the agent of our own client: beside another transport they would promise what nobody keeps. */
function refuseUnusable({ client, pins, ca }: AwsProviderOptions, clientOptions: object): void {
  const other =
    client === undefined
      ? 'requestHandler' in clientOptions && 'a requestHandler of your own in aws.clientOptions'
      : 'a client of your own';
  if (other === false) return;
  if (pins !== undefined) throw invalidOption('aws.pins', `cannot be enforced beside ${other}`);
  if (ca !== undefined) throw invalidOption('aws.ca', `cannot be used beside ${other}`);
}

function readWord(
  option: keyof AwsProviderOptions,
  value: string | undefined,
  form: RegExp,
): string | undefined {
  if (value === undefined || (typeof value === 'string' && form.test(value))) return value;
  throw invalidOption(`aws.${option}`, 'is empty or holds characters that it cannot have');
}
