import { Readable, Transform } from 'node:stream';
import { isLoopback, PinDocumentError, PinProviderError } from '@pinvault/core';
import type { Command, Middleware } from './sdk.js';

// A secret has 64 KiB at most, twenty of them come in one batch, and JSON may escape each byte.
const maxBodyBytes = 4 * 1024 * 1024;

/**
 * Stands between the SDK and the wire, whoever made the client: refuses plain http outside loopback, whichever variable,
 * profile or option asked for it, and bounds what is read.
 */
export function guard(command: Command, settings: { readonly allowInsecureStore: boolean }): void {
  const middleware: Middleware = (next) => async (args) => {
    refuseInsecure(args.request, settings.allowInsecureStore);
    const result = await next(args);
    const { response } = result;
    if (response.body instanceof Readable) response.body = bounded(response.body);
    return result;
  };
  command.middlewareStack.add(middleware, { step: 'deserialize', priority: 'low' });
}

function refuseInsecure(
  { protocol = '', hostname = '' }: Parameters<ReturnType<Middleware>>[0]['request'],
  isAllowed: boolean,
): void {
  if (protocol === 'https:' || isAllowed || isLoopback(hostname)) return;
  throw new PinProviderError(
    'ERR_PROVIDER_MISCONFIGURED',
    'the endpoint of Secrets Manager is reached by plain http: who sits between could hand the service pins of their own; for a test set-up pass aws: { allowInsecureStore: true }',
    { provider: 'aws', detail: 'insecure' },
  );
}

function bounded(body: Readable): Readable {
  let length = 0;
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      length += chunk.length;
      done(length > maxBodyBytes ? tooLarge() : null, chunk);
    },
  });
  body.once('error', (error) => limit.destroy(error));
  // What nobody reads any more need not be sent any more.
  limit.once('close', () => body.destroy());
  return body.pipe(limit);
}

function tooLarge(): PinDocumentError {
  return new PinDocumentError(
    'ERR_DOCUMENT_TOO_LARGE',
    `the endpoint of Secrets Manager answers with more than ${String(maxBodyBytes)} bytes`,
    {
      reason: 'too-large',
      hint: 'a secret has 65 536 bytes at most: does something else answer in its place?',
    },
  );
}
