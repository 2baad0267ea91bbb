import { request } from 'node:http';

/** An answer of the vault's HTTP API. */
export interface VaultAnswer {
  readonly status: number;
  /** The decoded JSON; `undefined` where there is no body. */
  readonly body: unknown;
}

/** One request to the API of Vault or OpenBao, as `curl` would send it. `path` is without `/v1/`. */
export async function callVault(
  vault: { readonly address: string; readonly token: string },
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
