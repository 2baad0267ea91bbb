import { findPinError, PinDocumentError, PinError, PinProviderError } from '@pinvault/core';

/** What failures are the failures of. */
interface Named {
  /** Of the vault, as texts name it. */
  readonly host: string;
}

/**
 * The error for a request that brought no answer. The client's own error is never attached: its properties may hold the
 * request, and with it the token.
 */
export function requestFailure(error: unknown, { host }: Named): PinError {
  if (error instanceof PinProviderError || error instanceof PinDocumentError) return error;
  const mismatch = findPinError(error);
  if (mismatch !== undefined) {
    const text = mismatch.message.slice(mismatch.code.length + 2);
    return unavailable(
      `the certificate of the vault at ${host} does not match vault.pins: ${text}`,
      'pin-mismatch',
      mismatch,
    );
  }
  const code = codeOf(error);
  const reason = tlsReasonOf(error);
  const what = reason === '' ? code : `${code} (${reason})`;
  return unavailable(`the vault at ${host} cannot be reached: ${what}${adviceFor(code, reason)}`, code);
}

/** A request that took too long. */
export function timedOut({ host }: Named, timeoutMs: number): PinError {
  return new PinProviderError(
    'ERR_PROVIDER_TIMEOUT',
    `the vault at ${host} did not answer within ${timeoutMs} ms`,
    { provider: 'vault' },
  );
}

/** A request whose caller gave up: in the caller's words, where they are an error of ours. */
export function endedByCaller({ host }: Named, reason: unknown): PinError {
  return PinError.isPinError(reason)
    ? reason
    : unavailable(`the read of the vault at ${host} was ended by its caller`, 'aborted');
}

/** A request of a provider that is closed. */
export function closed({ host }: Named): PinError {
  return unavailable(`the provider of the vault at ${host} is closed`, 'closed');
}

/** A redirect that is not followed. */
export function refusedRedirect(from: Named, why: string): PinProviderError {
  return unavailable(`the vault at ${from.host} redirects ${why}`, 'redirect');
}

/** A proxy that brought no connection to the vault. @param status - what it answered, where it did */
export function proxyFailure(proxy: Named, to: string, error: unknown, status?: number): PinProviderError {
  const what = status === undefined ? `cannot be reached: ${codeOf(error)}` : `answers with status ${status}`;
  const advice = status === 407 ? '; it wants a user and a password, or others, in VAULT_PROXY_ADDR' : '';
  return unavailable(`the proxy at ${proxy.host} on the way to the vault at ${to} ${what}${advice}`, 'proxy');
}

/** Whether it was the certificate that was refused: asking again would change nothing. */
export function isCertificateFailure(error: PinError): boolean {
  const detail = error instanceof PinProviderError ? (error.detail ?? '') : '';
  return (
    detail === 'pin-mismatch' ||
    detail === 'ERR_TLS_CERT_ALTNAME_INVALID' ||
    detail.startsWith('CERT_') ||
    untrusted.has(detail)
  );
}

function unavailable(problem: string, detail: string, cause?: PinError): PinProviderError {
  return new PinProviderError('ERR_PROVIDER_UNAVAILABLE', problem, { provider: 'vault', detail, cause });
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'unknown error';
  const { code, name } = error as { code?: unknown; name?: unknown };
  if (typeof code === 'string') return code;
  return typeof name === 'string' ? name : 'unknown error';
}

/** OpenSSL's own words: EPROTO alone has a dozen meanings. */
function tlsReasonOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  return /:SSL routines:[^:]*:([a-z0-9 /]{1,60}):/iu.exec(error.message)?.[1] ?? '';
}

const untrusted: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

function adviceFor(code: string, tlsReason: string): string {
  if (untrusted.has(code))
    return '; its CA is not trusted: name the CA file in VAULT_CACERT, or pass vault: { ca }';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return '; its certificate is for another name: VAULT_ADDR, or VAULT_TLS_SERVER_NAME';
  if (code === 'CERT_HAS_EXPIRED') return "; the vault's certificate has expired (or this clock is wrong)";
  if (/wrong version number|packet length|http request/u.test(tlsReason) || code.startsWith('HPE_'))
    return '; does the address say http where it is https, or the reverse?';
  if (/certificate required|handshake failure/u.test(tlsReason))
    return '; it wants a client certificate: VAULT_CLIENT_CERT and VAULT_CLIENT_KEY, or vault: { cert, key }';
  if (/unknown ca|bad certificate|certificate (?:unknown|expired|revoked)/u.test(tlsReason))
    return '; it does not take the client certificate that it was shown';
  if (/protocol/u.test(tlsReason)) return '; it speaks no TLS of version 1.2 or above';
  if (code === 'ENOTFOUND') return '; VAULT_ADDR names a host that does not exist';
  if (code === 'EAI_AGAIN') return '; no DNS server answered';
  if (code === 'ECONNREFUSED') return '; nothing listens there: is VAULT_ADDR right, and the vault up?';
  return '';
}
