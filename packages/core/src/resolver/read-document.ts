import { PinDocumentError, type PinError, PinProviderError } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import { foreignErrorLabel } from '../internal/foreign-error.js';
import { decodeInTurns } from '../policy/decode.js';
import type { PinDocument } from '../policy/document.js';
import type { PinProvider, PinReadResult } from '../provider.js';
import { adoptDocument, refuseEnded, refuseRollback } from './adopt.js';
import { type ReadLimits, readOnce } from './reader.js';
import type { RequiredHosts } from './required-hosts.js';
import type { Notes } from './snapshot.js';
import { unexpectedlyUnchanged } from './start.js';

/** What is in force, as far as it decides what may replace it. */
export interface InForce {
  readonly document: PinDocument | undefined;
  /** The revision that this provider has handed over; `undefined` where the pins are not its own. */
  readonly revision: string | undefined;
  readonly generationFloor: number | undefined;
  /** Nothing counts any more: a document that has ended replaces it all the same. */
  readonly isExpired: boolean;
}

/** What a read has come to. */
export type DocumentAnswer =
  | {
      readonly outcome: 'document';
      readonly document: PinDocument;
      readonly revision: string;
      readonly notes: Notes | undefined;
    }
  | { readonly outcome: 'unchanged' }
  | { readonly outcome: 'rejected'; readonly error: PinDocumentError; readonly revision: string }
  | { readonly outcome: 'failed'; readonly error: PinError };

/** How a document is read. */
export interface DocumentReading {
  readonly provider: PinProvider;
  readonly limits: ReadLimits;
  readonly clock: Clock;
  readonly maxDocumentBytes: number;
  readonly requiredHosts: RequiredHosts;
}

/** Reads a document once, and says what may be done with the answer. Never rejects. */
export async function readDocument(reading: DocumentReading, inForce: InForce): Promise<DocumentAnswer> {
  const { provider, limits, clock, maxDocumentBytes, requiredHosts } = reading;
  let result: PinReadResult;
  try {
    result = await readOnce(provider, inForce.revision, limits, clock);
    // Said of a document that this provider has not handed over yet, it would confirm somebody else's.
    if ('unchanged' in result && inForce.revision === undefined) throw unexpectedlyUnchanged(provider);
  } catch (error) {
    return error instanceof PinDocumentError
      ? { outcome: 'rejected', error, revision: 'unknown' }
      : { outcome: 'failed', error: error as PinError };
  }
  if ('unchanged' in result) return { outcome: 'unchanged' };
  const { revision, notes } = result;
  try {
    const next = await decodeInTurns(result.document, { maxDocumentBytes, host: limits.host });
    refuseRollback(next, inForce.generationFloor);
    if (!inForce.isExpired) refuseEnded(next, clock.now());
    const document = adoptDocument(next, inForce.document, requiredHosts);
    return { outcome: 'document', document, revision, notes };
  } catch (error) {
    return error instanceof PinDocumentError
      ? { outcome: 'rejected', error, revision }
      : { outcome: 'failed', error: unusableAnswer(provider.name, error) };
  }
}

/** Not the document's fault, nor foreseen: a failed read like any other, so that the next one comes. */
export function unusableAnswer(provider: string, error: unknown): PinProviderError {
  const text = `the answer of ${provider} could not be used: ${foreignErrorLabel(error)}`;
  return new PinProviderError('ERR_PROVIDER_UNAVAILABLE', text, { provider });
}
