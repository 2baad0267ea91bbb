import type { TokenSource } from '../token.js';
import type { AuthMethod, LoginRequest, Write } from './auth-method.js';
import { type Credential, noCredential, tokenCredential } from './credential.js';

/** Hands over what a request shows the vault. */
export interface Credentials {
  /** What is good now. @throws PinError */
  current(): Promise<Credential>;
  /** What to try once more with, where the vault denied it this secret; `undefined` where there is nothing else. @throws PinError */
  replace(denied: Credential, secret: string): Promise<Credential | undefined>;
  /** A read of this secret went well with it. */
  accepted?(credential: Credential, secret: string): void;
  /** A person wants it now: what is waited for after a failure is over. */
  retry?(): void;
  /** Ends every timer, and what is under way. Idempotent. */
  close(): Promise<void>;
}

/** An agent puts in a token of its own. */
export const agentCredentials: Credentials = {
  current: async () => noCredential,
  replace: async () => undefined,
  close: async () => undefined,
};

/** A token that somebody else keeps good: it is asked for each time. */
export function sourceCredentials(source: TokenSource): Credentials {
  return {
    current: async () => tokenCredential(await source()),
    async replace(denied) {
      const token = await source();
      return token === denied.token ? undefined : tokenCredential(token);
    },
    close: async () => undefined,
  };
}

/** Log-in and read in one request: `X-Vault-Inline-Auth-*`, which only OpenBao has. */
export function inlineCredentials(method: AuthMethod, write: Write): Credentials {
  const current = async (): Promise<Credential> => inlineCredential(await method.prepare(write));
  return {
    current,
    async replace(denied) {
      const next = await current();
      return JSON.stringify(next.headers) === JSON.stringify(denied.headers) ? undefined : next;
    },
    close: async () => undefined,
  };
}

function inlineCredential({ path, body, secrets }: LoginRequest): Credential {
  const parameters = Object.entries(body).map(([key, value], index) => {
    const encoded = Buffer.from(JSON.stringify({ key, value })).toString('base64url');
    return [`X-Vault-Inline-Auth-Parameter-${index}`, encoded] as const;
  });
  return {
    token: '',
    headers: { 'X-Vault-Inline-Auth-Path': path, ...Object.fromEntries(parameters) },
    secrets: [...secrets, ...parameters.map(([, value]) => value)],
  };
}
