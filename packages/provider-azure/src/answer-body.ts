import { PinDocumentError } from '@pinvault/core';
import type { VaultPlace } from './failures.js';
import { member } from './foreign.js';

/** What came back, before anybody has read it. */
export interface RawAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

/**
 * The text that the SDK gets to read. It takes each answer for one of the service's; where an error has no JSON (an empty
 * 503 of a gateway) it reads an empty object, so that status and Retry-After survive.
 *
 * @throws PinDocumentError for a success that is no secret
 */
export function bodyForSdk({ status, contentType, text }: RawAnswer, { host }: VaultPlace): string {
  const isJson = /^application\/(?:[a-z.+-]*\+)?json\b/iu.test(contentType);
  const body = isJson ? parse(text) : undefined;
  if (status !== 200) return body === undefined ? '{}' : text;
  if (typeof member(body, 'id') === 'string') return text;
  throw new PinDocumentError(
    'ERR_DOCUMENT_MALFORMED',
    `${host} answers the read with ${isJson ? 'something that is no secret' : 'something that is no JSON'}`,
    {
      reason: isJson ? 'bad-value' : 'not-json',
      hint: 'a proxy or a log-in page in between? vaultUrl has to name the vault itself',
    },
  );
}

/** A JSON object; `undefined` for anything else. */
function parse(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
