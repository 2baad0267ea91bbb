import { type Clock, invalidOption, systemClock } from '@pinvault/core';
import { type AuthPlan, readAuth, type VaultAuthOptions } from './auth/auth-options.js';
import { type Environment, readVariable } from './environment.js';
import {
  type ConnectionOptions,
  connectionOptions,
  type ConnectionSettings,
  readConnection,
  readWord,
} from './connection/options.js';
import { type EventOptions, readEvents } from './events/options.js';
import { type KvOptions, type KvSettings, readKvSettings } from './kv/options.js';
import { parseSecretPath, type SecretPath } from './secret-path.js';
import { readToken, type TokenOption, type TokenOrigin } from './token.js';

/** Options of {@link createVaultProvider}. What is not given comes from `VAULT_*` (or `BAO_*`, which goes first). */
export interface VaultProviderOptions extends ConnectionOptions, EventOptions, KvOptions {
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
  /**
   * How to log in, in place of a token: `{ method: 'approle', roleId, secretIdFile }`.
   * @defaultValue what `PINVAULT_VAULT_AUTH_METHOD` and its like say, which go before `VAULT_TOKEN`
   */
  readonly auth?: VaultAuthOptions | undefined;
  /** @defaultValue `VAULT_NAMESPACE` */
  readonly namespace?: string | undefined;
  /** `false` silences this provider's process warnings: of a token that cannot be renewed. @defaultValue `true` */
  readonly warnings?: boolean | undefined;
  /** @defaultValue `process.env` */
  readonly env?: Environment | undefined;
  /** For tests: the clock. */
  readonly clock?: Clock | undefined;
}

/** The options, checked and with their defaults. */
export interface VaultSettings extends ConnectionSettings {
  readonly secret: SecretPath;
  readonly kv: KvSettings;
  readonly events: boolean | undefined;
  readonly token: TokenOrigin;
  /** `undefined` where there is a token. */
  readonly auth: AuthPlan | undefined;
  readonly namespace: string;
  readonly warnings: boolean;
  readonly clock: Clock;
}

const knownOptions: Record<keyof VaultProviderOptions, true> = {
  path: true,
  mount: true,
  token: true,
  auth: true,
  namespace: true,
  warnings: true,
  env: true,
  clock: true,
  kvVersion: true,
  version: true,
  events: true,
  ...connectionOptions,
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
  const connection = readConnection(options, env);
  const namespace = readWord('namespace', options.namespace, readVariable(env, 'NAMESPACE')) ?? '';
  if (options.token !== undefined && options.auth !== undefined)
    throw invalidOption('vault.auth', 'and vault.token exclude each other');
  const clock = options.clock ?? systemClock;
  const auth = options.token === undefined ? readAuth(options.auth, env, namespace, clock) : undefined;
  const secret = parseSecretPath(options.path, options.mount);
  return {
    ...connection,
    secret,
    kv: readKvSettings(options, secret),
    events: readEvents(options),
    // A token that lies around does not matter where there is a log-in.
    token: readToken(options.token, auth === undefined ? env : {}),
    auth,
    namespace,
    warnings: readWarnings(options.warnings),
    clock,
  };
}

function readWarnings(option: unknown): boolean {
  if (option === undefined || typeof option === 'boolean') return option ?? true;
  throw invalidOption('vault.warnings', 'is neither true nor false');
}
