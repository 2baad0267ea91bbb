import { findPinError, messageWithoutCode, PinError, PinProviderError } from '@pinvault/core';
import { member } from './foreign.js';

/** Which vault a failure is about. */
export interface VaultPlace {
  /** Host, with the port where it is not the usual one. */
  readonly host: string;
}

/** The error for a request that brought no answer; of the raw one only its code is told. */
export function connectionFailure(error: unknown, { host }: VaultPlace): PinError {
  const mismatch = findPinError(error);
  if (mismatch !== undefined) {
    return unavailable(
      `the certificate of ${host} does not match azure.pins: ${messageWithoutCode(mismatch)}`,
      'pin-mismatch',
      mismatch,
    );
  }
  const code = codeOf(error);
  if (code !== undefined) return unavailable(`${host} cannot be reached: ${code}${adviceFor(code)}`, code);
  const name = member(error, 'name');
  const label = typeof name === 'string' && /^[A-Z][A-Za-z]{2,40}$/u.test(name) ? name : 'unknown error';
  return unavailable(`the read of ${host} failed with ${label}`, label);
}

/** A read that took too long, and whom it waited for. */
export function timedOut(
  { host }: VaultPlace,
  { timeoutMs, waitsForToken }: { readonly timeoutMs: number; readonly waitsForToken: boolean },
): PinError {
  const who = waitsForToken ? `azure.credential handed over no token for ${host}` : `${host} did not answer`;
  const text = `${who} within ${timeoutMs} ms`;
  return new PinProviderError('ERR_PROVIDER_TIMEOUT', text, { provider: 'azure' });
}

/** A read whose caller gave up: in the caller's words, where they are an error of ours. */
export function endedByCaller({ host }: VaultPlace, reason: unknown): PinError {
  return PinError.isPinError(reason)
    ? reason
    : unavailable(`the read of ${host} was ended by its caller`, 'aborted');
}

/** A read of a provider that is closed. */
export function closed({ host }: VaultPlace): PinError {
  return unavailable(`the provider of ${host} is closed`, 'closed');
}

/** A redirect that would carry the token elsewhere. */
export function refusedRedirect({ host }: VaultPlace): PinError {
  return unavailable(
    `${host} redirects to another host, where the token does not go; name that one in vaultUrl if it is yours`,
    'redirect',
  );
}

/** A proxy under `azure.pins`. */
export function refusedProxy({ host }: VaultPlace): PinError {
  const text = `HTTPS_PROXY takes the connection to ${host}, and azure.pins cannot be checked through it: add the vault to NO_PROXY, or leave the pins out`;
  return new PinProviderError('ERR_PROVIDER_MISCONFIGURED', text, { provider: 'azure', detail: 'proxy' });
}

function unavailable(problem: string, detail: string, cause?: PinError): PinProviderError {
  return new PinProviderError('ERR_PROVIDER_UNAVAILABLE', problem, { provider: 'azure', detail, cause });
}

/** The codes of Node and OpenSSL are short words in capitals; anything else may be somebody's text. */
function codeOf(error: unknown): string | undefined {
  for (const value of [member(error, 'code'), member(member(error, 'cause'), 'code')])
    if (typeof value === 'string' && /^[A-Z][A-Z0-9_]{2,60}$/u.test(value)) return value;
  return undefined;
}

const untrusted: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

function adviceFor(code: string): string {
  if (untrusted.has(code)) {
    return '; its CA is not trusted: NODE_EXTRA_CA_CERTS, or azure: { clientOptions: { tlsOptions: { ca } } }, where a proxy of yours inspects TLS';
  }
  switch (code) {
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return '; its certificate is for another name than the one in vaultUrl';
    case 'CERT_HAS_EXPIRED':
      return '; its certificate has expired (or this clock is wrong)';
    case 'ENOTFOUND':
      return '; there is no such vault, or its private DNS zone is not linked to this network';
    case 'EAI_AGAIN':
      return '; no DNS server answered';
    case 'ECONNREFUSED':
      return '; nothing listens there: is vaultUrl right?';
    default:
      return '';
  }
}
