import { findPinError, PinDocumentError, PinError, PinProviderError } from '@pinvault/core';

/** What is known of a request that failed. */
export interface FailedRequest {
  readonly address: URL;
  readonly signal: AbortSignal;
  readonly timeout: AbortSignal;
  readonly timeoutMs: number;
}

/**
 * The error for a request that brought no answer. The client's own error is never attached: its properties may hold the
 * request, and with it the token.
 */
export function requestFailure(
  error: unknown,
  { address, signal, timeout, timeoutMs }: FailedRequest,
): PinError {
  if (error instanceof PinProviderError || error instanceof PinDocumentError) return error;
  const { host } = address;
  if (signal.aborted) {
    const reason: unknown = signal.reason;
    return PinError.isPinError(reason)
      ? reason
      : unavailable(`the read of the vault at ${host} was ended by its caller`, 'aborted');
  }
  if (timeout.aborted) {
    return new PinProviderError(
      'ERR_PROVIDER_TIMEOUT',
      `the vault at ${host} did not answer within ${timeoutMs} ms`,
      { provider: 'vault' },
    );
  }
  const mismatch = findPinError(error);
  if (mismatch !== undefined) {
    const text = mismatch.message.slice(mismatch.code.length + 2);
    return unavailable(
      `the vault's certificate does not match vault.pins: ${text}`,
      'pin-mismatch',
      mismatch,
    );
  }
  const code = codeOf(error);
  return unavailable(`the vault at ${host} cannot be reached: ${code}${adviceFor(code)}`, code);
}

/** A redirect that would carry the token elsewhere. */
export function refusedRedirect(address: URL, target: URL): PinProviderError {
  return unavailable(
    `the vault at ${address.host} redirects to ${target.protocol}//${target.host}, where the token does not go; name that server in VAULT_ADDR if it is yours`,
    'redirect',
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

const untrusted: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

function adviceFor(code: string): string {
  if (untrusted.has(code))
    return '; its CA is not trusted: name the CA file in VAULT_CACERT, or pass vault: { ca }';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return '; its certificate is for another name: VAULT_ADDR, or VAULT_TLS_SERVER_NAME';
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_') || code.startsWith('HPE_'))
    return '; does the address say http where it is https, or the reverse?';
  if (code === 'ENOTFOUND') return '; VAULT_ADDR names a host that does not exist';
  if (code === 'ECONNREFUSED') return '; nothing listens there: is VAULT_ADDR right, and the vault up?';
  return '';
}
