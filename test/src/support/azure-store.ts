import {
  type AzureKeyVault,
  startAzureKeyVault,
  startTokenIssuer,
  type TokenIssuer,
} from '@pinvault/testing';
import type { CreatePinResolverOptions, Environment } from 'pinvault';
import type { CloudStore, Mishap, Rows } from './cloud-store.js';

const secretName = 'tls-pins';

/** The emulator of Azure Key Vault with one secret in it, and what an operator, or fate, does to it. */
export class AzureStore implements CloudStore {
  readonly provider = 'azure';
  readonly #vault: AzureKeyVault;
  readonly #issuer: TokenIssuer;
  #version = '';
  // Until when a token says that it is good; the vault checks it.
  #lifeSeconds = 3_600;

  private constructor(vault: AzureKeyVault, issuer: TokenIssuer) {
    this.#vault = vault;
    this.#issuer = issuer;
  }

  static async start(): Promise<AzureStore> {
    const issuer = await startTokenIssuer();
    try {
      return new AzureStore(await startAzureKeyVault({ issuer }), issuer);
    } catch (error) {
      await issuer.close();
      throw error;
    }
  }

  /** What a service passes in code. */
  get options(): CreatePinResolverOptions {
    return {
      azure: {
        credential: {
          getToken: async () => {
            const exp = Math.floor(Date.now() / 1_000) + this.#lifeSeconds;
            // Good for no time at all, so that each read asks anew.
            return { token: this.#issuer.mint({ exp }), expiresOnTimestamp: 0 };
          },
        },
        clientOptions: { tlsOptions: { ca: this.#vault.ca } },
      },
    };
  }

  /** What a service has in its environment. */
  get environment(): Environment {
    return {
      PINVAULT_PROVIDER: this.provider,
      PINVAULT_AZURE_VAULT_URL: this.#vault.url,
      PINVAULT_AZURE_SECRET_NAME: secretName,
    };
  }

  /** Writes a new version, and returns its revision. */
  async publish(rows: Rows): Promise<string> {
    this.#version = await this.#vault.set(secretName, JSON.stringify(rows));
    return this.#version;
  }

  get mishaps(): readonly Mishap[] {
    return [
      {
        what: 'denies the identity, until it has its permission back',
        code: 'ERR_PROVIDER_DENIED',
        strike: async () => this.#vault.permit({ reader: ['secrets/list'] }),
        mend: async () => this.#vault.permit({}),
      },
      {
        what: 'is shown tokens that have ended, until there are good ones',
        code: 'ERR_PROVIDER_DENIED',
        strike: () => void (this.#lifeSeconds = -3_600),
        mend: () => void (this.#lifeSeconds = 3_600),
      },
      {
        what: 'throttles',
        code: 'ERR_PROVIDER_THROTTLED',
        strike: async () => this.#vault.throttle(1),
        mend: () => undefined,
      },
      {
        what: 'loses the secret to a slip, until it is recovered',
        code: 'ERR_PROVIDER_NOT_FOUND',
        strike: async () => this.#vault.remove(secretName),
        mend: async () => this.#vault.recover(secretName),
      },
      {
        what: 'has its newest version disabled, until it is enabled again',
        code: 'ERR_PROVIDER_NOT_FOUND',
        strike: async () => this.#enable(false),
        mend: async () => this.#enable(true),
      },
    ];
  }

  get absences(): CloudStore['absences'] {
    return [
      { detail: 'disabled', strike: async () => this.#enable(false) },
      { detail: 'deleted', strike: async () => this.#vault.remove(secretName) },
    ];
  }

  async goAway(): Promise<void> {
    await this.#vault.kill();
  }

  async comeBack(): Promise<void> {
    await this.#vault.restart();
  }

  async stop(): Promise<void> {
    await this.#vault.stop();
    await this.#issuer.close();
  }

  /** Switches the newest version off, or on again. */
  async #enable(enabled: boolean): Promise<void> {
    await this.#vault.update(secretName, this.#version, { enabled });
  }
}
