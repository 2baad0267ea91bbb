import {
  findPinError,
  parseRetryAfter,
  PinDocumentError,
  PinError,
  PinProviderError,
  type PinProviderErrorCode,
} from '@pinvault/core';

/** What of an error of the SDK is looked at. Its texts are not told: what answers need not be AWS, and may echo. */
interface SdkError {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: unknown; readonly requestId?: unknown };
  readonly $retryable?: { readonly throttling?: unknown };
  readonly $response?: { readonly headers?: Readonly<Record<string, unknown>> };
}

interface Meaning {
  readonly code: PinProviderErrorCode;
  readonly detail: string;
  readonly text: (secret: string) => string;
}

const denied = (detail: string, text: Meaning['text']): Meaning => ({
  code: 'ERR_PROVIDER_DENIED',
  detail,
  text,
});

const noRight = denied(
  'access',
  (secret) =>
    `the credentials may not read ${secret}: they need secretsmanager:GetSecretValue on it, and kms:Decrypt where it has a key of its own; no other policy may deny it`,
);
const badCredentials = denied(
  'credentials',
  (secret) =>
    `the credentials for ${secret} are refused: they have expired, were revoked, or were never valid`,
);
const badClock = denied(
  'clock',
  () => 'the request was refused for its time: is the clock of this machine right?',
);
const throttled: Meaning = {
  code: 'ERR_PROVIDER_THROTTLED',
  detail: 'throttled',
  text: () => 'Secrets Manager asks for fewer reads',
};
const malformed: Meaning = {
  code: 'ERR_PROVIDER_MISCONFIGURED',
  detail: 'bad-request',
  text: (secret) =>
    `Secrets Manager does not understand the read of ${secret}: is the id a name or an ARN of this region?`,
};
const failed: Meaning = {
  code: 'ERR_PROVIDER_UNAVAILABLE',
  detail: 'failed',
  text: () => 'Secrets Manager failed',
};

// By name: most of these are not modelled in the SDK, and come as a plain ServiceException.
const meanings: Readonly<Record<string, Meaning>> = {
  ResourceNotFoundException: {
    code: 'ERR_PROVIDER_NOT_FOUND',
    detail: 'missing',
    text: (secret) =>
      `there is no secret ${secret} in this account and region, or none of its versions has the stage`,
  },
  InvalidRequestException: malformed,
  InvalidParameterException: malformed,
  ValidationException: malformed,
  DecryptionFailure: denied(
    'decryption',
    (secret) => `the KMS key of ${secret} cannot decrypt it: is the key enabled, and kms:Decrypt allowed?`,
  ),
  AccessDeniedException: noRight,
  AccessDenied: noRight,
  NotAuthorized: noRight,
  UnauthorizedOperation: noRight,
  OptInRequired: noRight,
  ExpiredTokenException: badCredentials,
  ExpiredToken: badCredentials,
  UnrecognizedClientException: badCredentials,
  InvalidClientTokenId: badCredentials,
  InvalidAccessKeyId: badCredentials,
  MissingAuthenticationToken: badCredentials,
  MissingAuthenticationTokenException: badCredentials,
  IncompleteSignature: badCredentials,
  IncompleteSignatureException: badCredentials,
  InvalidSignatureException: badCredentials,
  SignatureDoesNotMatch: badCredentials,
  RequestExpired: badClock,
  RequestTimeTooSkewed: badClock,
  ThrottlingException: throttled,
  Throttling: throttled,
  ThrottledException: throttled,
  RequestThrottled: throttled,
  RequestThrottledException: throttled,
  TooManyRequestsException: throttled,
  RequestLimitExceeded: throttled,
  LimitExceededException: throttled,
  SlowDown: throttled,
  InternalServiceError: failed,
  InternalServiceErrorException: failed,
  InternalFailure: failed,
  ServiceUnavailable: failed,
  ServiceUnavailableException: failed,
};

/**
 * The error for a request that brought no document, by the name that the service or the SDK gave it.
 *
 * @param secret - the id, for people
 */
export function requestFailure(error: unknown, secret: string): PinError {
  const own = findPinError(error);
  if (own instanceof PinProviderError) return own;
  // A new one: the SDK hangs the whole response on what its middleware throws.
  if (own instanceof PinDocumentError)
    return new PinDocumentError(own.code, own.summary, { reason: own.reason, hint: own.hint });
  if (own !== undefined) {
    const text = own.message.slice(own.code.length + 2);
    return unavailable(
      `the certificate of Secrets Manager does not match aws.pins: ${text}`,
      'pin-mismatch',
      own,
    );
  }
  const sdkError = (typeof error === 'object' && error !== null ? error : {}) as SdkError;
  const name = typeof sdkError.name === 'string' ? sdkError.name : '';
  return (
    serviceFailure(name, sdkError, secret) ?? clientFailure(name, sdkError) ?? statusFailure(sdkError, secret)
  );
}

/** The error for a secret that a batch could not bring, by the code in the batch's answer. */
export function failureNamed(name: unknown, message: unknown, secret: string): PinError {
  return requestFailure({ name, message, $metadata: { httpStatusCode: 400 } }, secret);
}

function serviceFailure(name: string, error: SdkError, secret: string): PinError | undefined {
  if (name === 'InvalidRequestException' && isAboutDeletion(error.message)) {
    return new PinProviderError(
      'ERR_PROVIDER_NOT_FOUND',
      `${secret} is scheduled for deletion: aws secretsmanager restore-secret brings it back`,
      { provider: 'aws', detail: 'deleted' },
    );
  }
  // A clock that is off has no name of its own here, but these words.
  const isSkewed =
    name === 'InvalidSignatureException' && /not yet current|expired/iu.test(textOf(error.message));
  const isThrottled = error.$retryable?.throttling === true || statusOf(error) === 429;
  const meaning = isSkewed
    ? badClock
    : ((Object.hasOwn(meanings, name) ? meanings[name] : undefined) ?? (isThrottled ? throttled : undefined));
  return meaning === undefined ? undefined : told(meaning, error, secret);
}

/** What never reached the service, or was no answer of it. */
function clientFailure(name: string, error: SdkError): PinError | undefined {
  // With another status it is the page of whatever stands in between: the status counts, and the SDK has lost it to JSON.
  if (name === 'SyntaxError' && (statusOf(error) ?? 200) < 300) {
    return new PinDocumentError(
      'ERR_DOCUMENT_MALFORMED',
      'Secrets Manager answers with something that is no JSON',
      {
        reason: 'not-json',
        hint: 'does a proxy or a log-in page answer in its place?',
      },
    );
  }
  if (/^(?:Credentials|Token)ProviderError$/u.test(name)) {
    const text = 'no credentials: none of the sources where the AWS SDK looks has any';
    return new PinProviderError('ERR_PROVIDER_DENIED', text, { provider: 'aws', detail: 'no-credentials' });
  }
  // Two plain Errors of the SDK: an unset variable, and an empty or a crooked one.
  if (/^Region (?:is missing|not accepted)/u.test(textOf(error.message)))
    return misconfigured('no region: set AWS_REGION, or pass aws: { region }', 'region');
  const code =
    typeof error.code === 'string' && /^[A-Z][A-Z0-9_]{2,60}$/u.test(error.code) ? error.code : undefined;
  if (code === 'ERR_INVALID_URL')
    return misconfigured('the endpoint of Secrets Manager is no address', 'endpoint');
  if (name === 'TimeoutError' || code === 'ETIMEDOUT') {
    const text = 'Secrets Manager did not answer in time';
    return new PinProviderError('ERR_PROVIDER_TIMEOUT', text, { provider: 'aws' });
  }
  if (code !== undefined && statusOf(error) === undefined)
    return unavailable(`Secrets Manager cannot be reached: ${code}${adviceFor(code)}`, code);
  return undefined;
}

function statusFailure(error: SdkError, secret: string): PinError {
  const status = statusOf(error);
  if (status === undefined)
    return unavailable('reading Secrets Manager failed for an unknown reason', 'unknown');
  if (status === 401 || status === 403) return told(noRight, error, secret);
  const text = `Secrets Manager answers the read of ${secret} with status ${String(status)}`;
  return unavailable(`${text}${requestIdOf(error)}`, `http-${String(status)}`);
}

function told({ code, detail, text }: Meaning, error: SdkError, secret: string): PinError {
  return new PinProviderError(code, `${text(secret)}${requestIdOf(error)}`, {
    provider: 'aws',
    detail,
    retryAfterMs: parseRetryAfter(textOf(error.$response?.headers?.['retry-after'])),
  });
}

/** Under this number the support of AWS finds the request; in its own form it can be nothing else. */
function requestIdOf({ $metadata }: SdkError): string {
  const id = textOf($metadata?.requestId);
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u.test(id) ? ` (request ${id})` : '';
}

function isAboutDeletion(message: unknown): boolean {
  return /deletion|deleted/iu.test(textOf(message));
}

function statusOf({ $metadata }: SdkError): number | undefined {
  const status = $metadata?.httpStatusCode;
  return typeof status === 'number' && Number.isInteger(status) ? status : undefined;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
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
    return '; its CA is not trusted: does a proxy open the connection? Then pass aws: { ca }';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return '; its certificate is for another name';
  if (code === 'CERT_HAS_EXPIRED') return '; its certificate has expired (or this clock is wrong)';
  if (code === 'ENOTFOUND') return '; no such host: is the region spelled right?';
  if (code === 'EAI_AGAIN') return '; no DNS server answered';
  if (code === 'ECONNREFUSED') return '; nothing listens there: AWS_ENDPOINT_URL?';
  return '';
}

/** A read that took too long. */
export function timedOut(timeoutMs: number): PinError {
  return new PinProviderError(
    'ERR_PROVIDER_TIMEOUT',
    `Secrets Manager, or a source of credentials, did not answer within ${String(timeoutMs)} ms`,
    { provider: 'aws' },
  );
}

/** A read whose caller gave up: in the caller's words, where they are an error of ours. */
export function endedByCaller(reason: unknown): PinError {
  return PinError.isPinError(reason)
    ? reason
    : unavailable('the read of Secrets Manager was ended by its caller', 'aborted');
}

/** A read of a provider that is closed. */
export function closed(): PinError {
  return unavailable('the provider of Secrets Manager is closed', 'closed');
}

/** What a person has to mend. */
export function misconfigured(problem: string, detail?: string): PinProviderError {
  return new PinProviderError('ERR_PROVIDER_MISCONFIGURED', problem, { provider: 'aws', detail });
}

function unavailable(problem: string, detail: string, cause?: PinError): PinProviderError {
  return new PinProviderError('ERR_PROVIDER_UNAVAILABLE', problem, { provider: 'aws', detail, cause });
}
