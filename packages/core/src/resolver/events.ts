import type { PinDocumentError, PinError } from '../errors.js';
import type { BadRow } from '../policy/document.js';
import type { DocumentChange } from './adopt.js';
import type { Snapshot, SnapshotSource } from './snapshot.js';

interface Common {
  /** The resolver's `name`. */
  readonly resolver: string;
  /** Epoch ms. */
  readonly at: number;
  /** Whose document it is about, where each host has one. */
  readonly host?: string;
}

interface Snapshotted extends Common {
  readonly revision: string;
  readonly source: SnapshotSource;
}

/** The events of a resolver, by name. No event holds a token or a secret. */
export interface PinEvents {
  /** The first snapshot is in place. */
  ready: Snapshotted & { readonly type: 'ready' };
  /** Other pins are in force now. Agents have dropped what no longer matches when listeners run after theirs. */
  rotate: Snapshotted & DocumentChange & { readonly type: 'rotate'; readonly previousRevision: string };
  /** A read failed; the pins in force stay. */
  refreshError: Common & { readonly type: 'refreshError'; readonly error: PinError };
  /** A document was refused whole; the pins in force stay. */
  documentRejected: Common & {
    readonly type: 'documentRejected';
    readonly revision: string;
    readonly error: PinDocumentError;
  };
  /** A row was set aside; its neighbours were taken. */
  rowRejected: Common & { readonly type: 'rowRejected'; readonly revision: string; readonly row: BadRow };
  /** No confirmation for longer than two intervals, or the fallback serves. */
  stale: Snapshotted & { readonly type: 'stale'; readonly ageMs: number };
  /** Past the hard limit: every check fails. */
  expired: Snapshotted & { readonly type: 'expired'; readonly ageMs: number };
  /** The provider answers with a good document again. */
  recovered: Snapshotted & { readonly type: 'recovered' };
  /** A handshake was judged and failed; `enforced: false` where it was only reported. */
  mismatch: Common & {
    readonly type: 'mismatch';
    readonly host: string;
    readonly enforced: boolean;
    readonly error: PinError;
  };
  close: Common & { readonly type: 'close' };
}

/** Name of an event. */
export type PinEventName = keyof PinEvents;

/** Any event. */
export type PinEvent = PinEvents[PinEventName];

/** Called synchronously. What it throws, or rejects with, becomes a process warning and hurts nothing. */
export type PinEventListener<Name extends PinEventName = PinEventName> = (event: PinEvents[Name]) => void;

type SnapshotEventName = 'ready' | 'rotate' | 'stale' | 'expired' | 'recovered';

/** Makes an event that names the snapshot in force. */
export function snapshotEvent<Name extends SnapshotEventName>(
  type: Name,
  about: {
    readonly resolver: string;
    readonly at: number;
    readonly snapshot: Snapshot;
    readonly host?: string;
  },
  rest: Omit<PinEvents[Name], 'type' | 'resolver' | 'at' | 'host' | 'revision' | 'source'>,
): PinEvent {
  const { snapshot, ...common } = about;
  const { revision, source } = snapshot;
  return { type, ...common, revision, source, ...rest } as PinEvent;
}

type AnyListener = (event: never) => unknown;

/** Hands events out; one listener's failure never reaches another, nor the check that caused the event. */
export class PinEventHub {
  readonly #listeners = new Map<PinEventName | '*', Set<AnyListener>>();
  readonly #onListenerError: (error: unknown) => void;
  readonly #outside: (run: () => void) => void;

  /** @param outside - runs a function where no trial of a wrong pin is seen: listeners judge under the pins in force */
  constructor(
    onListenerError: (error: unknown) => void,
    outside: (run: () => void) => void = (run) => run(),
  ) {
    this.#onListenerError = onListenerError;
    this.#outside = outside;
  }

  add(name: PinEventName | '*', listener: AnyListener): void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
  }

  remove(name: PinEventName | '*', listener: AnyListener): void {
    this.#listeners.get(name)?.delete(listener);
  }

  emit(event: PinEvent): void {
    this.#outside(() => {
      for (const name of ['*', event.type] as const) {
        for (const listener of [...(this.#listeners.get(name) ?? [])])
          this.call(listener as PinEventListener, event);
      }
    });
  }

  call(listener: PinEventListener, event: PinEvent): void {
    this.run(() => listener(event));
  }

  /** Calls a function of the user's as if it were a listener. */
  run(callback: () => unknown): void {
    try {
      const result = callback();
      if (result instanceof Promise) result.catch(this.#onListenerError);
    } catch (error) {
      this.#onListenerError(error);
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
