import type { Agent } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { type Answer, callHttps } from './https-call.js';
import { pause } from './waiting.js';

/** Who sends requests, one after another. */
export interface Caller {
  readonly agent: Agent;
  readonly host: string;
  readonly port: number;
  /** Whether its agent keeps connections, as a service does; otherwise each request is a handshake of its own. */
  readonly keepsConnections: boolean;
}

/** What came of the requests so far, or in a while. */
export interface Tally {
  /** Status 200 and the right body. */
  readonly answered: number;
  /** Anything else: an error, another status, a wrong or cut body, no answer in time. */
  readonly lost: number;
  /** Among the answered, those with a handshake of their own. */
  readonly fresh: number;
}

/** Every caller sends a request each so many milliseconds, all of them together: their connections overlap. */
const beatMs = 80;

/** Steady traffic through pinned agents. Each request is one that must succeed. */
export class Load {
  readonly #callers: readonly Caller[];
  readonly #stopping = new AbortController();
  readonly #kept = new Map<TLSSocket, { readonly host: string; readonly fingerprint: string }>();
  readonly #lastFresh = new Map<string, string>();
  readonly #everKept = new Map<string, number>();
  readonly #losses: string[] = [];
  #answered = 0;
  #fresh = 0;
  #running: Promise<unknown> = Promise.resolve();

  constructor(callers: readonly Caller[]) {
    this.#callers = callers;
  }

  /** Why requests were lost, one text each. */
  get losses(): readonly string[] {
    return this.#losses;
  }

  get tally(): Tally {
    return { answered: this.#answered, lost: this.#losses.length, fresh: this.#fresh };
  }

  since(earlier: Tally): Tally {
    return {
      answered: this.#answered - earlier.answered,
      lost: this.#losses.length - earlier.lost,
      fresh: this.#fresh - earlier.fresh,
    };
  }

  /** The certificate that the latest fresh handshake with a host met, as its fingerprint. */
  lastFresh(host: string): string | undefined {
    return this.#lastFresh.get(host);
  }

  /** Kept connections that are open now and were made under this certificate. */
  keptUnder(fingerprint: string): number {
    return [...this.#kept.values()].filter((connection) => connection.fingerprint === fingerprint).length;
  }

  /** Kept connections to a host: those open now, and all that there ever were. */
  keptTo(host: string): { readonly open: number; readonly ever: number } {
    const open = [...this.#kept.values()].filter((connection) => connection.host === host).length;
    return { open, ever: this.#everKept.get(host) ?? 0 };
  }

  start(): void {
    const startedAt = performance.now();
    this.#running = Promise.all(this.#callers.map((caller, index) => this.#run(caller, index, startedAt)));
  }

  /** Lets the requests that are under way finish. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(caller: Caller, index: number, startedAt: number): Promise<void> {
    const { signal } = this.#stopping;
    for (let count = 1; !signal.aborted; count += 1) {
      await this.#send(caller, `/caller-${index + 1}/request-${count}`);
      const elapsed = performance.now() - startedAt;
      await pause(beatMs - (elapsed % beatMs), signal).catch(() => undefined);
    }
  }

  async #send(caller: Caller, path: string): Promise<void> {
    try {
      const answer = await callHttps({ ...caller, path });
      if (answer.status !== 200 || answer.body !== `served ${path}`) {
        throw new Error(`status ${answer.status} with ${answer.body.length} characters`);
      }
      this.#answered += 1;
      if (caller.keepsConnections) {
        this.#keep(caller.host, answer);
      } else {
        this.#fresh += 1;
        this.#lastFresh.set(caller.host, answer.fingerprint);
      }
    } catch (error) {
      this.#losses.push(`${caller.host}${path}: ${String(error)}`);
    }
  }

  #keep(host: string, { socket, fingerprint }: Answer): void {
    if (socket.destroyed || this.#kept.has(socket)) return;
    this.#kept.set(socket, { host, fingerprint });
    this.#everKept.set(host, (this.#everKept.get(host) ?? 0) + 1);
    socket.once('close', () => this.#kept.delete(socket));
  }
}
