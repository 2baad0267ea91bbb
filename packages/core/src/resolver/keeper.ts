import { PinDocumentError, PinError, type PinProviderError, PinResolverError } from '../errors.js';
import { durationText } from '../internal/text.js';
import { decodeInTurns } from '../policy/decode.js';
import type { PinDocument } from '../policy/document.js';
import { publish } from '../observe/channels.js';
import { adoptDocument, compareDocuments, refuseEnded, withRevocationsOf } from './adopt.js';
import type { ClockTimer } from '../internal/clock.js';
import { type NewsContext, tellReviews, tellRows, tellSameGeneration } from './document-news.js';
import { type PinEventHub, snapshotEvent } from './events.js';
import { Freshness } from './freshness.js';
import { Health } from './health.js';
import { describeRecalled, type LastKnownGood } from './last-known-good.js';
import { MismatchBudget } from './mismatch.js';
import { elapsedMs, type Moment, momentOf } from './moment.js';
import type { ResolverSettings } from './options.js';
import { isOutage } from './outage.js';
import type { ReadOutcome } from './pace.js';
import { type InForce, readDocument, type RefusedDocument, unusableAnswer } from './read-document.js';
import { readOnce } from './reader.js';
import { RefreshLoop } from './refresh-loop.js';
import type { RequiredHosts } from './required-hosts.js';
import { describeSource, type Notes, type Snapshot, snapshotOf } from './snapshot.js';
import type { StartedSnapshot } from './start.js';
import { watchProvider } from './watching.js';
import type { Warnings } from './warnings.js';

/** Longest wait of a request for a read. */
const freshWaitMs = 2_000;

/** What came of one read. */
export type RefreshOutcome =
  | { readonly outcome: 'unchanged' | 'rotated'; readonly revision: string }
  | { readonly outcome: 'rejected' | 'failed'; readonly error: PinError };

/** Where a keeper tells what happens. */
export interface KeeperContext {
  readonly settings: ResolverSettings;
  readonly events: PinEventHub;
  readonly warnings: Warnings;
  readonly requiredHosts: RequiredHosts;
  /** Where the last good document is written down. */
  readonly lastKnownGood: LastKnownGood | undefined;
  /** Puts a snapshot in force, before anybody hears of it. */
  readonly use: (snapshot: Snapshot) => void;
}

/** Keeps one snapshot current: reads, adopts or refuses, falls back, and tells. */
export class PinKeeper {
  readonly freshness: Freshness;
  readonly health: Health;
  readonly loop: RefreshLoop<RefreshOutcome>;
  readonly counters = { reads: 0, readFailures: 0, documentsRejected: 0, rotations: 0 };
  readonly #context: KeeperContext;
  readonly #closing = new AbortController();
  readonly #mismatchBudget: MismatchBudget;
  #snapshot: Snapshot;
  #generationFloor: number | undefined;
  #isFallingBack = false;
  #refused: RefusedDocument | undefined;
  #lastFailure: PinError | undefined;
  #waking: Promise<void> | undefined;

  constructor(started: StartedSnapshot, context: KeeperContext) {
    const { settings, events, warnings } = context;
    const { name, clock, refreshIntervalMs, readTimeoutMs, maxStaleMs, random } = settings;
    const { snapshot, confirmedAt } = started;
    this.#context = context;
    this.#snapshot = snapshot;
    this.#generationFloor = started.generationFloor;
    this.freshness = new Freshness(clock, 2 * refreshIntervalMs + readTimeoutMs, maxStaleMs, confirmedAt);
    this.#mismatchBudget = new MismatchBudget(clock, random);
    const { freshness } = this;
    this.health = new Health({
      resolver: name,
      clock,
      freshness,
      events,
      warnings,
      snapshot: () => this.#snapshot,
      onExpired: () => this.#fallBackOnce(),
    });
    this.loop = new RefreshLoop(
      { intervalMs: refreshIntervalMs, readTimeoutMs, clock, random },
      (signal) => this.#readAndTell(signal),
      (result) =>
        result.outcome === 'failed'
          ? failedRead(result.error)
          : { failed: false, isNews: result.outcome === 'rotated' },
    );
  }

  /** The snapshot in force. */
  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Tells of the start, and lets the refresh begin. */
  begin({ failure, raw, confirmedAt }: StartedSnapshot): void {
    const { settings, events, warnings } = this.#context;
    if (settings.mode === 'report') {
      warnings.say('PINVAULT_REPORT_MODE', 'start', 'mode is report: mismatches are told, not refused');
    }
    if (failure instanceof PinDocumentError) this.#rejected(failure, 'unknown');
    else if (failure !== undefined) {
      this.#lastFailure = failure;
      this.health.failed(failure);
    }
    const snapshot = this.#snapshot;
    if (raw !== undefined) this.#context.lastKnownGood?.keep(raw, snapshot, confirmedAt.wall);
    const why = failure === undefined ? '' : `: ${failure.message}`;
    if (snapshot.source === 'last-known-good') {
      const text = `${describeRecalled(snapshot, this.freshness.ageMs())}${why}`;
      warnings.say('PINVAULT_LAST_KNOWN_GOOD', 'start', text);
    }
    if (snapshot.source === 'fallback') {
      warnings.say(
        'PINVAULT_FALLBACK',
        'start',
        `the fallback pins of ${describeSource(snapshot)} serve${why}`,
      );
    }
    tellRows(snapshot, undefined, this.#news());
    tellReviews(this.#snapshot, this.#news());
    events.emit(snapshotEvent('ready', this.#about(), {}));
    this.health.tell();
    const isAnswered = failure === undefined || failure instanceof PinDocumentError;
    this.loop.schedule(isAnswered ? { failed: false, isNews: true } : failedRead(failure));
  }

  /** Lets the store say when it has changed, where it can. */
  watch(onChange: (revision?: string) => void): void {
    const { settings, warnings } = this.#context;
    watchProvider(settings.provider, onChange, this.#closing.signal, warnings);
  }

  /** Ends refresh and whatever read is under way. */
  stop(): void {
    this.loop.stop();
    this.health.stop();
    this.#closing.abort();
  }

  /** @throws PinResolverError (`ERR_RESOLVER_CLOSED`) */
  assertOpen(): void {
    if (this.isClosed) throw this.#closedError();
  }

  #closedError(): PinResolverError {
    const { name } = this.#context.settings;
    return new PinResolverError('ERR_RESOLVER_CLOSED', `the resolver "${name}" was closed`);
  }

  /** @throws PinResolverError where the pins in force may not be used */
  assertUsable(now?: number): void {
    this.assertOpen();
    if (!this.freshness.isExpired(this.#snapshot.document.expiresAt, now)) return;
    const { lastError } = this.health;
    const because = lastError === undefined ? '' : `; last error: ${lastError.message}`;
    const age = durationText(this.freshness.ageMs());
    throw new PinResolverError(
      'ERR_RESOLVER_EXPIRED',
      `the pins from ${describeSource(this.#snapshot)} were confirmed ${age} ago, past their limit${because}`,
    );
  }

  /**
   * What a request has to wait for before pins are used that a suspended process has kept: one read, 2 s at most, once.
   * `undefined` where nothing has to be waited for, which costs no more than the age.
   */
  prepare(): Promise<void> | undefined {
    if (this.#waking !== undefined) return this.#waking;
    if (this.freshness.ageMs() <= this.#context.settings.refreshIntervalMs) return undefined;
    const read = this.loop.wake();
    if (read === undefined) return undefined;
    this.#waking = this.waitFor(read).then(() => {
      this.#waking = undefined;
    });
    return this.#waking;
  }

  /** A handshake was refused, or would have been: a read that may bring what it lacked, where one is to be had now. */
  readAfterMismatch(): Promise<RefreshOutcome> | undefined {
    return this.loop.askIfWell(() => this.#mismatchBudget.take());
  }

  /** For a caller who asks: as {@link prepare}, and for a read that is under way anyhow. */
  async whenFresh(): Promise<void> {
    const waking = this.prepare();
    if (waking !== undefined) return waking;
    if (this.freshness.ageMs() <= this.#context.settings.refreshIntervalMs) return undefined;
    const read = this.loop.askIfWell(() => true);
    return read === undefined ? undefined : this.waitFor(read);
  }

  /** Whether a store that holds this revision has nothing new to say. */
  knows(revision: string): boolean {
    return revision === this.#snapshot.revision || revision === this.health.lastRejected?.revision;
  }

  /** Waits for a read, 2 s at most. */
  async waitFor(read: Promise<unknown>): Promise<void> {
    let timer: ClockTimer | undefined;
    const waited = new Promise<void>((resolve) => {
      timer = this.#context.settings.clock.after(freshWaitMs, resolve, true);
    });
    await Promise.race([read, waited]).catch(() => undefined);
    timer?.cancel();
  }

  /** What a caller is told for whom the provider is not read, because it is being left alone. */
  whyLeftAlone(): RefreshOutcome {
    this.assertOpen();
    return { outcome: 'failed', error: this.#lastFailure ?? unusableAnswer('the provider', undefined) };
  }

  async #readAndTell(signal: AbortSignal): Promise<RefreshOutcome> {
    const { name, clock } = this.#context.settings;
    const askedAt = momentOf(clock);
    const result = await this.#readAndAdopt(signal, askedAt);
    publish('refresh', () => ({
      resolver: name,
      at: clock.now(),
      durationMs: Math.round(elapsedMs(askedAt, clock)),
      outcome: result.outcome,
      revision: this.#snapshot.revision,
      ...('error' in result ? { code: result.error.code } : {}),
    }));
    return result;
  }

  async #readAndAdopt(signal: AbortSignal, askedAt: Moment): Promise<RefreshOutcome> {
    const { settings, requiredHosts, lastKnownGood } = this.#context;
    const { provider, readTimeoutMs, clock, maxDocumentBytes } = settings;
    this.counters.reads += 1;
    const limits = { timeoutMs: readTimeoutMs, signal, keepAlive: false };
    const refused = this.#refusedBefore();
    const reading = { provider, limits, clock, maxDocumentBytes, requiredHosts, refused };
    const answer = await readDocument(reading, this.#inForce());
    // A late answer after close(), or after another read was begun in place of this one, changes nothing.
    if (this.isClosed) return { outcome: 'failed', error: this.#closedError() };
    if (answer.outcome === 'failed') {
      return signal.aborted ? { outcome: 'failed', error: answer.error } : this.#failed(answer.error);
    }
    if (answer.outcome === 'rejected') {
      this.#refused = answer.refused ?? this.#refused;
      return this.#rejected(answer.error, answer.revision);
    }
    if (answer.outcome === 'unchanged') {
      this.#refused = undefined;
      this.health.confirmed(askedAt);
      lastKnownGood?.confirmed(askedAt.wall);
      tellReviews(this.#snapshot, this.#news());
      return { outcome: 'unchanged', revision: this.#snapshot.revision };
    }
    const { document, raw, revision } = answer;
    const before = this.#snapshot;
    const hasRotated = this.#adopt(document, answer, askedAt);
    const isSame = !hasRotated && before.source === 'provider' && before.revision === revision;
    if (isSame) lastKnownGood?.confirmed(askedAt.wall);
    else lastKnownGood?.keep(raw, this.#snapshot, askedAt.wall);
    return { outcome: hasRotated ? 'rotated' : 'unchanged', revision };
  }

  /** As it is when it is asked: a fallback can take over while the provider is being read. */
  #inForce(): InForce {
    const document = (): PinDocument => this.#snapshot.document;
    const floor = (): number | undefined => this.#generationFloor;
    const isExpired = (): boolean => this.health.state() === 'expired';
    return {
      revision: this.#snapshot.source === 'provider' ? this.#snapshot.revision : undefined,
      get document() {
        return document();
      },
      get generationFloor() {
        return floor();
      },
      get isExpired() {
        return isExpired();
      },
    };
  }

  /** What the store held last, where that was refused. Once the pins in force are over, it is looked at again. */
  #refusedBefore(): RefusedDocument | undefined {
    if (this.health.state() === 'expired') this.#refused = undefined;
    return this.#refused;
  }

  #rejected(error: PinDocumentError, revision: string): RefreshOutcome {
    this.counters.documentsRejected += 1;
    this.health.rejected(error, revision);
    return { outcome: 'rejected', error };
  }

  /** Puts a document in force; whether that changed anything that decides a verdict. */
  #adopt(
    document: PinDocument,
    { revision, notes }: { readonly revision: string; readonly notes?: Notes | undefined },
    askedAt: Moment | 'fallback',
  ): boolean {
    const { settings, events, use } = this.#context;
    const source = askedAt === 'fallback' ? askedAt : 'provider';
    const previous = this.#snapshot;
    const change = compareDocuments(previous.document, document);
    const isSame = change === undefined && revision === previous.revision;
    this.#refused = undefined;
    this.#snapshot = snapshotOf(document, revision, {
      source,
      provider: source === 'provider' ? settings.provider : (settings.fallback ?? settings.provider),
      fetchedAt: isSame ? previous.fetchedAt : settings.clock.now(),
      notes,
    });
    if (change !== undefined) tellSameGeneration(this.#snapshot, previous, this.#news());
    if (source === 'provider') this.#generationFloor = document.generation;
    use(this.#snapshot);
    if (askedAt !== 'fallback') this.health.confirmed(askedAt);
    if (change !== undefined) {
      this.counters.rotations += 1;
      const rotation = { ...change, previousRevision: previous.revision };
      publish('rotate', () => ({ resolver: settings.name, at: settings.clock.now(), revision, ...rotation }));
      events.emit(snapshotEvent('rotate', this.#about(), rotation));
    }
    tellRows(this.#snapshot, previous.document, this.#news());
    tellReviews(this.#snapshot, this.#news());
    return change !== undefined;
  }

  #failed(error: PinError): RefreshOutcome {
    if (this.isClosed) return { outcome: 'failed', error };
    this.#lastFailure = error;
    this.counters.readFailures += 1;
    this.health.failed(error);
    if (this.health.state() === 'expired') this.#fallBackOnce();
    return { outcome: 'failed', error };
  }

  #fallBackOnce(): void {
    if (this.#isFallingBack) return;
    this.#isFallingBack = true;
    void this.#fallBack().finally(() => {
      this.#isFallingBack = false;
    });
  }

  async #fallBack(): Promise<void> {
    const { settings, warnings } = this.#context;
    const { fallback, readTimeoutMs, clock, maxDocumentBytes } = settings;
    if (fallback === undefined || settings.onExpired !== 'fallback') return;
    try {
      const limits = { timeoutMs: readTimeoutMs, signal: this.#closing.signal, keepAlive: false };
      const result = await readOnce(fallback, undefined, limits, clock);
      if ('unchanged' in result || this.isClosed || this.health.state() !== 'expired') return;
      const decoded = await decodeInTurns(result.document, { maxDocumentBytes });
      if (this.isClosed || this.health.state() !== 'expired') return;
      refuseEnded(decoded, clock.now());
      // What was revoked in this process stays revoked, whatever the fallback has not heard of.
      const united = withRevocationsOf(decoded, this.#snapshot.document);
      const document = adoptDocument(united, undefined, this.#context.requiredHosts);
      warnings.say(
        'PINVAULT_FALLBACK',
        'expired',
        `the fallback pins of ${fallback.name} serve: the provider was away too long`,
      );
      this.freshness.confirm();
      this.#adopt(document, result, 'fallback');
      this.health.tell();
    } catch (error) {
      // What close() has ended tells nobody.
      if (this.isClosed) return;
      this.health.failed(PinError.isPinError(error) ? error : unusableAnswer(fallback.name, error));
    }
  }

  #news(): NewsContext {
    const { settings, events, warnings } = this.#context;
    return { resolver: settings.name, clock: settings.clock, events, warnings };
  }

  #about(): { readonly resolver: string; readonly at: number; readonly snapshot: Snapshot } {
    const { name, clock } = this.#context.settings;
    return { resolver: name, at: clock.now(), snapshot: this.#snapshot };
  }
}

/** A store that answers, be it that there is no such secret, is read at its interval; one that is away is left alone. */
function failedRead(error: PinError): ReadOutcome {
  const { retryAfterMs } = error as Partial<PinProviderError>;
  if (error.code === 'ERR_PROVIDER_DENIED') return { failed: true, isDenied: true, retryAfterMs };
  return isOutage(error.code) ? { failed: true, retryAfterMs } : { failed: false };
}
