import type { VaultAnswer } from '../answer.js';
import type { Credential } from './credential.js';

/** What is sent to log in. */
export interface LoginRequest {
  /** Encoded, such as `auth/approle/login`. */
  readonly path: string;
  readonly body: Readonly<Record<string, string>>;
  /** What of the body must appear nowhere. */
  readonly secrets: readonly string[];
}

/** Sends what a method needs before it logs in. */
export type Write = (path: string, body: object, credential: Credential) => Promise<VaultAnswer>;

/** A way to log in. */
export interface AuthMethod {
  /** As the options name it. */
  readonly name: string;
  /** Tells one set of secrets from another, as they are now, without asking the vault. Never throws. */
  shown?(): Promise<string>;
  /** Gathers what is sent, files read anew. @throws PinError */
  prepare(write: Write): Promise<LoginRequest>;
}
