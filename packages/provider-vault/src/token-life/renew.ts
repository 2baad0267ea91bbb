import type { Write } from '../auth/auth-method.js';
import { tokenCredential } from '../auth/credential.js';
import { type GrantedToken, grantedToken } from '../auth/login-answer.js';
import type { Lease } from './lease.js';

/** Asks for more of the same token. @throws PinError */
export async function renewSelf({ token }: Lease, write: Write): Promise<GrantedToken> {
  const answer = await write('auth/token/renew-self', {}, tokenCredential(token));
  return grantedToken(answer, "the renewal of the vault's token", [token]);
}

/** One process warning: a change for the worse is seen, although no read fails yet. */
export function warn(code: string, message: string): void {
  process.emitWarning(`vault: ${message}`, { type: 'PinvaultWarning', code });
}
