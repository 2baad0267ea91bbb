import { parseRetryAfter, type PinProviderErrorCode, PinProviderError } from '@pinvault/core';
import { foreignText, type Secrets } from './foreign-text.js';
import type { VaultResponse } from './transport.js';

/** What an answer is the answer to. */
export interface Question {
  readonly address: URL;
  readonly secret: {
    /** For people, as `vault kv get` takes it. */
    readonly text: string;
    readonly mount: string;
    /** As a policy names it. */
    readonly policyPath: string;
  };
  /** Taken out of every text: what answers need not be a vault, and may echo the request. */
  readonly token: Secrets;
}

/** What the vault answered, parsed where it is JSON. */
export interface VaultAnswer extends Pick<VaultResponse, 'statusCode' | 'contentType' | 'retryAfter'> {
  /** `undefined` where the answer was no JSON. */
  readonly body: unknown;
  /** Length of the body. */
  readonly byteCount: number;
}

/** Parses a response; a body that says it is JSON and is not counts as none. */
export function parseResponse({ statusCode, contentType, retryAfter, text }: VaultResponse): VaultAnswer {
  let body: unknown;
  if (isJsonType(contentType)) {
    try {
      body = JSON.parse(text);
    } catch {
      body = undefined;
    }
  }
  return { statusCode, contentType, retryAfter, body, byteCount: Buffer.byteLength(text) };
}

/** The error of a status that is no success; what 404 means is the caller's to say first, where it means something. */
export function refusalOf(answer: VaultAnswer, question: Question): PinProviderError {
  const { statusCode } = answer;
  const { address, secret } = question;
  const said = saidBy(answer, question.token);
  const fail = failing(answer);
  switch (statusCode) {
    case 401:
    case 403: {
      const advice = `it needs the capability read on "${secret.policyPath}"; or it was revoked, or has expired`;
      return fail(
        'ERR_PROVIDER_DENIED',
        `the vault at ${address.host} denied the token the read of ${secret.text}${said}; ${advice}`,
      );
    }
    case 400:
      // For a moment after vault kv enable-versioning; a standby waits for the active node to do it.
      if (/upgrad(?:e|ing) from non-versioned/iu.test(said))
        return fail(
          'ERR_PROVIDER_UNAVAILABLE',
          `the vault at ${address.host} is making the mount "${secret.mount}/" a KV version 2${said}`,
          'upgrading',
        );
      return misunderstood(answer, question, said);
    case 405:
      return misunderstood(answer, question, said);
    case 429:
      return fail('ERR_PROVIDER_THROTTLED', `the vault at ${address.host} asks for fewer reads${said}`);
    case 501:
      return fail(
        'ERR_PROVIDER_UNAVAILABLE',
        `the vault at ${address.host} is not initialised`,
        'uninitialised',
      );
    case 503: {
      const isSealed = said.includes('sealed');
      return fail(
        'ERR_PROVIDER_UNAVAILABLE',
        `the vault at ${address.host} ${isSealed ? 'is sealed' : `is unavailable${said}`}`,
        isSealed ? 'sealed' : 'http-503',
      );
    }
    default:
      return fail(
        'ERR_PROVIDER_UNAVAILABLE',
        `the vault at ${address.host} answered with status ${statusCode}${said}`,
        `http-${statusCode}`,
      );
  }
}

function misunderstood(answer: VaultAnswer, { address, secret }: Question, said: string): PinProviderError {
  // What Go's servers answer to plain http on their TLS port.
  const isPlain = address.protocol === 'http:' && answer.body === undefined;
  const advice = isPlain ? '; does the address say http where it is https?' : '';
  return failing(answer)(
    'ERR_PROVIDER_MISCONFIGURED',
    `the vault at ${address.host} does not understand the read of ${secret.text}${said}${advice}`,
  );
}

/** Makes the error that an answer stands for. */
export function failing({
  retryAfter,
}: Pick<VaultAnswer, 'retryAfter'>): (
  code: PinProviderErrorCode,
  problem: string,
  detail?: string,
) => PinProviderError {
  return (code, problem, detail) =>
    new PinProviderError(code, problem, {
      provider: 'vault',
      detail,
      retryAfterMs: parseRetryAfter(retryAfter),
    });
}

/** The vault's own words; or that they are not a vault's. */
export function saidBy(answer: VaultAnswer, token: Secrets): string {
  if (answer.body === undefined) return ` (${bodyKind(answer, token)}: does a proxy answer in its place?)`;
  const errors = member(answer.body, 'errors');
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  if (typeof first !== 'string' || first === '') return '';
  return ` (${foreignText(first, token, 200)})`;
}

/** What a body is that is no JSON. */
export function bodyKind({ contentType }: VaultAnswer, token: Secrets): string {
  if (isJsonType(contentType)) return 'broken JSON';
  const kind = foreignText(contentType.replace(/;.*/su, ''), token, 60);
  return kind === '' ? 'no JSON' : `${kind}, not JSON`;
}

function isJsonType(contentType: string): boolean {
  return /^application\/(?:[a-z.+-]*\+)?json\b/iu.test(contentType);
}

/** A member of its own of a decoded JSON value; `undefined` where there is none. */
export function member(value: unknown, ...names: readonly string[]): unknown {
  return names.reduce<unknown>(
    (inner, name) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, name)
        ? Reflect.get(inner, name)
        : undefined,
    value,
  );
}
