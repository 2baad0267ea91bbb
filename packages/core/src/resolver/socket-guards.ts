import { elapsedMs, type Moment, momentOf } from './moment.js';
import type { ClockTimer } from '../internal/clock.js';
import type { Target } from '../policy/host.js';
import type { PinEvent, PinEventHub } from './events.js';
import {
  assertGuardable,
  type GuardableSocket,
  type GuardOptions,
  readGuardOptions,
} from './guard-options.js';
import { type GuardContext, GuardedSocket, type GuardWatcher } from './guarded-socket.js';

/** The hold on a socket that is judged at every rotation; `using` releases it. */
export interface SocketGuard extends Disposable {
  /** Judges the socket no more, and leaves it as it is. */
  release(): void;
}

/**
 * A suspended process or a clock that was set stops no timer on time: what ends by the clock is looked for this often,
 * in ms.
 */
const longestWaitMs = 30_000;

const events = ['rotate', 'expired', 'close'] as const;

/** All sockets that a resolver guards: held weakly, judged together, under one timer that holds no process open. */
export class SocketGuards implements GuardWatcher {
  readonly #context: GuardContext;
  readonly #events: PinEventHub;
  // By the guard, so that the pins of a host are let go where a socket was collected that never told of its end.
  readonly #guards = new Map<WeakRef<GuardedSocket>, () => void>();
  readonly #references = new WeakMap<GuardedSocket, WeakRef<GuardedSocket>>();
  // A library may take all listeners off its socket: the guard lives as long as the socket all the same.
  readonly #bySocket = new WeakMap<GuardableSocket, Set<GuardedSocket>>();
  #timer: { readonly set: ClockTimer; readonly at: Moment; readonly waitMs: number } | undefined;

  constructor(context: GuardContext, hub: PinEventHub) {
    this.#context = context;
    this.#events = hub;
  }

  /** @throws TypeError (`ERR_INVALID_OPTION`) */
  guard(socket: GuardableSocket, target: Target, options: GuardOptions): SocketGuard {
    assertGuardable(socket);
    const guarded = new GuardedSocket(socket, target, readGuardOptions(options), this.#context, this);
    const reference = new WeakRef(guarded);
    if (this.#guards.size === 0) for (const name of events) this.#events.add(name, this.#onEvent);
    this.#guards.set(reference, this.#context.retain(target));
    this.#references.set(guarded, reference);
    const ofSocket = this.#bySocket.get(socket) ?? new Set();
    this.#bySocket.set(socket, ofSocket.add(guarded));
    this.#lookAfter(longestWaitMs);
    guarded.begin();
    return { release: guarded.end, [Symbol.dispose]: guarded.end };
  }

  onJudged(guarded: GuardedSocket): void {
    this.#lookAfter(this.#waitFor(guarded));
  }

  onEnd(guarded: GuardedSocket): void {
    const reference = this.#references.get(guarded);
    if (reference !== undefined) this.#forget(reference);
    this.#bySocket.get(guarded.socket)?.delete(guarded);
  }

  #forget(reference: WeakRef<GuardedSocket>): void {
    this.#guards.get(reference)?.();
    this.#guards.delete(reference);
    if (this.#guards.size > 0) return;
    for (const name of events) this.#events.remove(name, this.#onEvent);
    this.#timer?.set.cancel();
    this.#timer = undefined;
  }

  readonly #onEvent = ({ host }: PinEvent): void => {
    this.#look(host);
  };

  /** @param host - the only one about which something has changed, where each has a document of its own */
  #look(host?: string): void {
    let waitMs = longestWaitMs;
    for (const reference of [...this.#guards.keys()]) {
      const guarded = reference.deref();
      if (guarded === undefined) this.#forget(reference);
      else {
        const isConcerned = host === undefined || guarded.host === undefined || guarded.host === host;
        // A socket of somebody's own may throw: the others are judged all the same.
        if (isConcerned) this.#context.tell(() => guarded.look());
        waitMs = Math.min(waitMs, this.#waitFor(guarded));
      }
    }
    this.#lookAfter(waitMs);
  }

  #waitFor(guarded: GuardedSocket): number {
    // The last millisecond still counts. What is over already was found so: it drains, or is kept.
    const waitMs = guarded.validUntil - this.#context.clock.now() + 1;
    return waitMs > 0 ? Math.min(waitMs, longestWaitMs) : longestWaitMs;
  }

  #lookAfter(waitMs: number): void {
    if (this.#guards.size === 0) return;
    const { clock } = this.#context;
    if (this.#timer !== undefined && this.#timer.waitMs - elapsedMs(this.#timer.at, clock) <= waitMs) return;
    this.#timer?.set.cancel();
    const set = clock.after(waitMs, () => {
      this.#timer = undefined;
      this.#look();
    });
    this.#timer = { set, at: momentOf(clock), waitMs };
  }
}
