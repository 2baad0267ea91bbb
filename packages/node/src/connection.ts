import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import {
  type BoundSession,
  type Evidence,
  type PinSource,
  type Target,
  unjudged,
  whyRefused,
} from '@pinvault/core';

/** What an agent remembers of one connection, from the dial to the close. */
export interface Connection {
  readonly target: Target;
  /** Absent until the handshake was judged: a connection that is still on its way is not stale. */
  evidence?: Evidence;
  socket?: Duplex;
  /** The name of the sessions that it may use and leave; absent where there is none. */
  readonly sessionKey?: string | undefined;
  /** The session that was offered to the server. */
  readonly offered?: BoundSession | undefined;
  /** The socket to the target, once the handshake was judged; under way to a proxy there is another before. */
  secured?: TLSSocket;
  /** The session that the server took: its evidence is this connection's. */
  resumed?: BoundSession;
  /** When the server has proven that it holds its key; absent where no session is kept. */
  provenAt?: BoundSession['provenAt'] | undefined;
  /** The pins have changed since it was dialled, and its handshake is not over. */
  isOvertaken?: boolean;
  drainTimer?: NodeJS.Timeout;
  /** Says that its pins are needed no more on its account. */
  release?: (() => void) | undefined;
}

/** Whether the connection is ours and still in its handshake. */
export function isPending(connection: Connection | undefined): boolean {
  return connection !== undefined && connection.evidence === undefined;
}

/** Why a connection whose handshake is over may not be used: Node has asked nobody, as with a resumed session. */
export function whyUnjudged(connection: Connection | undefined): Error | undefined {
  return connection?.evidence === undefined ? unjudged(connection?.target.host ?? '') : undefined;
}

/** Why the connection may not be used any more; `undefined` where it may. */
export function whyStale(pins: PinSource, { evidence }: Connection): Error | undefined {
  return evidence === undefined ? undefined : whyRefused(pins, evidence);
}
