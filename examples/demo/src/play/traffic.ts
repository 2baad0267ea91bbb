import { PinnedAgent, pinErrorCode, type PinResolver } from 'pinvault';
import type { TLSSocket } from 'node:tls';
import { callHttps } from '../https-call.js';
import { apiHost, type Stage } from '../stage.js';

/** Which of the server's keys a connection was made under. */
export type ServerKey = 'old' | 'next';

/** What came of one request that needed a handshake. */
export type Outcome =
  | { readonly kind: 'accepted'; readonly key: ServerKey }
  | { readonly kind: 'refused'; readonly code: string; readonly bytes: number };

/** A connection that is kept, as a service keeps them. */
export interface Kept {
  readonly key: ServerKey;
  /** The client's end, as `netstat` shows it. */
  readonly end: string;
}

/** The service: requests to the API through pinned agents, one with a handshake each, one on a kept connection. */
export class Traffic {
  readonly #stage: Stage;
  readonly #fresh: PinnedAgent;
  readonly #keeping: PinnedAgent;
  readonly #kept = new Map<TLSSocket, Kept>();
  readonly #ended: Kept[] = [];
  #answered = 0;

  constructor(stage: Stage, pins: PinResolver) {
    this.#stage = stage;
    // A resumed session would show the key that it began under.
    this.#fresh = new PinnedAgent(pins, { ...stage.trust, keepAlive: false, maxCachedSessions: 0 });
    this.#keeping = new PinnedAgent(pins, stage.trust);
  }

  /** Requests that were answered so far. */
  get answered(): number {
    return this.#answered;
  }

  /** Connections that have ended since the last call. */
  takeEnded(): readonly Kept[] {
    return this.#ended.splice(0);
  }

  /** One request of each kind. Resolves with what came of the one with a handshake of its own. */
  async send(): Promise<Outcome> {
    await this.#call(this.#keeping).catch(() => undefined);
    const before = this.#stage.api.first.applicationBytes;
    try {
      return { kind: 'accepted', key: await this.#call(this.#fresh) };
    } catch (error) {
      const bytes = this.#stage.api.first.applicationBytes - before;
      return { kind: 'refused', code: pinErrorCode(error) ?? String(error), bytes };
    }
  }

  close(): void {
    this.#keeping.destroy();
    this.#fresh.destroy();
  }

  async #call(agent: PinnedAgent): Promise<ServerKey> {
    const { port } = this.#stage.api.first;
    const { socket, fingerprint } = await callHttps({ agent, host: apiHost, port, path: '/play' });
    this.#answered += 1;
    const key = fingerprint === this.#stage.chains.next.leaf.x509.fingerprint256 ? 'next' : 'old';
    if (agent === this.#keeping) this.#keep(socket, key);
    return key;
  }

  #keep(socket: TLSSocket, key: ServerKey): void {
    if (socket.destroyed || this.#kept.has(socket)) return;
    const kept = { key, end: `${socket.localAddress ?? '?'}:${socket.localPort ?? '?'}` };
    this.#kept.set(socket, kept);
    socket.once('close', () => {
      this.#kept.delete(socket);
      this.#ended.push(kept);
    });
  }
}
