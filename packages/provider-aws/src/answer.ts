import { PinDocumentError, type PinReadResult } from '@pinvault/core';

/** One secret as `GetSecretValue` and `BatchGetSecretValue` answer it. */
export interface SecretValue {
  readonly name: string;
  readonly arn: string;
  readonly result: PinReadResult;
}

/** The document in an answer: `SecretString`, or `SecretBinary`, whose bytes the decoder reads. @throws PinDocumentError */
export function readSecretValue(answer: unknown, secret: string): SecretValue {
  const document = member(answer, 'SecretString') ?? member(answer, 'SecretBinary');
  const revision = member(answer, 'VersionId');
  const createdAt = member(answer, 'CreatedDate');
  if (typeof revision !== 'string' || revision === '')
    throw malformed(`Secrets Manager answers the read of ${secret} without a version`);
  if (typeof document !== 'string' && !(document instanceof Uint8Array))
    throw malformed(`version ${revision.slice(0, 64)} of ${secret} holds neither text nor bytes`);
  return {
    name: String(member(answer, 'Name')),
    arn: String(member(answer, 'ARN')),
    result: {
      document,
      revision,
      ...(createdAt instanceof Date && !Number.isNaN(createdAt.getTime()) ? { createdAt } : {}),
    },
  };
}

/** Whether `DescribeSecret` says that this version still has the stage. One that is to be deleted never counts. */
export function isStillCurrent(answer: unknown, revision: string, stage: string): boolean {
  if ((member(answer, 'DeletedDate') ?? undefined) !== undefined) return false;
  const stages = member(member(answer, 'VersionIdsToStages'), revision);
  return Array.isArray(stages) && stages.includes(stage);
}

/** What a batch brought, and what it could not bring. */
export function readBatch(answer: unknown): {
  readonly values: readonly unknown[];
  readonly errors: readonly { readonly id: string; readonly name: unknown; readonly message: unknown }[];
} {
  return {
    values: listOf(member(answer, 'SecretValues')),
    errors: listOf(member(answer, 'Errors')).map((each) => ({
      id: String(member(each, 'SecretId')),
      name: member(each, 'ErrorCode'),
      message: member(each, 'Message'),
    })),
  };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function malformed(problem: string): PinDocumentError {
  return new PinDocumentError('ERR_DOCUMENT_MALFORMED', problem, { reason: 'bad-value' });
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (Reflect.get(value, name) as unknown)
    : undefined;
}
