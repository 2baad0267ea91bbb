import type { PinError, PinReadResult } from '@pinvault/core';
import { PinProviderError } from '@pinvault/core';
import { closed, endedByCaller, timedOut } from './failures.js';
import { deletedSecret, mapError } from './map-error.js';
import { member } from './foreign.js';
import type { AzureSettings } from './options.js';
import { loadDefaultCredential, loadSecretClient } from './sdk.js';
import type { AzureSecretClient } from './sdk-shapes.js';
import { readSecret, type SecretPlace } from './secret.js';
import { TokenSource } from './token-source.js';
import { AzureTransport } from './transport.js';
import { isLoopback, vaultNameOf } from './vault-url.js';

/** What a read asks for. */
export interface SecretQuestion {
  readonly name: string;
  readonly knownRevision: string | undefined;
  readonly signal: AbortSignal;
}

/** Secrets of one vault, through the caller's client or one that is made on first use, and kept. */
export class SecretStore {
  readonly #settings: AzureSettings;
  readonly #host: string;
  readonly #underWay = new Set<AbortController>();
  #own: Promise<OwnClient> | undefined;
  #isClosed = false;

  constructor(settings: AzureSettings) {
    this.#settings = settings;
    this.#host = settings.vault?.host ?? 'the vault of azure.client';
  }

  /** One read that ends in time, whatever the SDK and its credential do. @throws PinError */
  async read({ name, knownRevision, signal }: SecretQuestion): Promise<PinReadResult> {
    const place = { host: this.#host, vaultName: vaultNameOf(this.#host), name };
    const { timeoutMs } = this.#settings;
    if (this.#isClosed) throw closed(place);
    if (signal.aborted) throw endedByCaller(place, signal.reason);
    const ending = new AbortController();
    const onAbort = (): void => ending.abort(endedByCaller(place, signal.reason));
    const timer = setTimeout(() => ending.abort(timedOut(place, timeoutMs)), timeoutMs).unref();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#underWay.add(ending);
    try {
      const secret = await untilEnded(this.#get(place, ending.signal), ending.signal);
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
    const own = await this.#own?.catch(() => undefined);
    own?.tokens.close();
    await own?.transport.close();
  }

  async #get(place: SecretPlace, abortSignal: AbortSignal): ReturnType<AzureSecretClient['getSecret']> {
    const client = this.#settings.client ?? (await this.#ownClient()).client;
    try {
      return await client.getSecret(place.name, { abortSignal });
    } catch (error) {
      const failure = mapError(error, place);
      if (!(failure instanceof PinProviderError)) throw failure;
      // A token that the vault refuses is not shown to it again.
      if (failure.detail === 'token') (await this.#own)?.tokens.forget();
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

  #ownClient(): Promise<OwnClient> {
    this.#own ??= createClient(this.#settings, this.#host).catch((error: unknown) => {
      this.#own = undefined;
      throw error;
    });
    return this.#own;
  }
}

interface OwnClient {
  readonly client: AzureSecretClient;
  readonly tokens: TokenSource;
  readonly transport: AzureTransport;
}

async function createClient(settings: AzureSettings, host: string): Promise<OwnClient> {
  const { vault, credential, pins, clientOptions, tlsOptions, skipVerify } = settings;
  if (vault === undefined) throw new TypeError('a client needs the address of its vault');
  const SecretClient = await loadSecretClient();
  // Only there: a vault on this machine, which is for tests, cannot have the name that tokens are for.
  const isLocal = isLoopback(vault.hostname);
  const tokens = new TokenSource({
    load: credential === undefined ? loadDefaultCredential : async () => credential,
    // The SDK's own look at that name is off then.
    vaultScopesOnly: isLocal && member(clientOptions, 'disableChallengeResourceVerification') !== true,
  });
  const transport = new AzureTransport({ host, vault, pins, tlsOptions, skipVerify });
  const client = new SecretClient(vault.origin, tokens, {
    httpClient: transport,
    // The resolver owns time: it tells a store that throttles from one that is slow, and backs off by itself.
    retryOptions: { maxRetries: 0 },
    ...(isLocal ? { disableChallengeResourceVerification: true } : {}),
    ...(vault.protocol === 'http:' ? { allowInsecureConnection: true } : {}),
    ...clientOptions,
  });
  return { client, tokens, transport };
}

/** The SDK may take its time to notice that nobody waits any more. */
async function untilEnded<Value>(value: Promise<Value>, signal: AbortSignal): Promise<Value> {
  // What comes of it after the end goes nowhere.
  value.catch(() => undefined);
  let stop: (() => void) | undefined;
  const ended = new Promise<never>((_resolve, reject) => {
    const end = (): void => reject(signal.reason as PinError);
    stop = (): void => signal.removeEventListener('abort', end);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
  try {
    return await Promise.race([value, ended]);
  } finally {
    stop?.();
  }
}
