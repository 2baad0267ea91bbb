import { request as requestHttp, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';

export interface ApiResponse {
  readonly status: number;
  /** The decoded JSON, or undefined where the server sent no body. */
  readonly body: unknown;
}

export interface ApiRequest {
  readonly address: string;
  readonly method: string;
  /** Without `/v1/`. */
  readonly path: string;
  readonly body?: unknown;
  readonly token?: string;
  readonly ca?: string | undefined;
}

/** One request to the API of Vault or OpenBao: no client library between a test and what the server really answers. */
export async function callApi({ address, method, path, body, token, ca }: ApiRequest): Promise<ApiResponse> {
  const url = new URL(`/v1/${path}`, address);
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (token) headers['x-vault-token'] = token;
  // no agent: a kept connection would be one more handle that a test leaves open
  const options: RequestOptions = { method, headers, agent: false, timeout: 10_000 };
  const text = await new Promise<{ status: number; body: string }>((resolve, reject) => {
    const request =
      url.protocol === 'https:' ? requestHttps(url, { ...options, ca }) : requestHttp(url, options);
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error(`no answer to ${method} ${path}`)));
    request.on('response', (response) => {
      let received = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: received }));
    });
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
  return { status: text.status, body: text.body === '' ? undefined : (JSON.parse(text.body) as unknown) };
}

/** The text at `keys` of a decoded body; throws when there is none. */
export function textAt(body: unknown, ...keys: readonly (string | number)[]): string {
  let value: unknown = body;
  for (const key of keys) {
    value =
      typeof value === 'object' && value !== null
        ? (value as Record<string | number, unknown>)[key]
        : undefined;
  }
  if (typeof value !== 'string') throw new Error(`no text at ${keys.join('.')} of ${JSON.stringify(body)}`);
  return value;
}
