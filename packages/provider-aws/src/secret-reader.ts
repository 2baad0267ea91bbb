import { PinError, type PinReadResult } from '@pinvault/core';
import { isStillCurrent, readSecretValue } from './answer.js';
import type { AwsClient } from './aws-client.js';

/** Reads one secret, and looks at its version first where that is allowed: nothing but the version then comes over. */
export class SecretReader {
  readonly #client: AwsClient;
  readonly #stage: string;
  #mayDescribe = true;

  constructor(client: AwsClient, stage: string) {
    this.#client = client;
    this.#stage = stage;
  }

  /** @throws PinError */
  async read(id: string, knownRevision: string | undefined, signal: AbortSignal): Promise<PinReadResult> {
    const looked = await this.#look(id, knownRevision, signal);
    if (looked === 'unchanged' && knownRevision !== undefined)
      return { unchanged: true, revision: knownRevision };
    const input = { SecretId: id, VersionStage: this.#stage };
    const answer = await this.#client.send(
      ({ GetSecretValueCommand }) => new GetSecretValueCommand(input),
      signal,
      id,
    );
    // Remembered only now: where the read is denied, too, the right to look may come back with it.
    if (looked === 'denied') this.#mayDescribe = false;
    return readSecretValue(answer, id).result;
  }

  async #look(
    id: string,
    knownRevision: string | undefined,
    signal: AbortSignal,
  ): Promise<'unchanged' | 'changed' | 'denied'> {
    if (!this.#mayDescribe || knownRevision === undefined || knownRevision === '') return 'changed';
    try {
      const answer = await this.#client.send(
        ({ DescribeSecretCommand }) => new DescribeSecretCommand({ SecretId: id }),
        signal,
        id,
      );
      return isStillCurrent(answer, knownRevision, this.#stage) ? 'unchanged' : 'changed';
    } catch (error) {
      if (isDeniedAccess(error)) return 'denied';
      throw error;
    }
  }
}

/** Whether the credentials are good, and lack this one right. */
export function isDeniedAccess(error: unknown): boolean {
  return PinError.isPinError(error) && 'detail' in error && error.detail === 'access';
}
