import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DevVaultResponder } from '@pinvault/testing';

/** Answers with this status and body, as JSON unless `headers` say otherwise. */
export function answering(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): DevVaultResponder {
  return (_request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

/** What KV version 2 answers to a read. */
export function kvAnswer(data: unknown, metadata: unknown = { version: 1 }): unknown {
  return { request_id: 'r', data: { data, metadata } };
}
