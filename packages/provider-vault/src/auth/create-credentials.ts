import type { VaultSettings } from '../options.js';
import { fixedCredentials } from '../token-life/fixed-credentials.js';
import { LoginCredentials } from '../token-life/login-credentials.js';
import { emitWarning, type Warn } from '../token-life/renew.js';
import { checkedToken } from '../token.js';
import type { VaultClient } from '../vault-client.js';
import type { Write } from './auth-method.js';
import { agentCredentials, type Credentials, inlineCredentials, sourceCredentials } from './credentials.js';

/** What the settings say, at work. `signal` ends what is under way in the background. */
export function createCredentials(
  { auth, token, clock, warnings }: VaultSettings,
  client: () => Promise<VaultClient>,
  signal: AbortSignal,
): Credentials {
  const write: Write = async (path, body, credential) =>
    (await client()).write(path, body, credential, signal);
  const warn: Warn = warnings ? emitWarning : () => undefined;
  switch (auth?.kind) {
    case 'agent':
      return agentCredentials;
    case 'file':
      return sourceCredentials(async () => checkedToken('the token file', await auth.read()));
    case 'inline':
      return inlineCredentials(auth.method, write);
    case 'login':
      return new LoginCredentials({ ...auth, write, clock, warn });
    case undefined: {
      if (token.fixed === undefined) return sourceCredentials(token.source);
      const lookUp = async (credential: Parameters<Write>[2]) =>
        (await client()).read('auth/token/lookup-self', credential, signal);
      return fixedCredentials({ token: token.fixed, clock, write, lookUp, warn });
    }
  }
}
