/**
 * What this package looks at of Azure's own classes. By shape, so that a service without the SDK can compile against
 * this package, and so that any version of `SecretClient` and any `TokenCredential` fits.
 */
export interface AzureSecretClient {
  /** `https://NAME.vault.azure.net`. */
  readonly vaultUrl?: string | undefined;
  /** Reads the newest version of a secret. */
  getSecret(name: string, options?: { readonly abortSignal?: AbortSignal }): Promise<AzureSecret>;
  /** Reads what is left of a deleted secret; asked only to tell a deleted secret from one that never was. */
  getDeletedSecret?(
    name: string,
    options?: { readonly abortSignal?: AbortSignal },
  ): Promise<{ readonly deletedOn?: Date; readonly scheduledPurgeDate?: Date }>;
}

/** One version of a secret. */
export interface AzureSecret {
  readonly value?: string;
  readonly properties: AzureSecretProperties;
}

/** What Azure Key Vault knows of a version beside its value. */
export interface AzureSecretProperties {
  readonly version?: string;
  readonly enabled?: boolean;
  readonly contentType?: string;
  readonly notBefore?: Date;
  readonly expiresOn?: Date;
  readonly createdOn?: Date;
}

/** A `TokenCredential`: those of `@azure/identity`, or one of your own. */
export interface AzureTokenCredential {
  getToken(
    scopes: string | string[],
    options?: { readonly abortSignal?: AbortSignal },
  ): Promise<AzureToken | null>;
}

/** A token, and until when it is good (epoch ms). */
export interface AzureToken {
  readonly token: string;
  readonly expiresOnTimestamp: number;
  readonly refreshAfterTimestamp?: number;
}
