import { randomBytes } from 'node:crypto';
import { StoryBroken } from '../waiting.js';
import { callVault, valueAt } from '../vault-api.js';

interface Vault {
  readonly address: string;
  /** One that may write policies. */
  readonly token: string;
}

/** Who may do what in the vault of `--play`: the person at the keyboard edits one secret, the service reads it. */
export interface Accounts {
  readonly user: string;
  readonly password: string;
  /** The page to open: the log-in, which leads on to the secret. */
  readonly page: string;
  /** The service's token. */
  readonly readerToken: string;
}

// The same as in docs/operators.md, without the commands' `patch`.
const operatorPolicy = `path "secret/data/tls-pins" { capabilities = ["read", "update"] }
path "secret/metadata/tls-pins" { capabilities = ["read"] }`;
const readerPolicy = 'path "secret/data/tls-pins" { capabilities = ["read"] }';

/** Makes the accounts. @throws StoryBroken where the vault refuses one of the writes */
export async function openAccounts(vault: Vault): Promise<Accounts> {
  const user = 'operator';
  const password = randomBytes(6).toString('base64url');
  await write(vault, 'sys/policies/acl/tls-pins-operator', { policy: operatorPolicy });
  await write(vault, 'sys/policies/acl/tls-pins-reader', { policy: readerPolicy });
  await write(vault, 'sys/auth/userpass', { type: 'userpass' });
  await write(vault, `auth/userpass/users/${user}`, { password, token_policies: ['tls-pins-operator'] });
  const answer = await write(vault, 'auth/token/create', { policies: ['tls-pins-reader'] });
  const secret = encodeURIComponent('/vault/secrets/secret/show/tls-pins');
  return {
    user,
    password,
    page: `${vault.address}/ui/vault/auth?with=userpass&redirect_to=${secret}`,
    readerToken: String(valueAt(answer, 'auth', 'client_token')),
  };
}

async function write(vault: Vault, path: string, body: unknown): Promise<unknown> {
  const answer = await callVault(vault, 'PUT', path, body);
  if (answer.status >= 300)
    throw new StoryBroken(`the vault answered a write to ${path} with ${answer.status}`);
  return answer.body;
}
