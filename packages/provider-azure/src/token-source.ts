import { PinProviderError } from '@pinvault/core';
import { misconfigured } from './environment.js';
import { credentialFailure } from './credential-failure.js';
import { untilAborted } from './until-aborted.js';
import type { AzureToken, AzureTokenCredential } from './sdk-shapes.js';

/** What a {@link TokenSource} needs. */
export interface TokenSourceOptions {
  /** Hands over the credential; asked once. */
  readonly load: () => Promise<AzureTokenCredential>;
  /** **Security:** hands over no token that is for anything but a Key Vault, whatever the vault asks for. */
  readonly vaultScopesOnly: boolean;
  /** @defaultValue `Date.now` */
  readonly now?: () => number;
}

// DefaultAzureCredential walks a dozen places, some of them commands that it starts.
const acquisitionLimitMs = 30_000;
const refreshAheadMs = 300_000;
// A token that ends on its way to the vault is a token that has ended.
const lastMomentMs = 10_000;

// https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#dns-suffixes-for-object-identifiers
const vaultScopes: ReadonlySet<string> = new Set(
  ['vault.azure.net', 'vault.azure.cn', 'vault.usgovcloudapi.net', 'vault.microsoftazure.de'].map(
    (host) => `https://${host}/.default`,
  ),
);

/**
 * A credential between the SDK and the caller's. It asks for one token at a time, keeps it while it is good, and lets
 * a slow acquisition go on when the read that began it has given up: the next read finds it.
 *
 * The SDK is told of no expiry, so that it asks here each time, and waits: no acquisition fails where nobody would handle
 * it.
 */
export class TokenSource implements AzureTokenCredential {
  readonly #options: TokenSourceOptions;
  readonly #now: () => number;
  readonly #life = new AbortController();
  readonly #tokens = new Map<string, AzureToken>();
  readonly #flights = new Map<string, Promise<AzureToken>>();
  #credential: Promise<AzureTokenCredential> | undefined;

  constructor(options: TokenSourceOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Whether somebody is asked for a token just now. */
  get isAsking(): boolean {
    return this.#flights.size > 0;
  }

  /** @throws PinProviderError */
  async getToken(
    scopes: string | string[],
    options: {
      readonly abortSignal?: AbortSignal;
      readonly claims?: string;
      readonly tenantId?: string;
    } = {},
  ): Promise<AzureToken> {
    this.#refuseForeignScope([scopes].flat());
    const key = JSON.stringify([scopes, options.tenantId]);
    // Claims come with a challenge that refuses the present token.
    const kept = options.claims === undefined ? this.#tokens.get(key) : undefined;
    const leftMs = kept === undefined ? 0 : kept.expiresOnTimestamp - this.#now();
    if (kept === undefined || leftMs <= lastMomentMs)
      return withoutExpiry(await this.#acquire(key, scopes, options));
    const refreshAt = kept.refreshAfterTimestamp ?? kept.expiresOnTimestamp - refreshAheadMs;
    // Its failure matters once the token has ended: then it is asked for again, and waited for.
    if (this.#now() >= refreshAt) this.#acquire(key, scopes, options).catch(() => undefined);
    return withoutExpiry(kept);
  }

  /** After the vault has refused a token: the next read asks for another one. */
  forget(): void {
    this.#tokens.clear();
  }

  /** Ends what is under way. Idempotent. */
  close(): void {
    this.#life.abort();
  }

  #acquire(key: string, scopes: string | string[], options: object): Promise<AzureToken> {
    const underWay = this.#flights.get(key);
    if (underWay !== undefined) return underWay;
    const flight = this.#ask(scopes, options)
      .then((token) => {
        this.#tokens.set(key, token);
        return token;
      })
      .finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }

  async #ask(scopes: string | string[], options: object): Promise<AzureToken> {
    const limit = AbortSignal.timeout(acquisitionLimitMs);
    const abortSignal = AbortSignal.any([this.#life.signal, limit]);
    try {
      const credential = await this.#load();
      const asked = credential.getToken(scopes, { ...options, abortSignal });
      // It may ignore its signal.
      return checked(await untilAborted(asked, abortSignal));
    } catch (error) {
      if (error instanceof PinProviderError) throw error;
      throw limit.aborted ? tooSlow() : credentialFailure(error);
    }
  }

  async #load(): Promise<AzureTokenCredential> {
    this.#credential ??= this.#options.load();
    try {
      return await this.#credential;
    } catch (error) {
      this.#credential = undefined;
      throw error;
    }
  }

  /** Who answers in the place of a vault must not choose what the token is good for. */
  #refuseForeignScope(scopes: readonly string[]): void {
    if (!this.#options.vaultScopesOnly || scopes.every((scope) => vaultScopes.has(scope))) return;
    throw misconfigured('the vault asks for a token that is not for Azure Key Vault', 'challenge');
  }
}

/** Expired for the SDK, so that it asks here each time, and waits. */
function withoutExpiry({ token }: AzureToken): AzureToken {
  return { token, expiresOnTimestamp: 0 };
}

function checked(answer: AzureToken | null): AzureToken {
  if (answer === null) {
    throw new PinProviderError('ERR_PROVIDER_DENIED', 'azure.credential has no token for Azure Key Vault', {
      provider: 'azure',
      detail: 'credential',
    });
  }
  // Into a header it goes as it is.
  if (typeof answer?.token === 'string' && /^[\x21-\x7e]+$/u.test(answer.token)) return answer;
  throw misconfigured('azure.credential handed over something that is no token', 'credential');
}

function tooSlow(): PinProviderError {
  const text = `azure.credential handed over no token within ${acquisitionLimitMs / 1_000} s`;
  return new PinProviderError('ERR_PROVIDER_TIMEOUT', text, { provider: 'azure', detail: 'credential' });
}
