import { createSign, generateKeyPairSync } from 'node:crypto';

/** Signs tokens as a CI system or a Kubernetes API server does. */
export interface JwtSigner {
  readonly publicKeyPem: string;
  /** Good for `lifeS` seconds. */
  sign(claims: object, lifeS?: number): string;
}

export function createJwtSigner(): JwtSigner {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  let count = 0;
  return {
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign(claims, lifeS = 600) {
      const now = Math.floor(Date.now() / 1_000);
      count += 1;
      const payload = { iat: now, nbf: now, exp: now + lifeS, jti: String(count), ...claims };
      const text = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(payload)}`;
      return `${text}.${createSign('RSA-SHA256').update(text).sign(privateKey, 'base64url')}`;
    },
  };
}
