import {
  type Clock,
  decodeDocument,
  invalidOption,
  type PinDocument,
  PinError,
  systemClock,
} from '@pinvault/core';
import {
  booleanOf,
  durationMsOf,
  type Environment,
  misconfigured,
  readVariable,
  type Variable,
} from './environment.js';
import { isLoopback, parseAddress } from './connection/address.js';
import { type CaOptions, readCa } from './connection/ca.js';
import { type ClientCertificateOptions, readClientCertificate } from './connection/client-certificate.js';
import { SecureContexts } from './connection/secure-context.js';
import { type EventOptions, readEvents } from './events/options.js';
import { type KvOptions, type KvSettings, readKvSettings } from './kv/options.js';
import { parseSecretPath, type SecretPath } from './secret-path.js';
import { type TokenOption, type TokenSource, tokenSource } from './token.js';

/** Options of {@link createVaultProvider}. What is not given comes from `VAULT_*` (or `BAO_*`, which goes first). */
export interface VaultProviderOptions extends CaOptions, ClientCertificateOptions, EventOptions, KvOptions {
  /** `https://vault.example.com:8200`. @defaultValue `VAULT_ADDR` */
  readonly address?: string | undefined;
  /**
   * `<mount>/<path>` of the secret, as `vault kv get` takes it: `secret/tls-pins`. With `{host}`, one secret per host:
   * `secret/tls-pins/{host}`. A host stands there in lower case, as A-labels, without a trailing dot; an IP address in its
   * canonical form.
   */
  readonly path: string;
  /** The mount, without which the vault is asked for it; the path begins with it. @defaultValue what the vault says, else the path's first segment */
  readonly mount?: string | undefined;
  /**
   * The token, or a function that is asked before each read, and once more when the vault denies one.
   * @defaultValue `VAULT_TOKEN`, else the token file of the command line, read anew each time
   */
  readonly token?: TokenOption | undefined;
  /** @defaultValue `VAULT_NAMESPACE` */
  readonly namespace?: string | undefined;
  /** The name that the vault's certificate carries. @defaultValue `VAULT_TLS_SERVER_NAME`, else the address's host */
  readonly servername?: string | undefined;
  /**
   * **Security:** pins of the vault's own certificate, as in a row of the document: the road to the pins is then no
   * weaker than the pins.
   */
  readonly pins?: string | readonly string[] | undefined;
  /** One request takes no longer, in milliseconds; the resolver's `readTimeoutMs` ends it earlier. @defaultValue `VAULT_CLIENT_TIMEOUT`, else 10 000 */
  readonly timeoutMs?: number | undefined;
  /** **Security:** allows plain http, or `VAULT_SKIP_VERIFY`, towards a vault outside loopback. @defaultValue `false` */
  readonly allowInsecureStore?: boolean | undefined;
  /** @defaultValue `process.env` */
  readonly env?: Environment | undefined;
  /** For tests: the clock. */
  readonly clock?: Clock | undefined;
}

/** The options, checked and with their defaults. */
export interface VaultSettings {
  readonly address: URL;
  readonly secret: SecretPath;
  readonly kv: KvSettings;
  readonly events: boolean | undefined;
  readonly token: TokenSource;
  readonly namespace: string;
  readonly secureContexts: SecureContexts;
  readonly servername: string | undefined;
  readonly pins: readonly string[] | undefined;
  readonly skipVerify: boolean;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

// A longer timer fires at once.
const maxTimeoutMs = 2 ** 31 - 1;

const knownOptions: Record<keyof VaultProviderOptions, true> = {
  address: true,
  path: true,
  mount: true,
  token: true,
  namespace: true,
  ca: true,
  caFile: true,
  caPath: true,
  cert: true,
  key: true,
  certFile: true,
  keyFile: true,
  servername: true,
  pins: true,
  timeoutMs: true,
  allowInsecureStore: true,
  env: true,
  kvVersion: true,
  version: true,
  events: true,
  clock: true,
};

/** @throws TypeError (`ERR_INVALID_OPTION`) for an option, PinProviderError (`ERR_PROVIDER_MISCONFIGURED`) for a variable */
export function readVaultSettings(options: VaultProviderOptions): VaultSettings {
  if (typeof options !== 'object' || options === null)
    throw invalidOption('vault', 'is no object of options, such as { path }');
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(knownOptions, name)) {
      throw invalidOption(`vault.${name}`, `is unknown; known are ${Object.keys(knownOptions).join(', ')}`);
    }
  }
  const env = options.env ?? process.env;
  const address = readAddress(options, env);
  const skipVerify = readSkipVerify(env);
  refuseInsecure(address, skipVerify, options.allowInsecureStore === true);
  const pins = readPins(options.pins, address, skipVerify);
  const secret = parseSecretPath(options.path, options.mount);
  return {
    address,
    secret,
    kv: readKvSettings(options, secret),
    events: readEvents(options),
    token: tokenSource(options.token, env),
    namespace: readWord('namespace', options.namespace, readVariable(env, 'NAMESPACE')) ?? '',
    secureContexts: new SecureContexts(readCa(options, env), readClientCertificate(options, env)),
    servername: readWord('servername', options.servername, readVariable(env, 'TLS_SERVER_NAME')),
    pins,
    skipVerify: skipVerify !== undefined,
    timeoutMs: readTimeout(options, env),
    clock: options.clock ?? systemClock,
  };
}

function readAddress(options: VaultProviderOptions, env: Environment): URL {
  if (options.address !== undefined) {
    const parsed = parseAddress(options.address);
    if (parsed instanceof URL) return parsed;
    throw invalidOption('vault.address', parsed.problem);
  }
  const variable = readVariable(env, 'ADDR');
  if (variable === undefined) {
    throw misconfigured(
      'no vault address: set VAULT_ADDR, such as https://vault.example.com:8200, or pass vault: { address }',
    );
  }
  const parsed = parseAddress(variable.value);
  if (parsed instanceof URL) return parsed;
  throw misconfigured(`${variable.name} ${parsed.problem}`);
}

/** The variable that switches the check off; `undefined` where none does. */
function readSkipVerify(env: Environment): Variable | undefined {
  const variable = readVariable(env, 'SKIP_VERIFY');
  return variable !== undefined && booleanOf(variable) ? variable : undefined;
}

function refuseInsecure(address: URL, skipVerify: Variable | undefined, isAllowed: boolean): void {
  if (isAllowed || isLoopback(address.hostname)) return;
  const advice =
    'who sits between could hand the service pins of their own; for a test set-up pass vault: { allowInsecureStore: true }';
  if (address.protocol === 'http:')
    throw misconfigured(`the vault at ${address.host} is reached by plain http: ${advice}`);
  if (skipVerify !== undefined)
    throw misconfigured(`${skipVerify.name} switches off the check of the vault's certificate: ${advice}`);
}

/** A wrong pin is told when it is passed, not at the first handshake. */
function readPins(
  pins: VaultProviderOptions['pins'],
  address: URL,
  skipVerify: Variable | undefined,
): readonly string[] | undefined {
  if (pins === undefined) return undefined;
  if (address.protocol !== 'https:') throw invalidOption('vault.pins', 'need an address with https');
  if (skipVerify !== undefined)
    throw invalidOption('vault.pins', `and ${skipVerify.name} exclude each other`);
  const list = typeof pins === 'string' ? [pins] : Array.from<string>(pins ?? []);
  const [row] = decodePins(list);
  if (row?.rule !== 'pins') throw invalidOption('vault.pins', 'hold no pin');
  if (row.mode === 'report') throw invalidOption('vault.pins', 'are always enforced: leave mode=report out');
  return list;
}

function decodePins(list: readonly string[]): PinDocument['rows'] {
  try {
    return decodeDocument({ '*': list }).rows;
  } catch (error) {
    if (!PinError.isPinError(error)) throw error;
    throw invalidOption('vault.pins', `cannot be read: ${error.message}`);
  }
}

function readTimeout({ timeoutMs }: VaultProviderOptions, env: Environment): number {
  if (timeoutMs !== undefined) {
    if (typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= maxTimeoutMs) return timeoutMs;
    throw invalidOption('vault.timeoutMs', 'is no number of milliseconds above zero');
  }
  const variable = readVariable(env, 'CLIENT_TIMEOUT');
  return variable === undefined ? 10_000 : Math.min(durationMsOf(variable), maxTimeoutMs);
}

/** A name that goes over the wire as it is. */
function readWord(
  option: keyof VaultProviderOptions,
  value: string | undefined,
  variable: Variable | undefined,
): string | undefined {
  const word = value ?? variable?.value;
  if (word === undefined || (typeof word === 'string' && /^[\x21-\x7e]+$/u.test(word))) return word;
  const problem = 'is empty or holds characters that it cannot have';
  if (value === undefined) throw misconfigured(`${variable?.name} ${problem}`);
  throw invalidOption(`vault.${option}`, problem);
}
