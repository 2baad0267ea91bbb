import { PinDocumentError, PinError, PinProviderError, PinResolverError } from '../errors.js';
import { durationText } from '../internal/text.js';
import { decodeDocument } from '../policy/decode.js';
import type { BadRow, PinDocument } from '../policy/document.js';
import { parseTarget, type Target } from '../policy/host.js';
import type { PinProvider, PinReadResult } from '../provider.js';
import type { NodeCertificate } from '../verify/certificate.js';
import type { Evidence } from '../verify/evidence.js';
import { adoptDocument, compareDocuments, refuseRollback } from './adopt.js';
import { createServerIdentityCheck, type ServerIdentityCheck } from './check.js';
import {
  type PinEvent,
  PinEventHub,
  type PinEventListener,
  type PinEventName,
  type PinEvents,
} from './events.js';
import { Freshness, type FreshnessState } from './freshness.js';
import { Judgement, type Lookup, type Verdict } from './judgement.js';
import { readSettings, type ResolverOptions, type ResolverSettings } from './options.js';
import { isOutage } from './outage.js';
import { readOnce } from './reader.js';
import { RefreshLoop } from './refresh-loop.js';
import { describeSource, type Snapshot, type SnapshotSource } from './snapshot.js';
import { type RejectedSummary, type ErrorSummary, type ResolverStatus, summarise } from './status.js';
import { startSnapshot } from './start.js';
import { Warnings } from './warnings.js';

/** What came of one read. */
export type RefreshOutcome =
  | { readonly outcome: 'unchanged' | 'rotated'; readonly revision: string }
  | { readonly outcome: 'rejected' | 'failed'; readonly error: PinError };

/** What {@link PinResolver.tlsOptions} returns: for every client that hands TLS options on to Node. */
export interface PinnedTlsOptions {
  checkServerIdentity: ServerIdentityCheck;
  rejectUnauthorized: true;
}

/** Longest wait of {@link PinResolver.ensureFresh} for one read, in ms. */
const ensureFreshTimeoutMs = 2_000;

/** Warnings about age begin here; up to then events and `status()` tell. */
const staleWarningMs = 3_600_000;

/**
 * Keeps the pins of one document current and judges connections under them.
 *
 * Checks are synchronous and do no I/O. Every failure ends in a refused handshake or in the last good pins, with an
 * event and a stable code. An open resolver does not keep the process alive.
 */
export class PinResolver implements AsyncDisposable {
  readonly name: string;
  /** What Node calls: the host name first, the pins second. Returns an Error, never throws; may be passed unbound. */
  readonly checkServerIdentity: ServerIdentityCheck;
  readonly #settings: ResolverSettings;
  readonly #events: PinEventHub;
  readonly #warnings: Warnings;
  readonly #freshness: Freshness;
  readonly #judgement: Judgement;
  readonly #loop: RefreshLoop<RefreshOutcome>;
  readonly #closing = new AbortController();
  readonly #counters = {
    reads: 0,
    readFailures: 0,
    documentsRejected: 0,
    rotations: 0,
    matches: 0,
    mismatches: 0,
    reported: 0,
    unpinned: 0,
  };
  #snapshot: Snapshot;
  #generationFloor: number | undefined;
  #announced: FreshnessState = 'fresh';
  #lastError: ErrorSummary | undefined;
  #lastRejected: RejectedSummary | undefined;
  #lastRejectedKey: string | undefined;

  private constructor(
    settings: ResolverSettings,
    snapshot: Snapshot,
    events: PinEventHub,
    warnings: Warnings,
  ) {
    const { clock, refreshIntervalMs, readTimeoutMs, maxStaleMs, random } = settings;
    this.name = settings.name;
    this.#settings = settings;
    this.#events = events;
    this.#warnings = warnings;
    this.#snapshot = snapshot;
    this.#generationFloor = snapshot.source === 'provider' ? snapshot.generation : undefined;
    this.#freshness = new Freshness(clock, 2 * refreshIntervalMs + readTimeoutMs, maxStaleMs);
    this.#judgement = new Judgement(snapshot, {
      mode: settings.mode,
      uncoveredHosts: settings.uncoveredHosts,
      clock,
      assertUsable: () => this.#assertUsable(),
      ageText: () => `confirmed ${durationText(this.#freshness.ageMs())} ago`,
    });
    this.#loop = new RefreshLoop(
      { intervalMs: refreshIntervalMs, clock, random },
      () => this.#readAndAdopt(),
      (result) =>
        result.outcome === 'failed'
          ? { failed: true, retryAfterMs: retryAfterMs(result.error) }
          : { failed: false },
    );
    this.checkServerIdentity = createServerIdentityCheck((target, certificate) =>
      this.verify(target, certificate),
    );
  }

  /**
   * Reads the first document and starts the refresh.
   *
   * @throws PinError, when no usable document came within `startupTimeoutMs`, or the first one was unusable
   * @throws TypeError (`ERR_INVALID_OPTION`)
   */
  static async create(provider: PinProvider, options: ResolverOptions = {}): Promise<PinResolver> {
    const settings = readSettings(provider, options);
    const warnings = new Warnings(settings.name, settings.warnings);
    const events = new PinEventHub((error) => {
      const label = error instanceof Error ? `${error.name}: ${error.message}` : 'not an Error';
      warnings.say('PINVAULT_LISTENER', label, `an event listener failed with ${label}`);
    });
    if (settings.onEvent !== undefined) events.add('*', settings.onEvent);
    let started;
    try {
      started = await startSnapshot(settings);
    } catch (error) {
      await Promise.allSettled([settings.provider.close?.(), settings.fallback?.close?.()]);
      throw error;
    }
    const resolver = new PinResolver(settings, started.snapshot, events, warnings);
    resolver.#announceStart(started.failure);
    return resolver;
  }

  /** The snapshot in force. */
  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** What governs a host. @throws PinMismatchError (`ERR_PIN_SYNTAX`) for a text that is no host */
  lookup(target: Target | string): Lookup {
    return this.#judgement.lookup(typeof target === 'string' ? parseTarget(target) : target);
  }

  /**
   * Judges a handshake: the host name first, then the pins.
   *
   * @param certificate - Node's detailed peer certificate: `socket.getPeerCertificate(true)`
   * @throws PinError; Node's own error where the certificate is for another host
   */
  verify(target: Target, certificate: NodeCertificate): Verdict {
    let verdict: Verdict;
    try {
      verdict = this.#judgement.verify(target, certificate);
    } catch (error) {
      this.#counters.mismatches += 1;
      if (PinError.isPinError(error)) this.#tellMismatch(target.host, error, true);
      throw error;
    }
    if (verdict.outcome === 'match') this.#counters.matches += 1;
    else if (verdict.outcome === 'unpinned') this.#counters.unpinned += 1;
    else {
      this.#counters.reported += 1;
      this.#tellMismatch(verdict.host, verdict.error, false);
    }
    return verdict;
  }

  /** The same question about a connection that was verified earlier, under the pins in force now. @throws PinError */
  judge(evidence: Evidence): Verdict {
    return this.#judgement.judge(evidence);
  }

  /**
   * Options that pin one connection; a fresh object each call.
   *
   * **Security:** covers new handshakes. `host` fixes the host whose pins (and name) count, whatever the client passes
   * to the check; `port` makes rows with a port count.
   */
  tlsOptions(target: { readonly host?: string; readonly port?: number } = {}): PinnedTlsOptions {
    return {
      checkServerIdentity: createServerIdentityCheck(
        (judged, certificate) => this.verify(judged, certificate),
        target,
      ),
      rejectUnauthorized: true,
    };
  }

  /** Resolves when the host's pins are loaded: at once, since one document holds them all. @throws PinResolverError */
  async ready(_host?: string): Promise<void> {
    this.#assertUsable();
  }

  /**
   * Waits, 2 s at most, for one read where the last confirmation is older than the interval: after a serverless thaw.
   * @throws PinResolverError
   */
  async ensureFresh(): Promise<void> {
    if (this.#closing.signal.aborted) throw closedError(this.name);
    if (this.#freshness.ageMs() > this.#settings.refreshIntervalMs) {
      let timer: { cancel(): void } | undefined;
      const waited = new Promise<void>((resolve) => {
        timer = this.#settings.clock.after(ensureFreshTimeoutMs, resolve, true);
      });
      await Promise.race([this.#loop.run(), waited]);
      timer?.cancel();
    }
    this.#assertUsable();
  }

  /** Reads the provider now, or joins the read that is under way. Never rejects for a failed read. @throws PinResolverError */
  async refresh(): Promise<RefreshOutcome> {
    if (this.#closing.signal.aborted) throw closedError(this.name);
    return this.#loop.run();
  }

  /** Something changed in the store, says a push bridge. Costs nothing where the revision is already in force. */
  notify(revision?: string): void {
    if (this.#closing.signal.aborted || (revision !== undefined && revision === this.#snapshot.revision))
      return;
    void this.#loop.run();
  }

  status(): ResolverStatus {
    const { mode } = this.#settings;
    const { document, revision, generation, source, provider, location } = this.#snapshot;
    const expiresAt = this.#freshness.expiresAt(document.expiresAt);
    return structuredClone({
      name: this.name,
      state: this.#state(),
      source,
      mode,
      provider,
      ...(location === undefined ? {} : { location }),
      revision,
      ...(generation === undefined ? {} : { generation }),
      ageMs: Math.round(this.#freshness.ageMs()),
      expiresAt: Number.isFinite(expiresAt) ? expiresAt : null,
      nextRefreshAt: this.#loop.nextAt ?? null,
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
      ...(this.#lastRejected === undefined ? {} : { lastRejected: this.#lastRejected }),
      quarantined: document.badRows,
      hosts: [...new Set(document.rows.map((row) => row.pattern))],
      counters: this.#counters,
      isClosed: this.#closing.signal.aborted,
    });
  }

  on<Name extends PinEventName>(name: Name, listener: PinEventListener<Name>): this {
    this.#events.add(name, listener);
    return this;
  }

  off<Name extends PinEventName>(name: Name, listener: PinEventListener<Name>): this {
    this.#events.remove(name, listener);
    return this;
  }

  /** Every event from now on; first, the event that tells the present state. Returns the way to stop. */
  subscribe(listener: PinEventListener, options: { readonly signal?: AbortSignal } = {}): () => void {
    const stop = (): void => this.#events.remove('*', listener);
    if (options.signal?.aborted === true) return stop;
    this.#events.add('*', listener);
    options.signal?.addEventListener('abort', stop, { once: true });
    const state = this.#state();
    if (state === 'fresh') this.#events.call(listener, this.#event('ready', {}));
    else this.#events.call(listener, this.#event(state, { ageMs: this.#freshness.ageMs() }));
    return stop;
  }

  /** Ends refresh and provider. Every later check fails with `ERR_RESOLVER_CLOSED`. Idempotent. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#loop.stop();
    this.#closing.abort();
    this.#events.emit({ type: 'close', resolver: this.name, at: this.#settings.clock.now() });
    this.#events.clear();
    await Promise.allSettled([this.#settings.provider.close?.(), this.#settings.fallback?.close?.()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #assertUsable(): void {
    if (this.#closing.signal.aborted) throw closedError(this.name);
    if (!this.#freshness.isExpired(this.#snapshot.document.expiresAt)) return;
    const because = this.#lastError === undefined ? '' : `; last error: ${this.#lastError.message}`;
    throw new PinResolverError(
      'ERR_RESOLVER_EXPIRED',
      `the pins from ${describeSource(this.#snapshot)} were confirmed ${durationText(this.#freshness.ageMs())} ago, past their limit${because}`,
    );
  }

  #state(): FreshnessState {
    if (this.#freshness.isExpired(this.#snapshot.document.expiresAt)) return 'expired';
    return this.#snapshot.source !== 'provider' || this.#freshness.isOld() ? 'stale' : 'fresh';
  }

  #event<Name extends 'ready' | 'stale' | 'expired' | 'recovered' | 'rotate'>(
    type: Name,
    rest: Omit<PinEvents[Name], 'type' | 'resolver' | 'at' | 'revision' | 'source'>,
  ): PinEvent {
    const { revision, source } = this.#snapshot;
    return {
      type,
      resolver: this.name,
      at: this.#settings.clock.now(),
      revision,
      source,
      ...rest,
    } as PinEvent;
  }

  #announceStart(failure: PinError | undefined): void {
    const { mode, clock } = this.#settings;
    if (mode === 'report') {
      this.#warnings.say('PINVAULT_REPORT_MODE', 'start', 'mode is report: mismatches are told, not refused');
    }
    if (failure !== undefined) this.#noteFailure(failure);
    const { source } = this.#snapshot;
    if (source === 'fallback') {
      const why = failure === undefined ? '' : `: ${failure.message}`;
      this.#warnings.say(
        'PINVAULT_FALLBACK',
        'start',
        `the fallback pins of ${describeSource(this.#snapshot)} serve${why}`,
      );
    }
    this.#noteRows(this.#snapshot.document, undefined);
    this.#events.emit(this.#event('ready', {}));
    this.#noteState();
    this.#loop.schedule(
      failure === undefined ? { failed: false } : { failed: true, retryAfterMs: retryAfterMs(failure) },
    );
    // A document that ends by the clock is told when it does, not at the next read.
    const end = this.#freshness.expiresAt(this.#snapshot.document.expiresAt) - clock.now();
    if (end < this.#settings.refreshIntervalMs) clock.after(end + 1, () => this.#noteState());
  }

  async #readAndAdopt(): Promise<RefreshOutcome> {
    const { provider, readTimeoutMs, clock } = this.#settings;
    this.#counters.reads += 1;
    const { revision, source } = this.#snapshot;
    let result: PinReadResult;
    try {
      const known = source === 'provider' ? revision : undefined;
      result = await readOnce(
        provider,
        known,
        { timeoutMs: readTimeoutMs, signal: this.#closing.signal, keepAlive: false },
        clock,
      );
    } catch (error) {
      return this.#failed(error as PinError);
    }
    if (this.#closing.signal.aborted) return { outcome: 'failed', error: closedError(this.name) };
    if ('unchanged' in result) return this.#confirmed('unchanged');
    try {
      const next = decodeDocument(result.document, { maxDocumentBytes: this.#settings.maxDocumentBytes });
      refuseRollback(next, this.#generationFloor);
      return this.#adopt(
        adoptDocument(next, this.#snapshot.document, this.#settings.requiredHosts),
        result.revision,
        'provider',
        provider,
      );
    } catch (error) {
      if (!(error instanceof PinDocumentError)) throw error;
      return this.#rejected(error, result.revision);
    }
  }

  #adopt(document: PinDocument, revision: string, source: SnapshotSource, from: PinProvider): RefreshOutcome {
    const previous = this.#snapshot;
    const change = compareDocuments(previous.document, document);
    if (
      change !== undefined &&
      document.generation !== undefined &&
      source === 'provider' &&
      previous.source === 'provider' &&
      document.generation === previous.generation
    ) {
      this.#warnings.say(
        'PINVAULT_DOCUMENT',
        `generation ${revision}`,
        `other content under the same $generation ${document.generation}`,
      );
    }
    this.#snapshot = Object.freeze({
      document,
      revision,
      ...(document.generation === undefined ? {} : { generation: document.generation }),
      source,
      provider: from.name,
      ...(from.location === undefined ? {} : { location: from.location }),
      fetchedAt:
        change === undefined && revision === previous.revision
          ? previous.fetchedAt
          : this.#settings.clock.now(),
    });
    if (source === 'provider') this.#generationFloor = document.generation;
    this.#lastRejected = undefined;
    this.#lastRejectedKey = undefined;
    this.#judgement.use(this.#snapshot);
    const outcome = this.#confirmed(change === undefined ? 'unchanged' : 'rotated');
    if (change !== undefined) {
      this.#counters.rotations += 1;
      this.#events.emit(this.#event('rotate', { ...change, previousRevision: previous.revision }));
    }
    this.#noteRows(document, previous.document);
    return outcome;
  }

  #confirmed(outcome: 'unchanged' | 'rotated'): RefreshOutcome {
    this.#freshness.confirm();
    const wasAway = this.#announced !== 'fresh' || this.#lastError !== undefined;
    this.#lastError = undefined;
    this.#noteState();
    if (wasAway && this.#announced === 'fresh') {
      this.#warnings.forget(outageWarnings);
      this.#events.emit(this.#event('recovered', {}));
    }
    return { outcome, revision: this.#snapshot.revision };
  }

  #failed(error: PinError): RefreshOutcome {
    if (this.#closing.signal.aborted) return { outcome: 'failed', error };
    this.#counters.readFailures += 1;
    this.#noteFailure(error);
    this.#noteState();
    if (this.#state() === 'expired' && this.#settings.onExpired === 'fallback') void this.#fallBack();
    return { outcome: 'failed', error };
  }

  async #fallBack(): Promise<void> {
    const { fallback, readTimeoutMs, clock, maxDocumentBytes, requiredHosts } = this.#settings;
    if (fallback === undefined) return;
    try {
      const limits = { timeoutMs: readTimeoutMs, signal: this.#closing.signal, keepAlive: false };
      const result = await readOnce(fallback, undefined, limits, clock);
      if ('unchanged' in result || this.#closing.signal.aborted || this.#state() !== 'expired') return;
      const decoded = decodeDocument(result.document, { maxDocumentBytes });
      // What was revoked in this process stays revoked, whatever the fallback has not heard of.
      const revoked = Object.freeze([...decoded.revoked, ...this.#snapshot.document.revoked]);
      const document = adoptDocument(Object.freeze({ ...decoded, revoked }), undefined, requiredHosts);
      this.#warnings.say(
        'PINVAULT_FALLBACK',
        'expired',
        `the fallback pins of ${fallback.name} serve: the provider was away too long`,
      );
      this.#adopt(document, result.revision, 'fallback', fallback);
    } catch (error) {
      if (PinError.isPinError(error)) this.#noteFailure(error);
    }
  }

  #noteFailure(error: PinError): void {
    const { clock } = this.#settings;
    this.#lastError = summarise(error, clock.now());
    if (!isOutage(error.code)) {
      this.#warnings.say(error.code, '', `${error.message}; the last good pins stay in force`);
    }
    this.#events.emit({ type: 'refreshError', resolver: this.name, at: clock.now(), error });
  }

  #rejected(error: PinDocumentError, revision: string): RefreshOutcome {
    const at = this.#settings.clock.now();
    this.#counters.documentsRejected += 1;
    const key = `${revision} ${error.message}`;
    this.#lastRejected = {
      ...summarise(error, at),
      revision,
      ...(error.key === undefined ? {} : { host: error.key }),
    };
    if (this.#lastRejectedKey !== key) {
      this.#lastRejectedKey = key;
      this.#warnings.say(
        error.code,
        key,
        `revision ${revision} was refused, the last good pins stay in force: ${error.message}`,
      );
      this.#events.emit({ type: 'documentRejected', resolver: this.name, at, revision, error });
    }
    this.#noteState();
    return { outcome: 'rejected', error };
  }

  /** Rows that were set aside are told once for each thing that is wrong with them. */
  #noteRows(document: PinDocument, previous: PinDocument | undefined): void {
    const known = new Set(previous?.badRows.map(badRowIdentity));
    const { revision } = this.#snapshot;
    for (const row of document.badRows) {
      if (known.has(badRowIdentity(row))) continue;
      this.#warnings.say(row.code, badRowIdentity(row), `set aside in revision ${revision}: ${row.message}`);
      this.#events.emit({
        type: 'rowRejected',
        resolver: this.name,
        at: this.#settings.clock.now(),
        revision,
        row,
      });
    }
    for (const warning of document.warnings) this.#warnings.say('PINVAULT_DOCUMENT', warning, warning);
  }

  /** Tells when the state has become worse since it was told last. */
  #noteState(): void {
    const state = this.#state();
    const ageMs = this.#freshness.ageMs();
    if (state === 'stale' && ageMs >= staleWarningMs) {
      this.#warnings.say(
        'PINVAULT_STALE',
        '',
        `the pins were confirmed ${durationText(ageMs)} ago and stay in force`,
      );
    }
    if (state === this.#announced) return;
    this.#announced = state;
    if (state === 'fresh') return;
    if (state === 'expired') {
      this.#warnings.say(
        'ERR_RESOLVER_EXPIRED',
        '',
        `the pins were confirmed ${durationText(ageMs)} ago, past their limit: every check fails`,
      );
    }
    this.#events.emit(this.#event(state, { ageMs }));
  }

  #tellMismatch(host: string, error: PinError, enforced: boolean): void {
    this.#events.emit({
      type: 'mismatch',
      resolver: this.name,
      at: this.#settings.clock.now(),
      host,
      enforced,
      error,
    });
  }
}

/** What is over when the provider answers well again. */
const outageWarnings = /^(?:ERR_(?:PROVIDER|DOCUMENT|RESOLVER)_|PINVAULT_(?:STALE|FALLBACK)$)/u;

function badRowIdentity(row: BadRow): string {
  return `${row.key} ${row.message}`;
}

function closedError(name: string): PinResolverError {
  return new PinResolverError('ERR_RESOLVER_CLOSED', `the resolver "${name}" was closed`);
}

function retryAfterMs(error: PinError): number | undefined {
  return error instanceof PinProviderError ? error.retryAfterMs : undefined;
}
