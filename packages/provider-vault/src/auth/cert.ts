import type { CommonAuthOptions } from './auth-options.js';
import type { AuthMethod } from './auth-method.js';
import { type AuthFields, mountPath } from './fields.js';

/** The client certificate of the connection (`vault.cert`/`key`, `certFile`/`keyFile`, `VAULT_CLIENT_CERT`/`KEY`). */
export interface CertAuthOptions extends CommonAuthOptions {
  readonly method: 'cert';
  /** The certificate role. @defaultValue whichever trusts the certificate */
  readonly role?: string | undefined;
}

export const certFields: readonly string[] = ['role'];

export function createCert(fields: AuthFields): AuthMethod {
  const mount = mountPath(fields, 'cert');
  const role = fields.text('role');
  return {
    name: 'cert',
    prepare: async () => ({
      path: `auth/${mount}/login`,
      body: role === undefined ? {} : { name: role },
      secrets: [],
    }),
  };
}
