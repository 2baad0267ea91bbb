import type { IncomingMessage, ServerResponse } from 'node:http';
import { isObject, type VaultAnswer } from './vault-wire.js';

/** The token of a request, from either header that Vault reads. */
export function presentedToken(request: IncomingMessage): string | undefined {
  const header = request.headers['x-vault-token'];
  if (typeof header === 'string') return header;
  return /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
}

/** The path as Vault sees it: `%2F` is a slash; `undefined` where an escape is broken. */
export function decodePath(pathname: string): string | undefined {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return undefined;
  }
}

/** The whole body as a JSON object; empty where there is none, `undefined` where it is something else. */
export async function readJson(
  request: IncomingMessage,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  if (text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Writes an answer, unless a responder has begun one of its own. */
export function send(response: ServerResponse, answer: VaultAnswer): void {
  if (response.headersSent || response.destroyed) return;
  response.statusCode = answer.status;
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Content-Type', 'application/json');
  if (answer.body === undefined) response.end();
  else response.end(`${JSON.stringify(answer.body)}\n`);
}
