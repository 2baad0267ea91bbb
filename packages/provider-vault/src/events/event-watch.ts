import { messageWithoutCode, type Clock, type ClockTimer, type ProviderUpdates } from '@pinvault/core';
import { requestFailure } from '../failures.js';
import type { KvLocation } from '../kv/location.js';
import { eventTypeFor, type Hint, hintReaderFor } from './event-hint.js';
import { type SocketEnd, type SocketRequest, stayConnected } from './event-socket.js';

/** What a watch needs of the provider. */
export interface EventSource {
  readonly address: URL;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly random: () => number;
  /** Whether the vault has events; `undefined` to try without a question. */
  readonly hasEvents: ((signal: AbortSignal) => Promise<boolean>) | undefined;
  /** Where the secrets lie. */
  readonly locate: (signal: AbortSignal) => Promise<KvLocation>;
  /** How a path of the API is reached, and the headers of a request with the token that is good now. @throws PinError */
  readonly connect: (path: string, signal: AbortSignal) => Promise<Pick<SocketRequest, 'road' | 'headers'>>;
}

const firstPauseMs = 1_000;
const maxPauseMs = 300_000;

/** A vault that has no events may be another one after an upgrade. */
const unsupportedPauseMs = 3_600_000;

/** A connection that has lasted so long was a good one: the pauses begin anew. */
const steadyMs = 60_000;

const connecting: ProviderUpdates = { by: 'polling', reason: 'not connected to the events of the vault yet' };

/**
 * Listens to the events of a vault for as long as it may, and connects anew with growing pauses where that ends: a denied
 * or expired token, a vault that is away, one that closes at once. Calls back when the secret may have changed, and each time
 * it is connected, since nobody tells what happened before. Never throws, and holds no process open.
 */
export class EventWatch {
  readonly #source: EventSource;
  readonly #onHint: (hint: Hint) => void;
  readonly #ending = new AbortController();
  #updates: ProviderUpdates = connecting;
  #timer: ClockTimer | undefined;
  #failures = 0;

  constructor(source: EventSource, onHint: (hint: Hint) => void) {
    this.#source = source;
    this.#onHint = onHint;
    void this.#run();
  }

  /** How changes are noticed now. */
  get updates(): ProviderUpdates {
    return this.#updates;
  }

  /** Idempotent. */
  close(): void {
    this.#ending.abort();
    this.#timer?.cancel();
  }

  async #run(): Promise<void> {
    const { clock, random, address } = this.#source;
    let openedAt: number | undefined;
    let pauseMs: number;
    try {
      const end = await this.#connect(() => (openedAt = clock.monotonic()));
      if (openedAt !== undefined && clock.monotonic() - openedAt >= steadyMs) this.#failures = 0;
      pauseMs = end === 'unsupported' || isUnsupported(end) ? unsupportedPauseMs : this.#nextPauseMs(random);
      this.#updates = { by: 'polling', reason: reasonOf(end, address) };
    } catch (error) {
      pauseMs = this.#nextPauseMs(random);
      this.#updates = { by: 'polling', reason: textOf(error, address) };
    }
    if (this.#ending.signal.aborted) return;
    this.#timer = clock.after(pauseMs, () => void this.#run());
  }

  async #connect(onOpen: () => void): Promise<SocketEnd | 'unsupported'> {
    const { clock, timeoutMs, hasEvents, locate, connect } = this.#source;
    const { signal } = this.#ending;
    if (hasEvents !== undefined && !(await hasEvents(signal))) return 'unsupported';
    const location = await locate(signal);
    const type = eventTypeFor(location);
    const hintOf = hintReaderFor(location);
    const { road, headers } = await connect(`sys/events/subscribe/${type}?json=true`, signal);
    return stayConnected({
      road,
      headers,
      timeoutMs,
      clock,
      signal,
      onOpen: () => {
        onOpen();
        this.#updates = { by: 'events' };
        this.#onHint({});
      },
      onMessage: (text) => {
        const hint = signal.aborted ? undefined : hintOf(text);
        if (hint !== undefined) this.#onHint(hint);
      },
    });
  }

  /** Any moment up to the limit, never less than a tenth of it: a fleet that was cut off at once does not come back at once. */
  #nextPauseMs(random: () => number): number {
    const limitMs = Math.min(maxPauseMs, firstPauseMs * 2 ** Math.min(this.#failures, 16));
    this.#failures += 1;
    return limitMs * Math.max(0.1, random());
  }
}

function isUnsupported(end: SocketEnd): boolean {
  return end.kind === 'refused' && (end.statusCode === 404 || end.statusCode === 405);
}

function reasonOf(end: SocketEnd | 'unsupported', address: URL): string {
  if (end === 'unsupported') return 'this vault has no events: it is not Vault Enterprise';
  switch (end.kind) {
    case 'refused':
      if (isUnsupported(end)) return `the vault at ${address.host} offers no events (${end.statusCode})`;
      return end.statusCode === 401 || end.statusCode === 403
        ? `the vault at ${address.host} denied the token its events; it needs the capability read on "sys/events/subscribe/…", and subscribe on the secret`
        : `the vault at ${address.host} answers a subscription with status ${end.statusCode}`;
    case 'closed':
      return `the vault at ${address.host} has ended the connection of its events (${end.code})`;
    case 'failed':
      return textOf(end.error, address);
  }
}

function textOf(error: unknown, address: URL): string {
  return messageWithoutCode(requestFailure(error, address));
}
