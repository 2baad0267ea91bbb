import type { DevVault } from '#src/index.js';

/** Every field that a test looks at; which of them an answer has is what the tests are about. */
export interface VaultBody {
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  readonly sealed: boolean;
  readonly data: {
    readonly data: unknown;
    readonly metadata: {
      readonly version: number;
      readonly created_time: string;
      readonly deletion_time: string;
    };
    readonly version: number;
    readonly versions: Readonly<Record<string, { readonly deletion_time: string }>>;
  };
}

/** Status and body; no body for 204. */
export interface Answer {
  readonly status: number;
  readonly body: VaultBody | undefined;
}

/** One request to the vault, with its token unless another is given; `null` sends none. */
export async function callVault(
  vault: DevVault,
  method: string,
  path: string,
  body?: unknown,
  token: string | null = vault.token,
): Promise<Answer> {
  const response = await fetch(`${vault.address}/v1/${path}`, {
    method,
    headers: token === null ? {} : { 'X-Vault-Token': token },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : (JSON.parse(text) as VaultBody) };
}
