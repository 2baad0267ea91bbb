import { invalidOption } from '@pinvault/core';
import { isPerHost, type SecretPath } from '../secret-path.js';

/** Options that say what is read of a KV back end. */
export interface KvOptions {
  /**
   * The back end's version. Said, the vault is not asked (`sys/internal/ui/mounts/<path>`, which any token with a policy
   * for the secret may); where `mount` is not said, it is the path's first segment then.
   * @defaultValue what the vault says, found out again when its answers contradict it
   */
  readonly kvVersion?: 1 | 2 | undefined;
  /**
   * A version of the secret that is read whatever comes after it; KV version 2, and one secret for all hosts, only.
   * **Security:** no later edit takes effect, a revocation included. @defaultValue the newest
   */
  readonly version?: number | undefined;
}

/** What is read, checked. */
export interface KvSettings {
  readonly kvVersion: 1 | 2 | undefined;
  readonly version: number | undefined;
}

/** @throws TypeError (`ERR_INVALID_OPTION`) */
export function readKvSettings({ kvVersion, version }: KvOptions, secret: SecretPath): KvSettings {
  if (kvVersion !== undefined && kvVersion !== 1 && kvVersion !== 2)
    throw invalidOption('vault.kvVersion', 'is neither 1 nor 2');
  if (version !== undefined) {
    if (!Number.isSafeInteger(version) || version < 1)
      throw invalidOption('vault.version', 'is no version: a whole number, 1 or above');
    if (kvVersion === 1) throw invalidOption('vault.version', 'needs KV version 2: version 1 keeps none');
    if (isPerHost(secret))
      throw invalidOption('vault.version', 'is for one secret: with {host} each has versions of its own');
  }
  return { kvVersion, version };
}
