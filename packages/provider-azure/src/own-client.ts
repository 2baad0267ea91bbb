import { isLoopback } from '@pinvault/core';
import { member } from './foreign.js';
import type { AzureSettings } from './options.js';
import { loadDefaultCredential, loadSecretClient, type SecretClientClass } from './sdk.js';
import type { AzureSecretClient } from './sdk-shapes.js';
import { TokenSource } from './token-source.js';
import { AzureTransport } from './transport.js';

/** A `SecretClient` that is made on first use, and kept: each new one costs a challenge and a token. */
export class OwnClient {
  readonly tokens: TokenSource;
  readonly #vault: URL;
  readonly #isLocal: boolean;
  readonly #clientOptions: object;
  readonly #transport: AzureTransport;
  readonly #load: () => Promise<SecretClientClass>;
  #client: Promise<AzureSecretClient> | undefined;

  constructor(
    vault: URL,
    settings: AzureSettings,
    load: () => Promise<SecretClientClass> = loadSecretClient,
  ) {
    this.#load = load;
    const { credential, pins, clientOptions, tlsOptions, skipVerify } = settings;
    this.#vault = vault;
    this.#clientOptions = clientOptions;
    // Only there: a vault on this machine, which is for tests, cannot have the name that tokens are for.
    this.#isLocal = isLoopback(vault.hostname);
    this.tokens = new TokenSource({
      load: credential === undefined ? loadDefaultCredential : async () => credential,
      // The SDK's own look at that name is off then.
      vaultScopesOnly:
        this.#isLocal && member(clientOptions, 'disableChallengeResourceVerification') !== true,
    });
    this.#transport = new AzureTransport({ host: vault.host, vault, pins, tlsOptions, skipVerify });
  }

  /** @throws PinProviderError (`ERR_PROVIDER_SDK_MISSING`) */
  async get(): Promise<AzureSecretClient> {
    this.#client ??= this.#create();
    try {
      return await this.#client;
    } catch (error) {
      this.#client = undefined;
      throw error;
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.tokens.close();
    await this.#transport.close();
  }

  async #create(): Promise<AzureSecretClient> {
    const SecretClient = await this.#load();
    return new SecretClient(this.#vault.origin, this.tokens, {
      httpClient: this.#transport,
      // The resolver owns time: it tells a store that throttles from one that is slow, and backs off by itself.
      retryOptions: { maxRetries: 0 },
      ...(this.#isLocal ? { disableChallengeResourceVerification: true } : {}),
      ...(this.#vault.protocol === 'http:' ? { allowInsecureConnection: true } : {}),
      ...this.#clientOptions,
    });
  }
}
