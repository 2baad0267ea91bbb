import type { AgentOptions } from 'node:https';
import { invalidOption, isLoopback } from '@pinvault/core';
import { type Environment, misconfigured, readVariable } from './environment.js';
import { readPins } from './endpoint-pins.js';
import { member } from './foreign.js';
import type { AzureSecretClient, AzureTokenCredential } from './sdk-shapes.js';
import { parseSecretName, type SecretName } from './secret-name.js';
import { parseVaultUrl } from './vault-url.js';

/** Options of {@link createAzureProvider}. */
export interface AzureProviderOptions {
  /** `https://NAME.vault.azure.net`. @defaultValue `PINVAULT_AZURE_VAULT_URL` */
  readonly vaultUrl?: string | undefined;
  /**
   * The name of the secret, such as `tls-pins`. With `{host}` in it each host has a secret of its own; dots of a host
   * become one hyphen there and hyphens two: `pins-{host}` is `pins-api-my--bank-example` for `api.my-bank.example`.
   * @defaultValue `PINVAULT_AZURE_SECRET_NAME`
   */
  readonly secretName?: string | undefined;
  /**
   * Who reads: any `TokenCredential`. @defaultValue `DefaultAzureCredential` of `@azure/identity`: environment (`AZURE_…`),
   * workload identity, managed identity, developer tools
   */
  readonly credential?: AzureTokenCredential | undefined;
  /**
   * **Security:** pins of the vault's own certificate, as in a row of the document. Connections to the vault are then
   * direct; the sign-in at Microsoft Entra ID is not pinned by them.
   */
  readonly pins?: string | readonly string[] | undefined;
  /** A `SecretClient` of your own: wins over all that would make one, and stays yours to configure. */
  readonly client?: AzureSecretClient | undefined;
  /** Options of `SecretClient`, which go to the SDK untouched. */
  readonly clientOptions?: object | undefined;
  /** One read takes no longer, in milliseconds; the resolver's `readTimeoutMs` ends it earlier. @defaultValue 10 000 */
  readonly timeoutMs?: number | undefined;
  /** **Security:** allows plain http, or a switched-off check of the certificate, outside loopback. @defaultValue `false` */
  readonly allowInsecureStore?: boolean | undefined;
  /** Where `PINVAULT_AZURE_…` is read; `AZURE_…` is read by the SDK itself. @defaultValue `process.env` */
  readonly env?: Environment | undefined;
}

/** The options, checked and with their defaults. */
export interface AzureSettings {
  /** `undefined` where the caller's client knows it alone. */
  readonly vault: URL | undefined;
  readonly secret: SecretName;
  readonly credential: AzureTokenCredential | undefined;
  readonly pins: readonly string[] | undefined;
  readonly client: AzureSecretClient | undefined;
  readonly clientOptions: object;
  readonly tlsOptions: AgentOptions;
  readonly skipVerify: boolean;
  readonly timeoutMs: number;
}

const knownOptions: Record<keyof AzureProviderOptions, true> = {
  vaultUrl: true,
  secretName: true,
  credential: true,
  pins: true,
  client: true,
  clientOptions: true,
  timeoutMs: true,
  allowInsecureStore: true,
  env: true,
};

// A longer timer fires at once.
const maxTimeoutMs = 2 ** 31 - 1;

/** @throws TypeError (`ERR_INVALID_OPTION`) for an option, PinProviderError (`ERR_PROVIDER_MISCONFIGURED`) for a variable */
export function readAzureSettings(options: AzureProviderOptions): AzureSettings {
  if (typeof options !== 'object' || options === null)
    throw invalidOption('azure', 'is no object of options, such as { vaultUrl, secretName }');
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(knownOptions, name))
      throw invalidOption(`azure.${name}`, `is unknown; known are ${Object.keys(knownOptions).join(', ')}`);
  }
  const env = options.env ?? process.env;
  const client = readClient(options);
  const clientOptions = readClientOptions(options.clientOptions);
  const tlsOptions = member(clientOptions, 'tlsOptions') as AgentOptions | undefined;
  const vault = client === undefined ? readVaultUrl(options, env) : vaultOf(client);
  const skipVerify = client === undefined && isUnverified(clientOptions);
  if (vault !== undefined && client === undefined)
    refuseInsecure(vault, skipVerify, options.allowInsecureStore === true);
  return {
    vault,
    secret: readSecretName(options, env),
    credential: readCredential(options.credential),
    pins: readPins(options.pins, { vault, client, clientOptions, skipVerify }),
    client,
    clientOptions,
    tlsOptions: tlsOptions ?? {},
    skipVerify,
    timeoutMs: readTimeout(options.timeoutMs),
  };
}

function readVaultUrl(options: AzureProviderOptions, env: Environment): URL {
  if (options.vaultUrl !== undefined) {
    const parsed = parseVaultUrl(options.vaultUrl);
    if (parsed instanceof URL) return parsed;
    throw invalidOption('azure.vaultUrl', parsed.problem);
  }
  const variable = readVariable(env, 'PINVAULT_AZURE_VAULT_URL');
  if (variable === undefined) {
    throw misconfigured(
      'no vault address: set PINVAULT_AZURE_VAULT_URL, such as https://NAME.vault.azure.net, or pass azure: { vaultUrl }',
    );
  }
  const parsed = parseVaultUrl(variable);
  if (parsed instanceof URL) return parsed;
  throw misconfigured(`PINVAULT_AZURE_VAULT_URL ${parsed.problem}`);
}

function readSecretName(options: AzureProviderOptions, env: Environment): SecretName {
  if (options.secretName !== undefined) {
    const parsed = parseSecretName(options.secretName);
    if (!('problem' in parsed)) return parsed;
    throw invalidOption('azure.secretName', parsed.problem);
  }
  const variable = readVariable(env, 'PINVAULT_AZURE_SECRET_NAME');
  if (variable === undefined) {
    throw misconfigured(
      'no name of a secret: set PINVAULT_AZURE_SECRET_NAME, such as tls-pins, or pass azure: { secretName }',
    );
  }
  const parsed = parseSecretName(variable);
  if (!('problem' in parsed)) return parsed;
  throw misconfigured(`PINVAULT_AZURE_SECRET_NAME ${parsed.problem}`);
}

function readClient({ client }: AzureProviderOptions): AzureSecretClient | undefined {
  if (client === undefined || typeof member(client, 'getSecret') === 'function') return client;
  throw invalidOption('azure.client', 'is no SecretClient of @azure/keyvault-secrets');
}

function vaultOf({ vaultUrl }: AzureSecretClient): URL | undefined {
  const parsed = parseVaultUrl(vaultUrl);
  return parsed instanceof URL ? parsed : undefined;
}

function readCredential(credential: unknown): AzureTokenCredential | undefined {
  if (credential === undefined || typeof member(credential, 'getToken') === 'function')
    return credential as AzureTokenCredential | undefined;
  throw invalidOption('azure.credential', 'is no TokenCredential, such as those of @azure/identity');
}

function readClientOptions(clientOptions: unknown): object {
  if (clientOptions === undefined) return {};
  if (typeof clientOptions === 'object' && clientOptions !== null) return clientOptions;
  throw invalidOption('azure.clientOptions', 'is no object of options for SecretClient');
}

/** Whether what the SDK was given would connect to anybody. */
function isUnverified(clientOptions: object): boolean {
  const agentOptions = member(member(clientOptions, 'agent'), 'options');
  return [member(clientOptions, 'tlsOptions'), agentOptions].some(
    (options) => member(options, 'rejectUnauthorized') === false,
  );
}

function refuseInsecure(vault: URL, skipVerify: boolean, isAllowed: boolean): void {
  if (isAllowed || isLoopback(vault.hostname)) return;
  const advice =
    'who sits between could hand the service pins of their own; for a test set-up pass azure: { allowInsecureStore: true }';
  if (vault.protocol === 'http:')
    throw misconfigured(`the vault at ${vault.host} is reached by plain http: ${advice}`);
  if (skipVerify)
    throw misconfigured(`azure.clientOptions switches off the check of the vault's certificate: ${advice}`);
}

function readTimeout(timeoutMs: unknown): number {
  if (timeoutMs === undefined) return 10_000;
  if (typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= maxTimeoutMs) return timeoutMs;
  throw invalidOption('azure.timeoutMs', 'is no number of milliseconds above zero');
}
