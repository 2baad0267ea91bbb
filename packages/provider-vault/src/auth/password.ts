import type { CommonAuthOptions } from './auth-options.js';
import type { AuthMethod } from './auth-method.js';
import { type AuthFields, encodedSegment, hashOf, mountPath, type SecretSource } from './fields.js';

/** A name and a password: of the vault itself, or of a directory. */
export interface PasswordAuthOptions extends CommonAuthOptions {
  readonly method: 'userpass' | 'ldap';
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Read anew at each log-in. */
  readonly passwordFile?: string | undefined;
}

export const passwordFields: readonly string[] = ['username', 'password', 'passwordFile'];

export function createPassword(fields: AuthFields, method: 'userpass' | 'ldap'): AuthMethod {
  const mount = mountPath(fields, method);
  const username = encodedSegment(fields.requiredText('username', 'the user name'), 'vault.auth.username');
  const password = fields.secret('password');
  if (password === undefined) fields.requiredText('passwordFile', 'the password');
  return {
    name: method,
    shown: async () => hashOf(password),
    async prepare() {
      const secret = await (password as SecretSource)();
      return { path: `auth/${mount}/login/${username}`, body: { password: secret }, secrets: [secret] };
    },
  };
}
