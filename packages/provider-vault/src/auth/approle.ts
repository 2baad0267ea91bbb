import { invalidOption } from '@pinvault/core';
import type { CommonAuthOptions } from './auth-options.js';
import type { AuthMethod } from './auth-method.js';
import { type AuthFields, hashOf, mountPath, type SecretSource } from './fields.js';
import { WrappedSecretId } from './wrapped-secret-id.js';

/** AppRole. The secret id comes from one of four places, or is not needed (`bind_secret_id=false`). */
export interface AppRoleAuthOptions extends CommonAuthOptions {
  readonly method: 'approle';
  readonly roleId?: string | undefined;
  readonly roleIdFile?: string | undefined;
  readonly secretId?: string | undefined;
  readonly secretIdFile?: string | undefined;
  /**
   * **Security:** the token that the secret id was wrapped in (`-wrap-ttl`). Where it was wrapped is checked before it is
   * unwrapped, and one that somebody has used before is an alarm: `ERR_PROVIDER_DENIED` with detail `wrap-spent`.
   */
  readonly wrappedSecretId?: string | undefined;
  readonly wrappedSecretIdFile?: string | undefined;
  /** **Security:** the role, whose secret ids alone are unwrapped. @defaultValue any role of the mount */
  readonly roleName?: string | undefined;
}

export const appRoleFields: readonly string[] = [
  'roleId',
  'roleIdFile',
  'secretId',
  'secretIdFile',
  'wrappedSecretId',
  'wrappedSecretIdFile',
  'roleName',
];

export function createAppRole(fields: AuthFields, namespace: string): AuthMethod {
  const mount = mountPath(fields, 'approle');
  const roleId = fields.secret('roleId');
  if (roleId === undefined) fields.requiredText('roleId', "the role's id");
  const secretId = fields.secret('secretId');
  const wrapped = fields.secret('wrappedSecretId');
  if (secretId !== undefined && wrapped !== undefined)
    throw invalidOption('vault.auth.wrappedSecretId', 'and secretId exclude each other');
  const roleName = fields.text('roleName');
  const unwrapping =
    wrapped && new WrappedSecretId(wrapped, { mount: decodeURIComponent(mount), roleName, namespace });
  return {
    name: 'approle',
    shown: async () => hashOf(roleId, secretId, wrapped),
    async prepare(write) {
      const role = await (roleId as SecretSource)();
      const secret = await (unwrapping?.read(write) ?? secretId?.());
      return {
        path: `auth/${mount}/login`,
        body: { role_id: role, ...(secret === undefined ? {} : { secret_id: secret }) },
        secrets: secret === undefined ? [role] : [role, secret],
      };
    },
  };
}
