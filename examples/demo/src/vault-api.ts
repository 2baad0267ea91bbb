import { request } from 'node:http';
import type { CreatePinResolverOptions } from 'pinvault';
import type { Rows } from './operator.js';
import { StoryBroken } from './waiting.js';

/** An answer of the vault's HTTP API. */
export interface VaultAnswer {
  readonly status: number;
  /** The decoded JSON; `undefined` where there is no body. */
  readonly body: unknown;
}

/** Where the pins lie in a vault with KV version 2 at `secret/`. */
export const kvSecret = 'secret/tls-pins';

interface Access {
  readonly address: string;
  readonly token: string;
}

/** What a service passes in order to read them. */
export function vaultOptions({ address, token }: Access): CreatePinResolverOptions {
  return { provider: 'vault', vault: { address, token, path: kvSecret } };
}

/** Writes a new version, as the vault's own user interface does. @throws StoryBroken where the vault does not take it */
export async function writeRows(vault: Access, rows: Rows): Promise<string> {
  const { status, body } = await callVault(vault, 'PUT', 'secret/data/tls-pins', { data: rows });
  if (status !== 200) throw new StoryBroken(`the vault answered a write with ${status}`);
  return String(valueAt(body, 'data', 'version'));
}

/** One request to the API of Vault or OpenBao, as `curl` would send it. `path` is without `/v1/`. */
export async function callVault(
  vault: Access,
  method: 'GET' | 'PUT',
  path: string,
  body?: unknown,
): Promise<VaultAnswer> {
  const url = new URL(`/v1/${path}`, vault.address);
  const headers = { 'content-type': 'application/json', 'x-vault-token': vault.token };
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(5_000);
    const outgoing = request(url, { method, headers, agent: false, signal });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          body: text === '' ? undefined : (JSON.parse(text) as unknown),
        }),
      );
    });
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** What stands at `keys` of a decoded body. */
export function valueAt(body: unknown, ...keys: readonly string[]): unknown {
  let value = body;
  for (const key of keys) {
    value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  }
  return value;
}
