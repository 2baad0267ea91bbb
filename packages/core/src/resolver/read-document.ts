import { PinDocumentError, type PinError, PinProviderError } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import { foreignErrorLabel } from '../internal/foreign-error.js';
import { decodeInTurns } from '../policy/decode.js';
import type { PinDocument } from '../policy/document.js';
import type { PinProvider, PinReadResult } from '../provider.js';
import { adoptDocument, refuseEnded, refuseRollback } from './adopt.js';
import { sha256Hex } from '../pin/spki.js';
import { type ReadLimits, readOnce } from './reader.js';
import type { RequiredHosts } from './required-hosts.js';
import type { Notes } from './snapshot.js';
import { unexpectedlyUnchanged } from './start.js';

/** What is in force, as far as it decides what may replace it. Looked at when the answer is there, not before. */
export interface InForce {
  readonly document: PinDocument | undefined;
  /** The revision that this provider has handed over; `undefined` where the pins are not its own. */
  readonly revision: string | undefined;
  readonly generationFloor: number | undefined;
  /** Nothing counts any more: a document that has ended replaces it all the same. */
  readonly isExpired: boolean;
}

/** A document that need be neither sent nor decoded again. */
export interface RefusedDocument {
  readonly revision: string;
  readonly error: PinDocumentError;
  /** Of its content: a revision that a store gives twice must not keep a good document out. */
  readonly digest: string | undefined;
}

/** What a read has come to. */
export type DocumentAnswer =
  | {
      readonly outcome: 'document';
      readonly document: PinDocument;
      /** As the store has handed it over. */
      readonly raw: string | Uint8Array | object;
      readonly revision: string;
      readonly notes: Notes | undefined;
    }
  | { readonly outcome: 'unchanged'; readonly revision: string }
  /** `refused`: what a later read of the same need not look at again; absent where the provider itself refused it. */
  | {
      readonly outcome: 'rejected';
      readonly error: PinDocumentError;
      readonly revision: string;
      readonly refused?: RefusedDocument;
    }
  | { readonly outcome: 'failed'; readonly error: PinError };

/** How a document is read. */
export interface DocumentReading {
  readonly provider: PinProvider;
  readonly limits: ReadLimits;
  readonly clock: Clock;
  readonly maxDocumentBytes: number;
  readonly requiredHosts: RequiredHosts;
  /** What the store held last, where that was refused: its revision is the one that the store is asked about. */
  readonly refused?: RefusedDocument | undefined;
}

/** Reads a document once, and says what may be done with the answer. Never rejects. */
export async function readDocument(reading: DocumentReading, inForce: InForce): Promise<DocumentAnswer> {
  const { provider, limits, clock, maxDocumentBytes, requiredHosts, refused } = reading;
  const known = refused?.revision ?? inForce.revision;
  let result: PinReadResult;
  try {
    result = await readOnce(provider, known, limits, clock);
    // Said of a document that this provider has not handed over yet, it would confirm somebody else's.
    if ('unchanged' in result && known === undefined) throw unexpectedlyUnchanged(provider);
  } catch (error) {
    return error instanceof PinDocumentError
      ? { outcome: 'rejected', error, revision: 'unknown' }
      : { outcome: 'failed', error: error as PinError };
  }
  if ('unchanged' in result) {
    // Where the store holds what was refused, that confirms nothing.
    return refused === undefined || result.revision === inForce.revision
      ? { outcome: 'unchanged', revision: result.revision }
      : { outcome: 'rejected', error: refused.error, revision: refused.revision, refused };
  }
  const { revision, notes } = result;
  let digest: string | undefined;
  try {
    const raw = result.document;
    if (refused?.revision === revision) digest = digestOf(raw);
    if (refused !== undefined && digest !== undefined && refused.digest === digest)
      return { outcome: 'rejected', error: refused.error, revision, refused };
    const next = await decodeInTurns(raw, { maxDocumentBytes, host: limits.host });
    refuseRollback(next, inForce.generationFloor);
    if (!inForce.isExpired) refuseEnded(next, clock.now());
    const document = adoptDocument(next, inForce.document, requiredHosts);
    return { outcome: 'document', document, raw, revision, notes };
  } catch (error) {
    return error instanceof PinDocumentError
      ? {
          outcome: 'rejected',
          error,
          revision,
          refused: { revision, error, digest: digest ?? digestOf(result.document) },
        }
      : { outcome: 'failed', error: unusableAnswer(provider.name, error) };
  }
}

function digestOf(document: string | Uint8Array | object): string | undefined {
  try {
    const isText = typeof document === 'string' || document instanceof Uint8Array;
    return sha256Hex(isText ? document : JSON.stringify(document));
  } catch {
    return undefined;
  }
}

/** Not the document's fault, nor foreseen: a failed read like any other, so that the next one comes. */
export function unusableAnswer(provider: string, error: unknown): PinProviderError {
  const text = `the answer of ${provider} could not be used: ${foreignErrorLabel(error)}`;
  return new PinProviderError('ERR_PROVIDER_UNAVAILABLE', text, { provider });
}
