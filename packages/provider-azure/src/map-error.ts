import { PinDocumentError, type PinError, PinProviderError, type PinProviderErrorCode } from '@pinvault/core';
import { credentialFailure } from './credential-failure.js';
import { member } from './foreign.js';
import { connectionFailure, type VaultPlace } from './failures.js';
import { retryAfterMs } from './retry-after.js';
import type { SecretPlace } from './secret.js';

/**
 * The error for a read that brought no secret. Nothing of the SDK's error is passed on but its codes: its text is the
 * answerer's, its properties hold the request, and with it the token.
 */
export function mapError(error: unknown, place: SecretPlace & VaultPlace): PinError {
  if (error instanceof PinProviderError || error instanceof PinDocumentError) return error;
  const status = member(error, 'statusCode');
  const name = member(error, 'name');
  if (name === 'AuthenticationError' || name === 'AggregateAuthenticationError' || isUnavailable(name))
    return credentialFailure(error);
  if (typeof status === 'number') return answerFailure(error, status, place);
  if (isChallengeMismatch(error)) {
    return failure(
      'ERR_PROVIDER_MISCONFIGURED',
      `${place.host} asks for a token for another service: it is no vault of Azure, or vaultUrl is not its own name`,
      { detail: 'challenge' },
    );
  }
  return connectionFailure(error, place);
}

function isUnavailable(name: unknown): boolean {
  return name === 'CredentialUnavailableError' || name === 'AuthenticationRequiredError';
}

/** The SDK throws a plain Error for it, in the same words since its version 4.5. */
function isChallengeMismatch(error: unknown): boolean {
  const message = member(error, 'message');
  return typeof message === 'string' && /^The challenge (?:resource|contains|origin)/u.test(message);
}

interface Facts {
  readonly detail?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

function failure(code: PinProviderErrorCode, problem: string, facts: Facts = {}): PinProviderError {
  return new PinProviderError(code, problem, { provider: 'azure', ...facts });
}

/** What Azure Key Vault, or what stands in its place, answered. */
function answerFailure(error: unknown, status: number, place: SecretPlace & VaultPlace): PinError {
  const { host, name } = place;
  const { code, inner } = serviceCodes(error);
  const request = requestText(error);
  switch (status) {
    case 200:
      return new PinDocumentError(
        'ERR_DOCUMENT_MALFORMED',
        `${host} answers the read of the secret ${name}, but not as Azure Key Vault does`,
        { reason: 'not-json', hint: 'does a proxy answer in its place?' },
      );
    case 400:
      return failure(
        'ERR_PROVIDER_MISCONFIGURED',
        `${host} does not understand the read of the secret ${name}${request}`,
        { detail: 'http-400' },
      );
    case 401:
      return failure(
        'ERR_PROVIDER_DENIED',
        `${host} does not accept the token: it is expired, or for another tenant or service${request}`,
        { detail: 'token' },
      );
    case 403:
      return forbidden(inner ?? saidOfVersion(error), place, request);
    case 404:
      return notFound(code, place);
    case 429:
      return failure('ERR_PROVIDER_THROTTLED', `${host} asks for fewer reads${request}`, {
        detail: 'http-429',
        retryAfterMs: retryAfterMs(headerOf(error)),
      });
    default:
      return failure('ERR_PROVIDER_UNAVAILABLE', `${host} answered with status ${status}${request}`, {
        detail: `http-${status}`,
        retryAfterMs: retryAfterMs(headerOf(error)),
      });
  }
}

/** 403 has six meanings; only some of them concern who asks. */
function forbidden(
  inner: string | undefined,
  { host, vaultName, name }: SecretPlace,
  request: string,
): PinProviderError {
  const attributes = `az keyvault secret set-attributes --vault-name ${vaultName} --name ${name}`;
  switch (inner) {
    case 'SecretDisabled':
      return failure(
        'ERR_PROVIDER_NOT_FOUND',
        `the newest version of the secret ${name} in ${host} is disabled; write a new version, or enable this one (${attributes} --enabled true)`,
        { detail: 'disabled' },
      );
    case 'SecretExpired':
    case 'SecretNotYetValid':
      return failure(
        'ERR_PROVIDER_NOT_FOUND',
        `the newest version of the secret ${name} in ${host} ${inner === 'SecretExpired' ? 'has expired' : 'is not valid yet'}; write a new version, or change this one (${attributes})`,
        { detail: inner === 'SecretExpired' ? 'expired' : 'not-yet-valid' },
      );
    case 'ForbiddenByFirewall':
    case 'ForbiddenByConnection':
      return failure(
        'ERR_PROVIDER_DENIED',
        `the firewall of ${host} does not let this machine in (${inner}); its network rules, or a private endpoint, have to${request}`,
        { detail: 'firewall' },
      );
    case 'AccessDenied':
    case 'ForbiddenByPolicy':
      return failure(
        'ERR_PROVIDER_DENIED',
        `${host} denied the read of the secret ${name} (${inner}); the access policy has to allow this identity to get secrets${request}`,
        { detail: 'access-policy' },
      );
    default: {
      const why = inner === 'ForbiddenByRbac' ? ` (${inner})` : '';
      return failure(
        'ERR_PROVIDER_DENIED',
        `${host} denied the read of the secret ${name}${why}; this identity needs the role "Key Vault Secrets User" on it${request}`,
        { detail: inner === 'ForbiddenByRbac' ? 'rbac' : 'http-403' },
      );
    }
  }
}

function notFound(code: string | undefined, { host, vaultName, name }: SecretPlace): PinProviderError {
  if (code === 'SecretNotFound') {
    return failure(
      'ERR_PROVIDER_NOT_FOUND',
      `${host} has no secret ${name}; az keyvault secret set --vault-name ${vaultName} --name ${name} --file pins.json`,
      { detail: 'missing' },
    );
  }
  return failure(
    'ERR_PROVIDER_UNAVAILABLE',
    `${host} answers 404, but not as Azure Key Vault does; vaultUrl has to name the vault itself`,
    { detail: 'no-vault' },
  );
}

/** What is left of a deleted secret says when it was deleted, and until when it can be recovered. */
export function deletedSecret(
  { deletedOn, scheduledPurgeDate }: { readonly deletedOn?: Date; readonly scheduledPurgeDate?: Date },
  { host, vaultName, name }: SecretPlace,
): PinProviderError {
  const at = deletedOn === undefined ? '' : ` at ${isoText(deletedOn)}`;
  const until = scheduledPurgeDate === undefined ? '' : ` until ${isoText(scheduledPurgeDate)}`;
  return failure(
    'ERR_PROVIDER_NOT_FOUND',
    `the secret ${name} in ${host} was deleted${at}; it can be recovered${until}: az keyvault secret recover --vault-name ${vaultName} --name ${name}`,
    { detail: 'deleted' },
  );
}

function isoText(date: Date): string {
  return date instanceof Date && !Number.isNaN(date.getTime()) ? date.toISOString() : 'a date unknown';
}

// Foreign text is told only where it is one of these: whoever answers may echo the request.
const innerCodes: ReadonlySet<unknown> = new Set([
  'SecretDisabled',
  'ForbiddenByRbac',
  'ForbiddenByPolicy',
  'ForbiddenByFirewall',
  'ForbiddenByConnection',
  'AccessDenied',
]);

interface ServiceCodes {
  readonly code: string | undefined;
  readonly inner: string | undefined;
}

/** `{ error: { code, innererror: { code } } }`, as the SDK has parsed it: `details`, in two generations of spelling. */
function serviceCodes(error: unknown): ServiceCodes {
  const details = member(member(error, 'details'), 'error') ?? member(error, 'details');
  const nested = member(details, 'innererror') ?? member(details, 'innerError');
  const inner = [member(nested, 'code'), member(error, 'code')].find((each) => innerCodes.has(each));
  return {
    code: [member(details, 'code'), member(error, 'code')].find((each) => each === 'SecretNotFound') as
      string | undefined,
    inner: inner as string | undefined,
  };
}

const versionStates = [
  [/^Operation get is not allowed on a disabled secret/u, 'SecretDisabled'],
  [/^Operation get is not allowed on an expired secret/u, 'SecretExpired'],
  [/^Operation get is not allowed before the secret's nbf/u, 'SecretNotYetValid'],
] as const;

/** Where the answer has no inner code, its words tell what is wrong with the version. */
function saidOfVersion(error: unknown): string | undefined {
  const message = member(error, 'message');
  if (typeof message !== 'string') return undefined;
  return versionStates.find(([pattern]) => pattern.test(message))?.[1];
}

type ReadHeader = (name: string) => string | undefined;

function headerOf(error: unknown): ReadHeader {
  const headers = member(member(error, 'response'), 'headers');
  const get = member(headers, 'get');
  return (name) => {
    const value: unknown = typeof get === 'function' ? Reflect.apply(get, headers, [name]) : undefined;
    return typeof value === 'string' ? value : undefined;
  };
}

/** What Azure's support asks for. */
function requestText(error: unknown): string {
  const id = headerOf(error)('x-ms-request-id') ?? '';
  return /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/iu.test(id) ? `; request ${id}` : '';
}
