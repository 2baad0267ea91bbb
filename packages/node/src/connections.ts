import { AsyncLocalStorage } from 'node:async_hooks';
import type { Duplex } from 'node:stream';
import { endsAtOnce, type PinEventListener, type PinSource } from '@pinvault/core';
import { type Connection, whyStale } from './connection.js';
import type { Resumption } from './resumption.js';

/** What the connections of an agent need to know of it. */
interface Surroundings {
  readonly pins: PinSource;
  readonly resumption: Resumption;
  readonly drainTimeoutMs: number;
  /** The sockets in the agent's pools. */
  idle(): readonly Duplex[];
}

/** No rotation tells of what ends by the clock (`until=`, `maxStaleMs`, a certificate): it is looked for this often. */
const lookEveryMs = 30_000;

/**
 * What a timer judges is judged out of the context that has started it, which may be a trial of a wrong pin. The module's,
 * since that of a request would live as long as the timer.
 */
const outside = AsyncLocalStorage.snapshot();

/** The connections of an agent, from the dial to the close: each rotation judges them, and every 30 s the clock does. */
export class Connections {
  readonly #around: Surroundings;
  readonly #open = new Set<Connection>();
  readonly #bySocket = new WeakMap<object, Connection>();
  readonly #onRotate: PinEventListener<'rotate'> = ({ host }) => this.#sweep(host);
  #clockTimer: NodeJS.Timeout | undefined;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  of(socket: Duplex): Connection | undefined {
    return this.#bySocket.get(socket);
  }

  track(connection: Connection, socket: Duplex | null | undefined): void {
    if (socket === null || socket === undefined || connection.socket === socket) return;
    const { pins } = this.#around;
    connection.socket = socket;
    // An agent without connections holds no listener, so that one that is dropped can be collected.
    if (this.#open.size === 0) {
      pins.on('rotate', this.#onRotate);
      this.#clockTimer = outside(() => setInterval(() => this.#lookAtAll(undefined), lookEveryMs).unref());
    }
    if (!this.#open.has(connection)) connection.release = pins.retain?.(connection.target);
    this.#open.add(connection);
    this.#bySocket.set(socket, connection);
    socket.once('close', (hasFailed?: boolean) => this.#forget(connection, hasFailed === true));
  }

  #forget(connection: Connection, hasFailed: boolean): void {
    clearTimeout(connection.drainTimer);
    connection.release?.();
    this.#around.resumption.ended(connection, hasFailed);
    this.#open.delete(connection);
    if (this.#open.size > 0) return;
    this.#around.pins.off('rotate', this.#onRotate);
    clearInterval(this.#clockTimer);
  }

  /** @param host - the only one whose pins have changed, where each has a document of its own */
  #sweep(host: string | undefined): void {
    this.#around.resumption.dropStale(host);
    for (const connection of this.#open) if (connection.evidence === undefined) connection.isOvertaken = true;
    this.#lookAtAll(host);
  }

  /** Ends those that no longer match: idle ones at once, busy ones with time to finish. */
  #lookAtAll(host: string | undefined): void {
    const isConcerned = ({ evidence }: Connection): boolean =>
      evidence !== undefined && (host === undefined || evidence.host === host);
    for (const socket of this.#around.idle()) {
      const connection = this.of(socket);
      if (connection === undefined || !isConcerned(connection)) continue;
      if (this.#whyStale(connection) !== undefined) drop(socket);
    }
    for (const connection of this.#open) if (isConcerned(connection)) this.#drain(connection);
  }

  #whyStale(connection: Connection): Error | undefined {
    return whyStale(this.#around.pins, connection);
  }

  #drain(connection: Connection): void {
    const { socket } = connection;
    if (socket === undefined || socket.destroyed) return;
    const reason = this.#whyStale(connection);
    // Matches again: an edit was undone while it drained.
    if (reason === undefined) endDrain(connection);
    else if (endsAtOnce(reason)) socket.destroy(reason);
    else
      connection.drainTimer ??= setTimeout(() => {
        const still = outside(() => this.#whyStale(connection));
        if (still === undefined) endDrain(connection);
        else socket.destroy(still);
      }, this.#around.drainTimeoutMs).unref();
  }
}

function endDrain(connection: Connection): void {
  clearTimeout(connection.drainTimer);
  delete connection.drainTimer;
}

/** Destroys a connection that has no request. */
export function drop(socket: Duplex): void {
  socket.destroy();
  // Node's own way out of the pool, which it takes at 'close' otherwise: in between, scheduling lifo would hand the
  // destroyed socket to a request of this very tick.
  socket.emit('agentRemove');
}
