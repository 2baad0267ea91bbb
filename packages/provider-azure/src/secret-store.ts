import { type PinError, PinProviderError, type PinReadResult } from '@pinvault/core';
import { closed, endedByCaller, timedOut } from './failures.js';
import { deletedSecret, mapError } from './map-error.js';
import type { AzureSettings } from './options.js';
import { OwnClient } from './own-client.js';
import type { AzureSecretClient } from './sdk-shapes.js';
import { readSecret, type SecretPlace } from './secret.js';
import { untilAborted } from './until-aborted.js';
import { vaultNameOf } from './vault-url.js';

/** What a read asks for. */
export interface SecretQuestion {
  readonly name: string;
  readonly knownRevision: string | undefined;
  readonly signal: AbortSignal;
}

/** Secrets of one vault, through the caller's client or one that is made on first use, and kept. */
export class SecretStore {
  readonly #timeoutMs: number;
  readonly #host: string;
  readonly #underWay = new Set<AbortController>();
  readonly #client: () => Promise<AzureSecretClient>;
  readonly #own: OwnClient | undefined;
  #isClosed = false;

  constructor(settings: AzureSettings) {
    const { client, vault, timeoutMs } = settings;
    this.#timeoutMs = timeoutMs;
    this.#host = vault?.host ?? 'the vault of azure.client';
    if (client !== undefined) {
      this.#client = async () => client;
    } else if (vault !== undefined) {
      const own = new OwnClient(vault, settings);
      this.#own = own;
      this.#client = () => own.get();
    } else {
      throw new TypeError('neither a client nor the address of a vault');
    }
  }

  /** One read that ends in time, whatever the SDK and its credential do. @throws PinError */
  async read({ name, knownRevision, signal }: SecretQuestion): Promise<PinReadResult> {
    const place = { host: this.#host, vaultName: vaultNameOf(this.#host), name };
    const timeoutMs = this.#timeoutMs;
    if (this.#isClosed) throw closed(place);
    if (signal.aborted) throw endedByCaller(place, signal.reason);
    const ending = new AbortController();
    const onAbort = (): void => ending.abort(endedByCaller(place, signal.reason));
    const onTimeout = (): void =>
      ending.abort(timedOut(place, { timeoutMs, waitsForToken: this.#own?.tokens.isAsking === true }));
    const timer = setTimeout(onTimeout, timeoutMs).unref();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#underWay.add(ending);
    try {
      const secret = await untilAborted(this.#get(place, ending.signal), ending.signal);
      return readSecret(secret, place, { now: Date.now(), knownRevision });
    } catch (error) {
      throw ending.signal.aborted ? (ending.signal.reason as PinError) : mapError(error, place);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      this.#underWay.delete(ending);
    }
  }

  /** Ends what is under way, too; a client of the caller's stays as it is. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const ending of this.#underWay) ending.abort(closed({ host: this.#host }));
    await this.#own?.close();
  }

  async #get(place: SecretPlace, abortSignal: AbortSignal): ReturnType<AzureSecretClient['getSecret']> {
    const client = await this.#client();
    try {
      return await client.getSecret(place.name, { abortSignal });
    } catch (error) {
      const failure = mapError(error, place);
      if (!(failure instanceof PinProviderError)) throw failure;
      // A token that the vault refuses is not shown to it again.
      if (failure.detail === 'token') this.#own?.tokens.forget();
      throw failure.detail === 'missing'
        ? await this.#whyMissing(client, failure, place, abortSignal)
        : failure;
    }
  }

  /** The vault answers alike for what was deleted and for what never was; what is left of a secret tells them apart. */
  async #whyMissing(
    client: AzureSecretClient,
    missing: PinProviderError,
    place: SecretPlace,
    abortSignal: AbortSignal,
  ): Promise<PinProviderError> {
    try {
      const deleted = await client.getDeletedSecret?.(place.name, { abortSignal });
      return deleted === undefined ? missing : deletedSecret(deleted, place);
    } catch {
      // It may not be allowed to ask; that the secret is missing it knows.
      return missing;
    }
  }
}
