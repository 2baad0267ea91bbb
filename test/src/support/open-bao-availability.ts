import { existsSync } from 'node:fs';

export type OpenBaoAvailability =
  | { readonly available: true; readonly path: string }
  | { readonly available: false; readonly reason: string };

/** Whether there is a server to test against; `npm test` looks for one and fetches it where it can. */
export function openBao(): OpenBaoAvailability {
  const path = process.env['PINVAULT_OPENBAO'];
  if (path) {
    return existsSync(path) ? { available: true, path } : { available: false, reason: `there is no ${path}` };
  }
  const reason = process.env['PINVAULT_OPENBAO_MISSING'];
  return { available: false, reason: reason || 'PINVAULT_OPENBAO is not set (npm test sets it)' };
}
