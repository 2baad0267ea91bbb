import {
  findPinError,
  messageWithoutCode,
  PinProviderError,
  type PinProviderErrorCode,
} from '@pinvault/core';
import { member } from './foreign.js';

/**
 * The error for a credential that handed over no token. Of the credential's own error only names and codes are told:
 * its text may hold what the token was asked for with.
 */
export function credentialFailure(error: unknown): PinProviderError {
  const mismatch = findPinError(error);
  if (mismatch !== undefined) {
    const text = `azure.credential was refused by pins of its own: ${messageWithoutCode(mismatch)}`;
    return failure('ERR_PROVIDER_UNAVAILABLE', text, mismatch);
  }
  const causes = [error, ...causesOf(error)];
  const status = causes.map(statusOf).find((each) => each !== undefined);
  const isRefused = causes.some(isRefusal);
  const codes = [...new Set(causes.flatMap(entraCodes))];
  const told = codes.length === 0 ? '' : ` (${codes.slice(0, 3).join(', ')})`;
  if (status === 429 || codes.some((each) => each === throttledCode))
    return failure('ERR_PROVIDER_THROTTLED', `Microsoft Entra ID asks for fewer sign-ins${told}`);
  if (isRefused) {
    return failure(
      'ERR_PROVIDER_DENIED',
      `Microsoft Entra ID refused the sign-in${told}; see AZURE_TENANT_ID, AZURE_CLIENT_ID and what belongs to them`,
    );
  }
  const isUnavailable = causes.some((each) => member(each, 'name') === 'CredentialUnavailableError');
  if (isUnavailable) {
    return failure(
      'ERR_PROVIDER_UNAVAILABLE',
      `no Azure credential was to be had${triedText(causes)}; give the service a managed identity, set AZURE_CLIENT_ID and what belongs to it, run az login, or pass azure: { credential }`,
    );
  }
  const network = causes.map(networkCode).find((each) => each !== undefined);
  const label = network === undefined ? told : ` (${network})`;
  return failure('ERR_PROVIDER_UNAVAILABLE', `azure.credential handed over no token${label}`);
}

function failure(code: PinProviderErrorCode, problem: string, cause?: Error): PinProviderError {
  return new PinProviderError(code, problem, { provider: 'azure', detail: 'credential', cause });
}

// Chains of credentials nest a few deep; more than this is nonsense.
const maxCauses = 30;

/** What lies under an error: `errors` of an aggregate, `cause` of the rest. */
function causesOf(error: unknown): unknown[] {
  const found: unknown[] = [];
  const waiting = [error];
  for (let next = waiting.shift(); next !== undefined && found.length < maxCauses; next = waiting.shift()) {
    const errors = member(next, 'errors');
    const inner = [...(Array.isArray(errors) ? (errors as unknown[]) : []), member(next, 'cause')];
    for (const each of inner) {
      if (typeof each !== 'object' || each === null) continue;
      found.push(each);
      waiting.push(each);
    }
  }
  return found;
}

// https://learn.microsoft.com/entra/identity-platform/reference-error-codes
const throttledCode = 'AADSTS50196';
const transientCodes: ReadonlySet<string> = new Set(['AADSTS90006', 'AADSTS90012', 'AADSTS90033']);

/**
 * Whether somebody has said no. The SDK gives a sign-in that reached nobody the status 400, too: what counts is a code of
 * Entra's, or one of RFC 6749 §5.2.
 */
function isRefusal(error: unknown): boolean {
  const status = statusOf(error);
  if (status === undefined || status < 400 || status >= 500) return false;
  const codes = entraCodes(error);
  if (codes.length > 0) return !codes.some((each) => transientCodes.has(each));
  const message = member(error, 'message');
  return (
    typeof message === 'string' && /\b(?:invalid_client|invalid_grant|unauthorized_client)\b/u.test(message)
  );
}

function statusOf(error: unknown): number | undefined {
  // A credential that is not there at all has asked nobody, whatever stands under it.
  if (member(error, 'name') !== 'AuthenticationError') return undefined;
  const status = member(error, 'statusCode');
  return typeof status === 'number' ? status : undefined;
}

/** `AADSTS7000215` and the like: Microsoft's documentation explains each. */
function entraCodes(error: unknown): string[] {
  const message = member(error, 'message');
  return typeof message === 'string' ? (message.match(/AADSTS\d{4,8}/gu) ?? []) : [];
}

function networkCode(error: unknown): string | undefined {
  const code = member(error, 'code');
  return typeof code === 'string' && /^E[A-Z_]{3,40}$/u.test(code) ? code : undefined;
}

const knownCredentials =
  /\b(?:Environment|WorkloadIdentity|ManagedIdentity|VisualStudioCode|AzureCli|AzurePowerShell|AzureDeveloperCli|ClientSecret|ClientCertificate|AzurePipelines|Broker)Credential\b/gu;

function triedText(causes: readonly unknown[]): string {
  const messages = causes.map((each) => member(each, 'message')).filter((each) => typeof each === 'string');
  const tried = new Set(messages.flatMap((message) => message.match(knownCredentials) ?? []));
  return tried.size === 0 ? '' : ` (tried ${[...tried].join(', ')})`;
}
