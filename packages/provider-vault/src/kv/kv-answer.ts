import { createHash } from 'node:crypto';
import { PinDocumentError, type PinProviderError } from '@pinvault/core';
import { bodyKind, failing, member, type Question, refusalOf, type VaultAnswer } from '../answer.js';
import { foreignText, type Secrets } from '../foreign-text.js';
import type { KvLocation } from './location.js';
import { type Notes, notesOf } from './notes.js';

/** A read of one secret of a KV back end. */
export interface KvQuestion extends Question {
  readonly secret: KvLocation;
  /** The version that was asked for; `undefined` for the newest. */
  readonly version?: number | undefined;
}

/** What an answer holds. */
export interface KvContent {
  readonly document: object;
  readonly revision: string;
  readonly createdAt?: Date;
  readonly notes?: Notes;
  /** As the vault writes it: with the version, it names one content, also after the secret was wiped and begun anew. */
  readonly createdTime?: unknown;
}

/** The document in an answer, or the error that tells why there is none. @throws PinError */
export function readKvAnswer(answer: VaultAnswer, question: KvQuestion): KvContent {
  if (answer.statusCode === 404) throw missing(answer, question);
  if (answer.statusCode !== 200) throw refusalOf(answer, question);
  const content = question.secret.version === 2 ? versioned(answer, question.token) : plain(answer);
  if (content !== undefined) return content;
  const { secret, address, token } = question;
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
    `${address.host} answers the read of ${secret.text}, but not as KV version ${secret.version} does`,
    {
      reason: 'bad-value',
      hint: `is the mount "${secret.mount}/" a KV back end of that version? vault.kvVersion says which`,
    },
  );
}

/** Whether the mount is of the other version than the one it was read as. */
export function contradictionIn(answer: VaultAnswer, version: 1 | 2): 'none' | 'possible' | 'certain' {
  if (version === 1) return isVersioned(answer) ? 'certain' : 'none';
  const { statusCode, body } = answer;
  // Version 1 says of a path under data/ what it says of any other: that nothing is there, or what is.
  const isPlain =
    statusCode === 200 && isObject(member(body, 'data')) && !isObject(member(body, 'data', 'metadata'));
  const isMissing = statusCode === 404 && Array.isArray(member(body, 'errors'));
  return isPlain || isMissing ? 'possible' : 'none';
}

function versioned({ body }: VaultAnswer, token: Secrets): KvContent | undefined {
  const document = member(body, 'data', 'data');
  const metadata = member(body, 'data', 'metadata');
  const version = member(metadata, 'version');
  if (!isObject(document) || typeof version !== 'number') return undefined;
  const createdTime = member(metadata, 'created_time');
  const createdAt = new Date(String(createdTime));
  const notes = notesOf(member(metadata, 'custom_metadata'), token);
  return {
    document,
    revision: String(version),
    createdTime,
    ...(Number.isNaN(createdAt.getTime()) ? {} : { createdAt }),
    ...(notes === undefined ? {} : { notes }),
  };
}

/** Version 1 keeps neither versions nor times. */
function plain({ body }: VaultAnswer): KvContent | undefined {
  const document = member(body, 'data');
  if (!isObject(document)) return undefined;
  let text: string;
  try {
    text = JSON.stringify(document);
  } catch {
    // Nested deeper than the stack, as no vault does: it is parsed all the same.
    return undefined;
  }
  return { document, revision: createHash('sha256').update(text).digest('hex').slice(0, 20) };
}

/** 404 has six meanings. */
function missing(answer: VaultAnswer, { address, secret, token, version }: KvQuestion): PinProviderError {
  const { body } = answer;
  const fail = failing(answer);
  const metadata = member(body, 'data', 'metadata');
  if (isObject(metadata)) {
    const name = foreignText(String(member(metadata, 'version')), token, 20);
    if (member(metadata, 'destroyed') === true) {
      return fail(
        'ERR_PROVIDER_NOT_FOUND',
        `version ${name} of ${secret.text} was destroyed; write a new one`,
        'destroyed',
      );
    }
    const at = foreignText(String(member(metadata, 'deletion_time')), token, 40);
    return fail(
      'ERR_PROVIDER_NOT_FOUND',
      `version ${name} of ${secret.text} was deleted at ${at}; undelete it (vault kv undelete), or write a new one`,
      'deleted',
    );
  }
  if (isVersioned(answer)) {
    return fail(
      'ERR_PROVIDER_NOT_FOUND',
      `the mount "${secret.mount}/" of the vault at ${address.host} is a KV version 2, and ${secret.text} was read as of version 1: is vault.kvVersion right?`,
      'kv-version',
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
  if (version !== undefined) {
    return fail(
      'ERR_PROVIDER_NOT_FOUND',
      `the vault at ${address.host} has no version ${version} of ${secret.text}, or nothing there at all`,
      'no-version',
    );
  }
  return fail(
    'ERR_PROVIDER_NOT_FOUND',
    `the vault at ${address.host} has no secret ${secret.text} (KV version ${secret.version}, mount "${secret.mount}/"); is the path spelled as vault kv get takes it?`,
    'missing',
  );
}

/** What a KV version 2 says to a request that takes it for a version 1. */
function isVersioned({ statusCode, body }: VaultAnswer): boolean {
  const warnings = member(body, 'warnings');
  return (
    statusCode === 404 &&
    Array.isArray(warnings) &&
    warnings.some((each) => String(each).includes('versioned K/V'))
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
