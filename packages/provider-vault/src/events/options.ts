import { invalidOption } from '@pinvault/core';

/** Options that say how changes are noticed besides the reads at the interval. */
export interface EventOptions {
  /**
   * Listens to the events of the vault and reads at once when one tells of the secret. `true`: tries to, whatever the vault
   * says that it is; `false`: never. Where there are none, the reads at the interval notice the change;
   * `status().updates` says which. @defaultValue where `sys/health` says that it is Vault Enterprise
   */
  readonly events?: boolean | undefined;
}

/** @throws TypeError (`ERR_INVALID_OPTION`) */
export function readEvents({ events }: EventOptions): boolean | undefined {
  if (events !== undefined && typeof events !== 'boolean')
    throw invalidOption('vault.events', 'is neither true nor false');
  return events;
}
