import { type Clock, invalidOption, systemClock } from '@pinvault/core';
import { type Environment, misconfigured } from '../environment.js';
import { type AppRoleAuthOptions, appRoleFields, createAppRole } from './approle.js';
import type { AuthMethod } from './auth-method.js';
import { type AwsAuthOptions, awsFields, createAws } from './aws.js';
import { bearerFields, createBearer, type JwtAuthOptions, type KubernetesAuthOptions } from './bearer.js';
import { type CertAuthOptions, certFields, createCert } from './cert.js';
import { AuthFields, namesMethod, type SecretSource } from './fields.js';
import { createPassword, type PasswordAuthOptions, passwordFields } from './password.js';

/** What every method that logs in takes. */
export interface CommonAuthOptions {
  /** Where the method is mounted. @defaultValue its name */
  readonly mount?: string | undefined;
  /**
   * OpenBao's inline authentication: each read logs in with the same request, and there is no token to keep. For short-lived
   * processes; the vault needs OpenBao 2.4 or newer. @defaultValue `false`
   */
  readonly inline?: boolean | undefined;
  /** Revokes the token when the provider is closed. @defaultValue `false` */
  readonly revokeOnClose?: boolean | undefined;
}

/** The token in a file that somebody else keeps good, such as the sink of Vault Agent; read anew at each request. */
export interface TokenFileAuthOptions {
  readonly method: 'token';
  readonly tokenFile?: string | undefined;
}

/** Vault Agent or Proxy at `vault.address`, which puts in a token of its own: none is sent. */
export interface AgentAuthOptions {
  readonly method: 'agent';
}

/**
 * How the provider logs in. Each option may also stand in a variable: `roleId` in `PINVAULT_VAULT_AUTH_ROLE_ID`, and the
 * method in `PINVAULT_VAULT_AUTH_METHOD`.
 */
export type VaultAuthOptions =
  | TokenFileAuthOptions
  | AgentAuthOptions
  | AppRoleAuthOptions
  | KubernetesAuthOptions
  | JwtAuthOptions
  | CertAuthOptions
  | PasswordAuthOptions
  | AwsAuthOptions;

type MethodName = VaultAuthOptions['method'];

/** What the options come to. */
export type AuthPlan =
  | { readonly kind: 'agent' }
  | { readonly kind: 'file'; readonly read: SecretSource }
  | { readonly kind: 'login' | 'inline'; readonly method: AuthMethod; readonly revokeOnClose: boolean };

interface Make {
  readonly fields: readonly string[];
  readonly create: (fields: AuthFields, namespace: string, clock: Clock) => AuthMethod;
}

const logins: Readonly<Record<Exclude<MethodName, 'agent' | 'token'>, Make>> = {
  approle: { fields: appRoleFields, create: createAppRole },
  kubernetes: { fields: bearerFields, create: (fields) => createBearer(fields, 'kubernetes') },
  jwt: { fields: bearerFields, create: (fields) => createBearer(fields, 'jwt') },
  cert: { fields: certFields, create: createCert },
  userpass: { fields: passwordFields, create: (fields) => createPassword(fields, 'userpass') },
  ldap: { fields: passwordFields, create: (fields) => createPassword(fields, 'ldap') },
  aws: { fields: awsFields, create: (fields, _namespace, clock) => createAws(fields, clock) },
};

const commonFields = ['method', 'mount', 'inline', 'revokeOnClose'];

/** `undefined` where nothing says how to log in. @throws TypeError (`ERR_INVALID_OPTION`), PinProviderError (`ERR_PROVIDER_MISCONFIGURED`) */
export function readAuth(
  option: VaultAuthOptions | undefined,
  env: Environment,
  namespace: string,
  clock: Clock = systemClock,
): AuthPlan | undefined {
  if (option === undefined && !namesMethod(env)) return undefined;
  const fields = new AuthFields(option, env);
  const method = fields.text('method');
  if (method === 'agent') {
    fields.refuseUnknown(method, ['method']);
    return { kind: 'agent' };
  }
  if (method === 'token') {
    fields.refuseUnknown(method, ['method', 'tokenFile']);
    fields.requiredText('tokenFile', 'the file of the token');
    return { kind: 'file', read: fields.secret('token') as SecretSource };
  }
  if (method === undefined || !Object.hasOwn(logins, method)) throw unknownMethod(option !== undefined);
  const { fields: own, create } = logins[method as keyof typeof logins];
  fields.refuseUnknown(method, [...commonFields, ...own]);
  const kind = fields.flag('inline') ? 'inline' : 'login';
  const revokeOnClose = fields.flag('revokeOnClose');
  if (kind === 'inline' && revokeOnClose)
    throw invalidOption('vault.auth.revokeOnClose', 'and inline exclude each other: no token is kept');
  return { kind, method: create(fields, namespace, clock), revokeOnClose };
}

function unknownMethod(isOption: boolean): Error {
  const known = `is none of token, agent, ${Object.keys(logins).join(', ')}`;
  return isOption
    ? invalidOption('vault.auth.method', known)
    : misconfigured(`PINVAULT_VAULT_AUTH_METHOD ${known}`);
}
