import { messageWithoutCode, type PinDocumentError, type PinError } from '../errors.js';
import type { Clock, ClockTimer } from '../internal/clock.js';
import { durationText } from '../internal/text.js';
import { type PinEventHub, snapshotEvent } from './events.js';
import type { Freshness, FreshnessState } from './freshness.js';
import type { Moment } from './moment.js';
import { isOutage } from './outage.js';
import type { Snapshot } from './snapshot.js';
import { type ErrorSummary, type RejectedSummary, summarise } from './status.js';
import type { Warnings } from './warnings.js';

/** Warnings about age begin here; up to then events and `status()` tell. */
const staleWarningMs = 3_600_000;

/** What is over when the provider answers well again. */
const outageWarnings = /^(?:ERR_(?:PROVIDER|DOCUMENT|RESOLVER)_|PINVAULT_(?:STALE|FALLBACK)$)/u;

/** What {@link Health} watches, and where it tells. */
export interface HealthContext {
  readonly resolver: string;
  readonly clock: Clock;
  readonly freshness: Freshness;
  readonly events: PinEventHub;
  readonly warnings: Warnings;
  readonly snapshot: () => Snapshot;
  /** The hard limit has passed. */
  readonly onExpired: () => void;
}

/** How a resolver is doing, and who has been told: each change once, when it happens and not when it is asked for. */
export class Health {
  readonly #context: HealthContext;
  #announced: FreshnessState = 'fresh';
  #lastError: ErrorSummary | undefined;
  #lastRejected: RejectedSummary | undefined;
  #timer: ClockTimer | undefined;
  #isStopped = false;

  constructor(context: HealthContext) {
    this.#context = context;
  }

  /** Why the last read failed; gone after a good one. */
  get lastError(): ErrorSummary | undefined {
    return this.#lastError;
  }

  /** The last document that was refused whole; gone when the store holds what is in force. */
  get lastRejected(): RejectedSummary | undefined {
    return this.#lastRejected;
  }

  state(): FreshnessState {
    const { freshness, snapshot } = this.#context;
    const { document, source } = snapshot();
    if (freshness.isExpired(document.expiresAt)) return 'expired';
    return source !== 'provider' || freshness.isOld() ? 'stale' : 'fresh';
  }

  /** The provider has confirmed the snapshot in force; `at`: when it was asked. */
  confirmed(at: Moment): void {
    const { freshness, warnings } = this.#context;
    freshness.confirm(at);
    const wasAway = this.#announced !== 'fresh' || this.#lastError !== undefined;
    this.#lastError = undefined;
    // The store holds what is in force: whatever it held in between is history.
    this.#lastRejected = undefined;
    this.tell();
    if (!wasAway || this.#announced !== 'fresh') return;
    warnings.forget(outageWarnings);
    this.#emit('recovered', {});
  }

  /** A read failed. */
  failed(error: PinError): void {
    const { clock, events, warnings, resolver } = this.#context;
    this.#lastError = summarise(error, clock.now());
    if (!isOutage(error.code)) {
      warnings.say(error.code, '', `${error.message}; the last good pins stay in force`);
    }
    events.emit({ type: 'refreshError', resolver, at: clock.now(), error });
    this.tell();
  }

  /** A document was refused whole. The same refusal of the same revision is told once. */
  rejected(error: PinDocumentError, revision: string): void {
    const { clock, events, warnings, resolver } = this.#context;
    const at = clock.now();
    const known = this.#lastRejected;
    this.#lastRejected = {
      ...summarise(error, at),
      revision,
      ...(error.key === undefined ? {} : { host: error.key }),
    };
    if (known?.revision !== revision || known.message !== error.message) {
      const text = `revision ${revision} was refused, the last good pins stay in force: ${messageWithoutCode(error)}`;
      warnings.say(error.code, `${revision} ${error.message}`, text);
      events.emit({ type: 'documentRejected', resolver, at, revision, error });
    }
    this.tell();
  }

  /** Tells when the state is another than was told last, and comes back when the clock alone will change it. */
  tell(): void {
    // A listener may have closed the resolver just now.
    if (this.#isStopped) return;
    const { freshness, warnings, snapshot } = this.#context;
    const state = this.state();
    const ageMs = freshness.ageMs();
    this.#comeBack();
    if (state === 'stale' && ageMs >= staleWarningMs) {
      warnings.say(
        'PINVAULT_STALE',
        '',
        `the pins were confirmed ${durationText(ageMs)} ago and stay in force`,
      );
    }
    if (state === this.#announced) return;
    this.#announced = state;
    if (state === 'fresh') return;
    if (state === 'expired') {
      const why = freshness.isPastLimit()
        ? `the pins were confirmed ${durationText(ageMs)} ago, past their limit`
        : `the document of revision ${snapshot().revision} is past its $expires`;
      warnings.say('ERR_RESOLVER_EXPIRED', '', `${why}: every check fails`);
    }
    this.#emit(state, { ageMs: Math.round(ageMs) });
    if (state === 'expired') this.#context.onExpired();
  }

  /** Nothing is told any more. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #comeBack(): void {
    const { clock, freshness, snapshot } = this.#context;
    this.#timer?.cancel();
    const delayMs = freshness.nextChangeInMs(snapshot().document.expiresAt, staleWarningMs);
    this.#timer = delayMs === undefined ? undefined : clock.after(delayMs, () => this.tell());
  }

  #emit<Name extends 'stale' | 'expired' | 'recovered'>(
    type: Name,
    rest: Name extends 'recovered' ? object : { readonly ageMs: number },
  ): void {
    const { resolver, clock, events, snapshot } = this.#context;
    events.emit(snapshotEvent(type, { resolver, at: clock.now(), snapshot: snapshot() }, rest as never));
  }
}
