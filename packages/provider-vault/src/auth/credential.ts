import { tokenHeader } from '../transport.js';

/** What a request shows the vault. */
export interface Credential {
  /** `''` where none is shown. */
  readonly token: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What of it, and of what it was made of, must appear nowhere. */
  readonly secrets: readonly string[];
}

/** Nothing: for log-ins, and for an agent that has a token of its own. */
export const noCredential: Credential = { token: '', headers: {}, secrets: [] };

export function tokenCredential(token: string): Credential {
  return { token, headers: { [tokenHeader]: token }, secrets: [token] };
}
