import { channel } from 'node:diagnostics_channel';
import type { PinErrorCode } from '../errors.js';

/** A read of the provider that has ended, on `@pinvault/core:refresh`. Never with a token, a secret or a row's value. */
export interface RefreshMessage {
  /** The resolver's `name`. */
  readonly resolver: string;
  /** Epoch ms. */
  readonly at: number;
  readonly durationMs: number;
  readonly outcome: 'unchanged' | 'rotated' | 'rejected' | 'failed';
  /** In force after the read. */
  readonly revision: string;
  /** Why the document was rejected, or the read failed. */
  readonly code?: PinErrorCode;
}

/** Other pins are in force, on `@pinvault/core:rotate`. */
export interface RotateMessage {
  readonly resolver: string;
  readonly at: number;
  /** Where each host has a document of its own. */
  readonly host?: string;
  readonly revision: string;
  readonly previousRevision: string;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

/** A handshake that was judged, on `@pinvault/core:verdict`. */
export interface VerdictMessage {
  readonly resolver: string;
  readonly at: number;
  readonly host: string;
  readonly port?: number | undefined;
  readonly outcome: 'match' | 'unpinned' | 'reported' | 'refused';
  /** Why it was refused, or would have been: also Node's own code, for a certificate of another host. */
  readonly code?: string | undefined;
}

interface Messages {
  readonly refresh: RefreshMessage;
  readonly rotate: RotateMessage;
  readonly verdict: VerdictMessage;
}

const channels = {
  refresh: channel('@pinvault/core:refresh'),
  rotate: channel('@pinvault/core:rotate'),
  verdict: channel('@pinvault/core:verdict'),
};

/** Publishes where somebody listens; else nothing is made, and it costs a look at a flag. */
export function publish<Name extends keyof Messages>(name: Name, message: () => Messages[Name]): void {
  if (channels[name].hasSubscribers) channels[name].publish(message());
}
