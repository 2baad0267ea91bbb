import type { Suite } from 'mocha';
import {
  type AzureKeyVault,
  findAzureKeyVault,
  startAzureKeyVault,
  startTokenIssuer,
  type TokenIssuer,
} from '@pinvault/testing';
import type { CreatePinResolverOptions, Environment } from 'pinvault';

const secretName = 'tls-pins';

/** The emulator of Azure Key Vault with one secret in it, and what an operator, or fate, does to it. */
export class AzureStore {
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
  get options(): Pick<CreatePinResolverOptions, 'azure'> {
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
  async publish(rows: Readonly<Record<string, string>>): Promise<string> {
    this.#version = await this.#vault.set(secretName, JSON.stringify(rows));
    return this.#version;
  }

  async remove(): Promise<void> {
    await this.#vault.remove(secretName);
  }

  /** Takes `remove` back. */
  async recover(): Promise<void> {
    await this.#vault.recover(secretName);
  }

  /** Switches the newest version off, or on again. */
  async enable(enabled: boolean): Promise<void> {
    await this.#vault.update(secretName, this.#version, { enabled });
  }

  /** Takes the permission of the service, or gives it back. */
  async permit(allowed: boolean): Promise<void> {
    await this.#vault.permit(allowed ? {} : { reader: ['secrets/list'] });
  }

  async throttle(count: number): Promise<void> {
    await this.#vault.throttle(count);
  }

  /** From now on tokens have ended an hour ago, or are good again. */
  expireTokens(expired: boolean): void {
    this.#lifeSeconds = expired ? -3_600 : 3_600;
  }

  async kill(): Promise<void> {
    await this.#vault.kill();
  }

  /** Takes `kill` back, with all secrets. */
  async restart(): Promise<void> {
    await this.#vault.restart();
  }

  async stop(): Promise<void> {
    await this.#vault.stop();
    await this.#issuer.close();
  }
}

/**
 * A describe whose tests need the emulator of Azure Key Vault. Without it they are pending, and the title says why; where
 * PINVAULT_REQUIRE_REAL=1 promises one, its absence is a failure.
 */
export function describeWithAzure(title: string, define: (this: Suite) => void): void {
  const found = findAzureKeyVault();
  if ('path' in found) {
    describe(title, define);
  } else if (process.env['PINVAULT_REQUIRE_REAL'] === '1') {
    describe(title, () => {
      it('has an emulator of Azure Key Vault to run against', () => {
        throw new Error(found.reason);
      });
    });
  } else {
    describe.skip(`${title} (skipped: ${found.reason})`, define);
  }
}
