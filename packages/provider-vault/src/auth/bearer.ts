import type { CommonAuthOptions } from './auth-options.js';
import type { AuthMethod } from './auth-method.js';
import { type AuthFields, hashOf, mountPath, type SecretSource } from './fields.js';

/** Kubernetes: the service account's token, read anew at each log-in, since it is rotated on disk. */
export interface KubernetesAuthOptions extends CommonAuthOptions {
  readonly method: 'kubernetes';
  readonly role?: string | undefined;
  readonly jwt?: string | undefined;
  /** @defaultValue `/var/run/secrets/kubernetes.io/serviceaccount/token` */
  readonly jwtFile?: string | undefined;
}

/** JWT, as of a CI system, a SPIFFE agent or GitHub Actions; the file is read anew at each log-in. */
export interface JwtAuthOptions extends CommonAuthOptions {
  readonly method: 'jwt';
  /** @defaultValue the mount's default role */
  readonly role?: string | undefined;
  readonly jwt?: string | undefined;
  readonly jwtFile?: string | undefined;
}

export const bearerFields: readonly string[] = ['role', 'jwt', 'jwtFile'];

const serviceAccountFile = '/var/run/secrets/kubernetes.io/serviceaccount/token';

export function createBearer(fields: AuthFields, method: 'kubernetes' | 'jwt'): AuthMethod {
  const mount = mountPath(fields, method);
  const isKubernetes = method === 'kubernetes';
  const role = isKubernetes ? fields.requiredText('role', 'the role') : fields.text('role');
  const jwt = fields.secret('jwt', isKubernetes ? serviceAccountFile : undefined);
  if (jwt === undefined) fields.requiredText('jwtFile', 'the token');
  return {
    name: method,
    shown: async () => hashOf(jwt),
    async prepare() {
      const token = await (jwt as SecretSource)();
      return {
        path: `auth/${mount}/login`,
        body: { jwt: token, ...(role === undefined ? {} : { role }) },
        secrets: [token],
      };
    },
  };
}
