import {
  parseRetryAfter,
  PinDocumentError,
  type PinProviderErrorCode,
  PinProviderError,
  type PinReadResult,
} from '@pinvault/core';
import { foreignText } from './foreign-text.js';
import type { SecretPath } from './secret-path.js';
import type { VaultResponse } from './transport.js';

/** What an answer is the answer to. */
export interface Question {
  readonly address: URL;
  readonly secret: SecretPath;
  /** Taken out of every text: what answers need not be a vault, and may echo the request. */
  readonly token: string;
}

/** What the vault answered, parsed where it is JSON. */
export interface VaultAnswer extends Pick<VaultResponse, 'statusCode' | 'contentType' | 'retryAfter'> {
  /** `undefined` where the answer was no JSON. */
  readonly body: unknown;
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
  return { statusCode, contentType, retryAfter, body };
}

/** The document in an answer of KV version 2, or the error that tells why there is none. @throws PinError */
export function readAnswer(answer: VaultAnswer, question: Question): PinReadResult {
  const { secret, address, token } = question;
  if (answer.statusCode !== 200) throw refusalOf(answer, question);
  const outer = member(answer.body, 'data');
  const document = member(outer, 'data');
  const metadata = member(outer, 'metadata');
  const version = member(metadata, 'version');
  if (typeof document === 'object' && document !== null && typeof version === 'number') {
    const createdAt = new Date(String(member(metadata, 'created_time')));
    return {
      document,
      revision: String(version),
      ...(Number.isNaN(createdAt.getTime()) ? {} : { createdAt }),
    };
  }
  if (answer.body === undefined) {
    throw new PinDocumentError(
      'ERR_DOCUMENT_MALFORMED',
      `${address.host} answers the read of ${secret.text} with ${bodyKind(answer, token)}`,
      {
        reason: 'not-json',
        hint: 'a proxy or a log-in page in between? VAULT_ADDR has to name the vault itself',
      },
    );
  }
  throw new PinDocumentError(
    'ERR_DOCUMENT_MALFORMED',
    `${address.host} answers the read of ${secret.text}, but not as KV version 2 does`,
    {
      reason: 'bad-value',
      hint: 'the mount has to be a KV version 2 back end',
    },
  );
}

function refusalOf(answer: VaultAnswer, question: Question): PinProviderError {
  const { statusCode } = answer;
  const { address, secret } = question;
  const said = saidBy(answer, question.token);
  const fail = (code: PinProviderErrorCode, problem: string, detail?: string): PinProviderError =>
    new PinProviderError(code, problem, {
      provider: 'vault',
      detail,
      retryAfterMs: parseRetryAfter(answer.retryAfter),
    });
  switch (statusCode) {
    case 404:
      return missing(answer, question, fail);
    case 401:
    case 403: {
      const advice = `it needs the capability read on "${secret.policyPath}"; or it was revoked, or has expired`;
      return fail(
        'ERR_PROVIDER_DENIED',
        `the vault at ${address.host} denied the token the read of ${secret.text}${said}; ${advice}`,
      );
    }
    case 400:
    case 405: {
      // What Go's servers answer to plain http on their TLS port.
      const isPlain = address.protocol === 'http:' && answer.body === undefined;
      const advice = isPlain ? '; does the address say http where it is https?' : '';
      return fail(
        'ERR_PROVIDER_MISCONFIGURED',
        `the vault at ${address.host} does not understand the read of ${secret.text}${said}${advice}`,
      );
    }
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

type Fail = (code: PinProviderErrorCode, problem: string, detail?: string) => PinProviderError;

/** 404 has four meanings. */
function missing({ body }: VaultAnswer, { address, secret, token }: Question, fail: Fail): PinProviderError {
  const metadata = member(member(body, 'data'), 'metadata');
  if (typeof metadata === 'object' && metadata !== null) {
    const version = foreignText(String(member(metadata, 'version')), token, 20);
    if (member(metadata, 'destroyed') === true) {
      return fail(
        'ERR_PROVIDER_NOT_FOUND',
        `version ${version} of ${secret.text} was destroyed; write a new one`,
        'destroyed',
      );
    }
    const at = foreignText(String(member(metadata, 'deletion_time')), token, 40);
    return fail(
      'ERR_PROVIDER_NOT_FOUND',
      `version ${version} of ${secret.text} was deleted at ${at}; undelete it (vault kv undelete), or write a new one`,
      'deleted',
    );
  }
  const errors = member(body, 'errors');
  if (!Array.isArray(errors)) {
    return fail(
      'ERR_PROVIDER_UNAVAILABLE',
      `${address.host} answers 404, but not as a vault does; VAULT_ADDR has to name the vault itself`,
      'no-vault',
    );
  }
  if (errors.some((each) => String(each).includes('no handler for route'))) {
    return fail(
      'ERR_PROVIDER_NOT_FOUND',
      `the vault at ${address.host} has no mount "${secret.mount}/"; mind the namespace, too`,
      'no-mount',
    );
  }
  return fail(
    'ERR_PROVIDER_NOT_FOUND',
    `the vault at ${address.host} has no secret ${secret.text}; is the path spelled as vault kv get takes it, and the mount a KV version 2?`,
    'missing',
  );
}

/** The vault's own words; or that they are not a vault's. */
function saidBy(answer: VaultAnswer, token: string): string {
  if (answer.body === undefined) return ` (${bodyKind(answer, token)}: does a proxy answer in its place?)`;
  const errors = member(answer.body, 'errors');
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  if (typeof first !== 'string' || first === '') return '';
  return ` (${foreignText(first, token, 200)})`;
}

/** What a body is that is no JSON. */
function bodyKind({ contentType }: VaultAnswer, token: string): string {
  if (isJsonType(contentType)) return 'broken JSON';
  const kind = foreignText(contentType.replace(/;.*/su, ''), token, 60);
  return kind === '' ? 'no JSON' : `${kind}, not JSON`;
}

function isJsonType(contentType: string): boolean {
  return /^application\/(?:[a-z.+-]*\+)?json\b/iu.test(contentType);
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}
