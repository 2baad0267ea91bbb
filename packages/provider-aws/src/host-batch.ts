import type { PinReadResult } from '@pinvault/core';
import { readBatch, readSecretValue, type SecretValue } from './answer.js';
import type { AwsClient } from './aws-client.js';
import { failureNamed } from './failures.js';
import { isSecretOf } from './secret-id.js';
import { isDeniedAccess, type SecretReader } from './secret-reader.js';

interface Waiter {
  readonly id: string;
  readonly knownRevision: string | undefined;
  readonly signal: AbortSignal;
  readonly resolve: (result: PinReadResult | Promise<PinReadResult>) => void;
  readonly reject: (error: unknown) => void;
}

// The API takes no more in one call.
const batchSize = 20;

/**
 * Reads of many hosts' secrets: those that are asked for in the same turn go into one `BatchGetSecretValue`. One alone is
 * read by itself, and so is everything where batches are not allowed.
 */
export class HostBatch {
  readonly #client: AwsClient;
  readonly #reader: SecretReader;
  #waiting: Waiter[] = [];
  #isAllowed: boolean;

  /** @param isAllowed - batches bring `AWSCURRENT` and nothing else */
  constructor(client: AwsClient, reader: SecretReader, isAllowed: boolean) {
    this.#client = client;
    this.#reader = reader;
    this.#isAllowed = isAllowed;
  }

  /** @throws PinError */
  async read(id: string, knownRevision: string | undefined, signal: AbortSignal): Promise<PinReadResult> {
    if (!this.#isAllowed) return this.#reader.read(id, knownRevision, signal);
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#flush());
      this.#waiting.push({ id, knownRevision, signal, resolve, reject });
    });
  }

  #flush(): void {
    const waiting = this.#waiting.filter(({ signal }) => !signal.aborted);
    this.#waiting = [];
    for (let start = 0; start < waiting.length; start += batchSize) {
      const group = waiting.slice(start, start + batchSize);
      const ids = [...new Set(group.map(({ id }) => id))];
      if (ids.length === 1) this.#readEach(group);
      else void this.#readTogether(group, ids);
    }
  }

  #readEach(group: readonly Waiter[]): void {
    for (const { id, knownRevision, signal, resolve } of group)
      resolve(this.#reader.read(id, knownRevision, signal));
  }

  async #readTogether(group: readonly Waiter[], ids: readonly string[]): Promise<void> {
    const { signal, release } = whileAnyWaits(group);
    try {
      const answer = await this.#client.send(
        (sdk) => new (sdk.BatchGetSecretValueCommand ?? missingCommand())({ SecretIdList: ids }),
        signal,
        ids.join(', '),
      );
      this.#handOut(group, answer);
    } catch (error) {
      if (!isWorthReadingEach(error)) {
        for (const { reject } of group) reject(error);
        return;
      }
      // Each by itself from now on: asking again each time would only be denied again.
      this.#isAllowed = false;
      this.#readEach(group);
    } finally {
      release();
    }
  }

  #handOut(group: readonly Waiter[], answer: unknown): void {
    const { values, errors } = readBatch(answer);
    const unread: Waiter[] = [];
    for (const waiter of group) {
      try {
        const found = values.find((each) => isOf(each, waiter.id));
        const failure = errors.find(({ id }) => id === waiter.id);
        if (found !== undefined) waiter.resolve(readSecretValue(found, waiter.id).result);
        else if (failure !== undefined) waiter.reject(failureNamed(failure.name, failure.message, waiter.id));
        else unread.push(waiter);
      } catch (error) {
        waiter.reject(error);
      }
    }
    // On a further page, or under a name that cannot be matched: never an answer that is not theirs.
    this.#readEach(unread);
  }
}

function isOf(value: unknown, id: string): boolean {
  const { Name: name, ARN: arn } = value as { readonly Name?: unknown; readonly ARN?: unknown };
  return isSecretOf(id, { name: String(name), arn: String(arn) } satisfies Pick<SecretValue, 'name' | 'arn'>);
}

class NoBatches extends Error {}

function missingCommand(): never {
  throw new NoBatches();
}

/** The right to batches, or the operation itself, is not there: the secrets may still be readable one by one. */
function isWorthReadingEach(error: unknown): boolean {
  const { detail } = error as { readonly detail?: unknown };
  return (
    error instanceof NoBatches || isDeniedAccess(error) || detail === 'bad-request' || detail === 'http-400'
  );
}

/** A signal that aborts when nobody of the group waits any more: one who gives up does not end it for the others. */
function whileAnyWaits(group: readonly Waiter[]): {
  readonly signal: AbortSignal;
  readonly release: () => void;
} {
  const controller = new AbortController();
  let waiting = group.length;
  const onAbort = (): void => {
    waiting -= 1;
    if (waiting === 0) controller.abort();
  };
  for (const { signal } of group) signal.addEventListener('abort', onAbort, { once: true });
  const release = (): void => {
    for (const { signal } of group) signal.removeEventListener('abort', onAbort);
  };
  return { signal: controller.signal, release };
}
