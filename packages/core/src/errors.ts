import { readProperty } from './internal/foreign-error.js';

const marker: unique symbol = Symbol.for('@pinvault/core.error') as never;

/** Codes of a refused connection. */
export type PinMismatchErrorCode =
  | 'ERR_PIN_MISMATCH'
  | 'ERR_PIN_REVOKED'
  | 'ERR_PIN_EXPIRED'
  | 'ERR_PIN_HOST_UNCOVERED'
  | 'ERR_PIN_HOST_BLOCKED'
  | 'ERR_PIN_NOT_LOADED'
  | 'ERR_PIN_ROW_INVALID'
  | 'ERR_PIN_SYNTAX'
  | 'ERR_PIN_CHAIN_UNVERIFIED'
  | 'ERR_PIN_INSECURE_SCHEME';

/** Codes of a refused document, or of one refused row in it. */
export type PinDocumentErrorCode =
  | 'ERR_PIN_ROW_INVALID'
  | 'ERR_PIN_SYNTAX'
  | 'ERR_DOCUMENT_MALFORMED'
  | 'ERR_DOCUMENT_EMPTY'
  | 'ERR_DOCUMENT_TOO_LARGE'
  | 'ERR_DOCUMENT_ROLLBACK'
  | 'ERR_DOCUMENT_FORMAT'
  | 'ERR_DOCUMENT_REQUIRED_HOST';

/** Codes of a store that did not hand over a document. */
export type PinProviderErrorCode =
  | 'ERR_PROVIDER_NOT_FOUND'
  | 'ERR_PROVIDER_DENIED'
  | 'ERR_PROVIDER_UNAVAILABLE'
  | 'ERR_PROVIDER_TIMEOUT'
  | 'ERR_PROVIDER_THROTTLED'
  | 'ERR_PROVIDER_MISCONFIGURED'
  | 'ERR_PROVIDER_SDK_MISSING';

/** Codes of the resolver's own states. */
export type PinResolverErrorCode = 'ERR_RESOLVER_NOT_READY' | 'ERR_RESOLVER_EXPIRED' | 'ERR_RESOLVER_CLOSED';

/** Every code that an error of pinvault can carry. Codes are API: they are never renamed or reused. */
export type PinErrorCode =
  PinMismatchErrorCode | PinDocumentErrorCode | PinProviderErrorCode | PinResolverErrorCode;

const knownCodes: Record<PinErrorCode | 'ERR_INVALID_OPTION', true> = {
  ERR_PIN_MISMATCH: true,
  ERR_PIN_REVOKED: true,
  ERR_PIN_EXPIRED: true,
  ERR_PIN_HOST_UNCOVERED: true,
  ERR_PIN_HOST_BLOCKED: true,
  ERR_PIN_NOT_LOADED: true,
  ERR_PIN_ROW_INVALID: true,
  ERR_PIN_SYNTAX: true,
  ERR_PIN_CHAIN_UNVERIFIED: true,
  ERR_PIN_INSECURE_SCHEME: true,
  ERR_DOCUMENT_MALFORMED: true,
  ERR_DOCUMENT_EMPTY: true,
  ERR_DOCUMENT_TOO_LARGE: true,
  ERR_DOCUMENT_ROLLBACK: true,
  ERR_DOCUMENT_FORMAT: true,
  ERR_DOCUMENT_REQUIRED_HOST: true,
  ERR_PROVIDER_NOT_FOUND: true,
  ERR_PROVIDER_DENIED: true,
  ERR_PROVIDER_UNAVAILABLE: true,
  ERR_PROVIDER_TIMEOUT: true,
  ERR_PROVIDER_THROTTLED: true,
  ERR_PROVIDER_MISCONFIGURED: true,
  ERR_PROVIDER_SDK_MISSING: true,
  ERR_RESOLVER_NOT_READY: true,
  ERR_RESOLVER_EXPIRED: true,
  ERR_RESOLVER_CLOSED: true,
  ERR_INVALID_OPTION: true,
};

/** All codes, in the order of the documentation. */
export const pinErrorCodes: readonly (PinErrorCode | 'ERR_INVALID_OPTION')[] = Object.freeze(
  Object.keys(knownCodes) as (PinErrorCode | 'ERR_INVALID_OPTION')[],
);

/**
 * What every error of pinvault extends; never thrown itself.
 *
 * The message opens with the code, because some clients keep nothing but the text. No message, property or cause
 * holds a token, a secret or the content of a request.
 */
export abstract class PinError extends Error {
  readonly code: PinErrorCode;

  constructor(code: PinErrorCode, message: string, options?: { cause?: unknown }) {
    super(`${code}: ${message}`, options);
    this.code = code;
    Object.defineProperty(this, marker, { value: true });
  }

  /** Whether a value is an error of pinvault, also one from another copy of the package. Never throws. */
  static isPinError(this: void, error: unknown): error is PinError {
    return typeof error === 'object' && error !== null && readProperty(error, marker) === true;
  }

  toJSON(): Record<string, unknown> {
    return { name: this.name, code: this.code, message: this.message };
  }
}

/** What an error says behind its code: for a text that names the code already. */
export function messageWithoutCode({
  code,
  message,
}: {
  readonly code: string;
  readonly message: string;
}): string {
  return message.startsWith(`${code}: `) ? message.slice(code.length + 2) : message;
}

/** One certificate of a refused chain, as it can be shown to a person. */
export interface PresentedCertificate {
  /** `sha256/<base64>` of the certificate's public key, or why it could not be computed. */
  readonly pin: string;
  /** The subject, control characters escaped, 256 characters at most. */
  readonly subject: string;
}

/** What a {@link PinMismatchError} knows beside its code. */
export interface MismatchFacts {
  readonly host: string;
  readonly port?: number | undefined;
  /** The key of the document that governs the host. */
  readonly pattern?: string | undefined;
  readonly presented?: readonly PresentedCertificate[] | undefined;
  readonly expected?: readonly string[] | undefined;
  readonly revision?: string | undefined;
}

/** A connection was refused, or would have been under `mode: 'report'`. */
export class PinMismatchError extends PinError {
  override readonly name = 'PinMismatchError';
  declare readonly code: PinMismatchErrorCode;
  readonly host: string;
  readonly port: number | undefined;
  readonly pattern: string | undefined;
  readonly presented: readonly PresentedCertificate[];
  readonly expected: readonly string[];
  readonly revision: string | undefined;

  constructor(code: PinMismatchErrorCode, message: string, facts: MismatchFacts) {
    super(code, message);
    this.host = facts.host;
    this.port = facts.port;
    this.pattern = facts.pattern;
    this.presented = facts.presented ?? [];
    this.expected = facts.expected ?? [];
    this.revision = facts.revision;
  }

  override toJSON(): Record<string, unknown> {
    const { host, port, pattern, presented, expected, revision } = this;
    return { ...super.toJSON(), host, port, pattern, presented, expected, revision };
  }
}

/** Why a document or a row was refused: one word, for programs. */
export type DocumentErrorReason =
  | 'not-json'
  | 'encoding'
  | 'forbidden-character'
  | 'duplicate-key'
  | 'bad-key'
  | 'bad-value'
  | 'bad-pin'
  | 'unknown-directive'
  | 'empty'
  | 'too-large'
  | 'format'
  | 'rollback'
  | 'required-host';

/** Where in a document an error lies. */
export interface DocumentErrorPlace {
  readonly reason: DocumentErrorReason;
  /** The row's key, as it was written. */
  readonly key?: string | undefined;
  /** Index of the token in the row's value, from 0. */
  readonly tokenIndex?: number | undefined;
  /** Index of the character in the text, from 0. */
  readonly position?: number | undefined;
  /** What to do about it. */
  readonly hint?: string | undefined;
}

/** A document, or one row of it, was refused. The last good one stays. */
export class PinDocumentError extends PinError {
  override readonly name = 'PinDocumentError';
  declare readonly code: PinDocumentErrorCode;
  /** What is wrong: the message without code and hint. */
  readonly summary: string;
  readonly reason: DocumentErrorReason;
  readonly key: string | undefined;
  readonly tokenIndex: number | undefined;
  readonly position: number | undefined;
  readonly hint: string | undefined;

  constructor(
    code: PinDocumentErrorCode,
    message: string,
    place: DocumentErrorPlace,
    options?: { cause?: unknown },
  ) {
    super(code, place.hint === undefined ? message : `${message} (${place.hint})`, options);
    this.summary = message;
    this.reason = place.reason;
    this.key = place.key;
    this.tokenIndex = place.tokenIndex;
    this.position = place.position;
    this.hint = place.hint;
  }

  /** The same error, with the name of the document in front. */
  in(source: string): PinDocumentError {
    const { code, summary, reason, key, tokenIndex, position, hint } = this;
    return new PinDocumentError(
      code,
      `${source}: ${summary}`,
      { reason, key, tokenIndex, position, hint },
      { cause: this },
    );
  }

  override toJSON(): Record<string, unknown> {
    const { reason, key, tokenIndex, position, hint } = this;
    return { ...super.toJSON(), reason, key, tokenIndex, position, hint };
  }
}

/** What a {@link PinProviderError} knows beside its code. */
export interface ProviderErrorFacts {
  /** The provider's name. */
  readonly provider: string;
  /** Finer than the code: `deleted`, `destroyed`, `sealed`, … */
  readonly detail?: string | undefined;
  /** How long the store asked to be left alone, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** **Security:** sanitised by the provider; never a raw error of a client, which may hold a token. */
  readonly cause?: unknown;
}

/** A store did not hand over a document. Never means "no pins". */
export class PinProviderError extends PinError {
  override readonly name = 'PinProviderError';
  declare readonly code: PinProviderErrorCode;
  readonly provider: string;
  readonly detail: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: PinProviderErrorCode, message: string, facts: ProviderErrorFacts) {
    super(code, message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.provider = facts.provider;
    this.detail = facts.detail;
    this.retryAfterMs = facts.retryAfterMs;
  }

  override toJSON(): Record<string, unknown> {
    const { provider, detail, retryAfterMs } = this;
    return { ...super.toJSON(), provider, detail, retryAfterMs };
  }
}

/** The resolver cannot answer: not started, past its hard limit, or closed. */
export class PinResolverError extends PinError {
  override readonly name = 'PinResolverError';
  declare readonly code: PinResolverErrorCode;
}

/** A caller's own mistake: a `TypeError` with `code: 'ERR_INVALID_OPTION'`, thrown where the option is passed. */
export interface InvalidOptionError extends TypeError {
  readonly code: 'ERR_INVALID_OPTION';
}

/** Makes the error for a caller's own mistake; `option` is named as the caller wrote it. */
export function invalidOption(
  option: string,
  problem: string,
  options?: { cause?: unknown },
): InvalidOptionError {
  const error = new TypeError(`ERR_INVALID_OPTION: ${option} ${problem}`, options);
  return Object.assign(error, { code: 'ERR_INVALID_OPTION' as const });
}

// fetch, axios, mongodb and AggregateErrors nest; more than this is nonsense.
const maxNested = 256;

/** The error and all that is nested in it through `cause` and `errors`, outermost first, each once. Never throws. */
function* nestedErrors(error: unknown): Generator<object> {
  const pending: unknown[] = [error];
  const seen = new Set<object>();
  for (let next = pending.shift(); seen.size < maxNested; next = pending.shift()) {
    if (typeof next === 'object' && next !== null && !seen.has(next)) {
      seen.add(next);
      yield next;
      pending.push(readProperty(next, 'cause'), ...listedErrors(next));
    }
    if (pending.length === 0) return;
  }
}

function listedErrors(error: object): readonly unknown[] {
  try {
    const errors = readProperty(error, 'errors');
    return Array.isArray(errors) ? errors.slice(0, maxNested) : [];
  } catch {
    return [];
  }
}

/**
 * Finds the error of pinvault in an error that a client wrapped around it, through `cause` and `errors`.
 * Never throws.
 */
export function findPinError(error: unknown): PinError | undefined {
  for (const nested of nestedErrors(error)) if (PinError.isPinError(nested)) return nested;
  return undefined;
}

/**
 * The code of the pinvault error behind any error: from the error itself, from its causes, or, where a client keeps
 * nothing but text (gRPC, kafkajs, node-fetch), out of the message. Never throws.
 */
export function pinErrorCode(error: unknown): PinErrorCode | 'ERR_INVALID_OPTION' | undefined {
  const found = findPinError(error);
  // nodemailer and mysql2 write codes of their own over ours
  if (found !== undefined && Object.hasOwn(knownCodes, found.code)) return found.code;
  for (const nested of nestedErrors(error)) {
    for (const text of [readProperty(nested, 'code'), readProperty(nested, 'message')]) {
      if (typeof text !== 'string') continue;
      for (const [word] of text.matchAll(/\bERR_[A-Z]+_[A-Z_]+\b/gu)) {
        if (Object.hasOwn(knownCodes, word)) return word as PinErrorCode;
      }
    }
  }
  return undefined;
}
