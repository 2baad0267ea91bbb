import type { Write } from '../auth/auth-method.js';
import { tokenCredential } from '../auth/credential.js';
import { type GrantedToken, grantedToken } from '../auth/login-answer.js';
import type { Lease } from './lease.js';

/** Asks for more of the same token. @throws PinError */
export async function renewSelf({ token }: Lease, write: Write): Promise<GrantedToken> {
  const answer = await write('auth/token/renew-self', {}, tokenCredential(token));
  return grantedToken(answer, "the renewal of the vault's token", [token]);
}

/** Says that something has changed for the worse, although no read fails yet. */
export type Warn = (code: string, message: string) => void;

/** One process warning. */
export function emitWarning(code: string, message: string): void {
  process.emitWarning(`vault: ${message}`, { type: 'PinvaultWarning', code });
}
