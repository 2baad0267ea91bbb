import type { StoreAnswer } from '@pinvault/provider-conformance';

// What moto cannot be made to do, in the words of the service itself (JSON 1.1, Secrets Manager of 2026).
export function refusal(status: number, type: string, message: string): StoreAnswer {
  return {
    status,
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amzn-requestid': '6b7a2d1e-0000-4000-8000-4a5b6c7d8e9f',
    },
    body: JSON.stringify({ __type: type, message, Message: message }),
  };
}

/** IAM: no policy allows the read. */
export const accessDenied: StoreAnswer = refusal(
  400,
  'AccessDeniedException',
  'User: arn:aws:sts::123456789012:assumed-role/service/i-0abc is not authorized to perform: secretsmanager:GetSecretValue on resource: tls-pins because no identity-based policy allows the secretsmanager:GetSecretValue action',
);

/** STS: the session has ended. */
export const expiredToken: StoreAnswer = refusal(
  400,
  'ExpiredTokenException',
  'The security token included in the request is expired',
);

/** The service's own limit; it sends no Retry-After. */
export const throttling: StoreAnswer = refusal(400, 'ThrottlingException', 'Rate exceeded');

export const internalError: StoreAnswer = refusal(
  500,
  'InternalServiceError',
  'An error occurred on the server side.',
);

/** KMS: the key is disabled, or may not be used. */
export const decryptionFailure: StoreAnswer = refusal(
  400,
  'DecryptionFailure',
  "Secrets Manager can't decrypt the protected secret text using the provided KMS key.",
);

/** SigV4: a clock that is off. */
export const clockSkew: StoreAnswer = refusal(
  400,
  'InvalidSignatureException',
  'Signature not yet current: 20261124T210000Z is still later than 20261124T200500Z (20261124T200000Z + 5 min.)',
);

/** A proxy's log-in page. */
export const page: StoreAnswer = {
  status: 200,
  headers: { 'content-type': 'text/html' },
  body: '<html><body>Please log in</body></html>',
};

/** No such secret, or no version with the stage. */
export const resourceNotFound: StoreAnswer = refusal(
  400,
  'ResourceNotFoundException',
  "Secrets Manager can't find the specified secret.",
);

/** Deleted in the console; it can be restored for seven days or more. */
export const markedForDeletion: StoreAnswer = refusal(
  400,
  'InvalidRequestException',
  "You can't perform this operation on the secret because it was marked for deletion.",
);

/** What an account, or an emulator, says of an operation that it does not have. */
export const unknownOperation: StoreAnswer = refusal(400, 'UnknownOperationException', 'Unknown operation');
