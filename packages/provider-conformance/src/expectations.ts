import { deepEqual, equal, fail, ok } from 'node:assert/strict';
import {
  decodeDocument,
  PinError,
  type PinErrorCode,
  type PinProvider,
  type PinProviderError,
  type PinReadResult,
} from '@pinvault/core';
import { read, type ReadOptions } from './bench.js';
import type { Rows } from './harness.js';

/** A result with a document in it. */
export type DocumentResult = Extract<PinReadResult, { readonly document: unknown }>;

/** The result of a read, which has to hold a document. */
export async function readDocument(
  provider: PinProvider,
  options: ReadOptions = {},
): Promise<DocumentResult> {
  const result = await read(provider, options);
  ok('document' in result, 'the provider answered "unchanged", and a document was due');
  return result;
}

/** That a read brings these rows, whatever form the provider hands them over in. */
export async function expectRows(
  provider: PinProvider,
  rows: Rows,
  options: ReadOptions = {},
): Promise<DocumentResult> {
  const result = await readDocument(provider, options);
  deepEqual(essence(decodeDocument(result.document)), essence(decodeDocument(rows)));
  return result;
}

function essence({ rows, badRows }: ReturnType<typeof decodeDocument>): unknown {
  return JSON.parse(JSON.stringify({ rows, badRows })) as unknown;
}

/** That a read is refused, with one of these codes, by an error that a resolver can work with. */
export async function expectRefusal(
  provider: PinProvider,
  codes: PinErrorCode | readonly PinErrorCode[],
  options: ReadOptions = {},
): Promise<PinProviderError> {
  const error = await refusalOf(provider, options);
  const allowed: readonly PinErrorCode[] = typeof codes === 'string' ? [codes] : codes;
  if (!PinError.isPinError(error)) {
    fail(`the read failed with ${nameOf(error)}, and an error of pinvault was due (${allowed.join(', ')})`);
  }
  if (!allowed.includes(error.code))
    fail(`the read failed with ${error.code}, and ${allowed.join(' or ')} was due`);
  if (error.code.startsWith('ERR_PROVIDER_')) {
    equal(error.name, 'PinProviderError', 'the class of the error');
    equal((error as PinProviderError).provider, provider.name, 'error.provider is the name of the provider');
  }
  return error as PinProviderError;
}

/** What a read rejects with. @throws AssertionError where it resolves */
async function refusalOf(provider: PinProvider, options: ReadOptions = {}): Promise<unknown> {
  const outcome = await settled(read(provider, options));
  if ('error' in outcome) return outcome.error;
  fail(
    'document' in outcome.value
      ? 'the read brought a document, and an error was due'
      : 'the read brought "unchanged", and an error was due',
  );
}

/** How a promise ended, as a value. A failed assertion of this suite goes on its way. */
export async function settled<Value>(
  promise: Promise<Value>,
): Promise<{ readonly value: Value } | { readonly error: unknown }> {
  try {
    return { value: await promise };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_ASSERTION') throw error;
    return { error };
  }
}

/** Codes of a text that is no document. */
export const documentCodes: readonly PinErrorCode[] = [
  'ERR_DOCUMENT_MALFORMED',
  'ERR_DOCUMENT_EMPTY',
  'ERR_DOCUMENT_TOO_LARGE',
  'ERR_DOCUMENT_FORMAT',
];

/** What refuses the document: the provider's own read, or the decoder to which it hands the document over. */
export async function documentRefusal(provider: PinProvider, options: ReadOptions = {}): Promise<unknown> {
  const outcome = await settled(readDocument(provider, options));
  if ('error' in outcome) return outcome.error;
  try {
    decodeDocument(outcome.value.document);
  } catch (error) {
    return error;
  }
  fail('what is no document was read as one');
}

function nameOf(error: unknown): string {
  return error instanceof Error ? `a foreign ${error.name}` : `a thrown ${typeof error}`;
}
