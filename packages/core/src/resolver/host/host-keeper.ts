import { LRUCache } from 'lru-cache';
import { PinDocumentError, type PinError, PinResolverError } from '../../errors.js';
import type { ClockTimer } from '../../internal/clock.js';
import { durationText } from '../../internal/text.js';
import type { PinDocument } from '../../policy/document.js';
import { Freshness } from '../freshness.js';
import { MismatchBudget } from '../mismatch.js';
import { elapsedMs, type Moment, momentOf } from '../moment.js';
import type { StoreContext } from '../pin-store.js';
import { unusableAnswer } from '../read-document.js';
import { RequiredHosts } from '../required-hosts.js';
import { describeSource, type Notes, snapshotOf } from '../snapshot.js';
import { HostHealth } from './host-health.js';
import { HostNews } from './host-news.js';
import { HostPins } from './host-pins.js';
import { HostPushes } from './host-pushes.js';
import { HostReads } from './host-reads.js';
import { HostShelf } from './host-shelf.js';
import { HostWarnings } from './host-warnings.js';
import { notLoaded } from './not-loaded.js';
import { RefreshRounds } from './refresh-rounds.js';
import { isOver, type Trouble, troubleAfter, type TroubleTiming } from './trouble.js';

/** A host is in use for so many intervals after the last check or request. */
const intervalsInUse = 2;

/** Hosts without pins that are remembered: what an attacker makes up must not fill the memory. */
const maxAbsences = 1_000;

/** Longest wait for a host whose pins are there, but old. */
const freshWaitMs = 2_000;

/** Without a target of its own, a required host demands nothing. */
const noRequirement = new RequiredHosts([]);

/** Keeps one document per host: loads on first use, refreshes those in use, and remembers who has none. */
export class HostKeeper {
  readonly counters = { readFailures: 0, documentsRejected: 0, rotations: 0 };
  readonly shelf: HostShelf;
  readonly rounds: RefreshRounds;
  readonly reads: HostReads;
  readonly health: HostHealth;
  readonly #context: StoreContext;
  readonly #news: HostNews;
  readonly #pushes: HostPushes;
  #isClosed = false;
  readonly #absences = new LRUCache<string, Trouble>({ max: maxAbsences });
  readonly #mismatchBudgets = new LRUCache<string, MismatchBudget>({ max: maxAbsences });
  readonly #required: ReadonlyMap<string, RequiredHosts>;
  readonly #timing: TroubleTiming;
  // What was confirmed before is old: somebody has said that something has changed.
  #pushedAt: Moment | undefined;
  #changes = 0;

  constructor(context: StoreContext) {
    const { settings, events, warnings } = context;
    const { name, clock, refreshIntervalMs, maxHosts, random, requiredHosts } = settings;
    this.#context = context;
    const hostWarnings = new HostWarnings(warnings);
    this.#news = new HostNews(context, hostWarnings);
    this.shelf = new HostShelf(maxHosts, (host, current) => this.#load(host, current));
    this.reads = new HostReads(settings);
    this.#pushes = new HostPushes({
      clock,
      isLoaded: (host) => this.shelf.peek(host) !== undefined,
      isBeingRead: (host) => this.shelf.isBeingRead(host),
      load: (host) => this.load(host),
    });
    const timing = { intervalMs: refreshIntervalMs, clock, random };
    this.#timing = { ...timing, store: this.reads.store };
    this.rounds = new RefreshRounds(
      timing,
      (pins) => this.#due(pins),
      () => this.health.tell(),
    );
    const inUseCount = (): number => this.rounds.size;
    this.health = new HostHealth({ resolver: name, clock, events, warnings: hostWarnings, inUseCount });
    const hosts = new Set(requiredHosts.map((target) => target.host));
    this.#required = new Map(
      [...hosts].map((host) => [host, new RequiredHosts(requiredHosts.filter((each) => each.host === host))]),
    );
  }

  /** The hosts that are loaded at the start, and kept. */
  get requiredHosts(): readonly string[] {
    return [...this.#required.keys()];
  }

  /** How often other pins were put in force. */
  get changes(): number {
    return this.#changes;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Hosts that were found to have no usable pins lately, and why. */
  get absences(): ReadonlyMap<string, Trouble> {
    return new Map(this.#absences.entries());
  }

  /** Why a host could not be read last. */
  troubleOf(host: string): Trouble | undefined {
    return this.shelf.peek(host)?.trouble ?? this.#absences.peek(host);
  }

  /** @throws PinResolverError (`ERR_RESOLVER_CLOSED`) */
  assertOpen(): void {
    if (!this.isClosed) return;
    throw new PinResolverError(
      'ERR_RESOLVER_CLOSED',
      `the resolver "${this.#context.settings.name}" was closed`,
    );
  }

  /** @throws PinError where the host's pins are not there, or may not be used any more */
  assertUsable(host: string, now?: number): void {
    this.assertOpen();
    const pins = this.shelf.peek(host);
    if (pins === undefined) throw this.whyNot(host);
    if (!pins.isExpired(now)) return;
    const because = pins.trouble === undefined ? '' : `; last error: ${pins.trouble.error.message}`;
    const age = durationText(pins.freshness.ageMs());
    throw new PinResolverError(
      'ERR_RESOLVER_EXPIRED',
      `the pins from ${describeSource(pins.snapshot)} were confirmed ${age} ago, past their limit${because}`,
    );
  }

  /** Why a host is not loaded. */
  whyNot(host: string): PinError {
    return notLoaded(host, this.#context.settings.provider, this.#absences.peek(host)?.error);
  }

  /** The pins of a host, for a check or a request: it is in use from now on. */
  use(host: string): HostPins | undefined {
    const pins = this.shelf.use(host);
    if (pins === undefined) return undefined;
    pins.usedAt = this.#context.settings.clock.monotonic();
    // One that has been idle too long is read before the timer takes it on.
    if (pins.slot === undefined && !this.#isOverdue(pins)) this.rounds.join(pins);
    return pins;
  }

  /** Loads a host, or reads one that has been idle; within what the store can bear, and without waiting for it. */
  loadInBackground(host: string): void {
    if (this.#mustRead(host, this.shelf.peek(host))) void this.load(host);
  }

  /** What a request has to wait for; `undefined` where nothing. The promise rejects where the pins may not be used. */
  prepare(host: string): Promise<void> | undefined {
    const pins = this.use(host);
    return pins !== undefined && !this.#mustRead(host, pins) ? undefined : this.ready(host);
  }

  /**
   * Resolves when the host's pins may be used: loaded, and read once where they have been idle.
   * @throws PinError
   */
  async ready(host: string): Promise<void> {
    this.assertOpen();
    const pins = this.use(host);
    if (this.#mustRead(host, pins)) {
      const { readTimeoutMs } = this.#context.settings;
      await this.within(
        pins === undefined ? readTimeoutMs : Math.min(freshWaitMs, readTimeoutMs),
        this.load(host),
      );
    }
    this.assertUsable(host);
  }

  /** Reads a host now, or joins the read that is under way. Never rejects. */
  async load(host: string): Promise<HostPins | undefined> {
    if (this.isClosed || !(this.shelf.peek(host) !== undefined || this.shelf.hasRoom)) return undefined;
    try {
      const pins = await this.shelf.load(host);
      if (pins !== undefined && pins.slot === undefined && this.#isInUse(pins)) this.rounds.join(pins);
      return pins;
    } catch {
      // Cleared by close().
      return undefined;
    }
  }

  /** Something has changed in the store: in one host, or nobody knows where. Reads are spread over some seconds. */
  push(host: string | undefined): void {
    const { clock, random, refreshIntervalMs } = this.#context.settings;
    if (host !== undefined) {
      this.#absences.delete(host);
      this.#pushes.push(host);
      return;
    }
    this.#pushedAt = momentOf(clock);
    this.#absences.clear();
    for (const pins of [...this.rounds.hosts()])
      this.rounds.advance(pins, random() * Math.min(refreshIntervalMs, 5_000));
  }

  /** A handshake was refused: one read of the host, where mismatches have a read left and reads do not fail. */
  readAfterMismatch(host: string): Promise<unknown> | undefined {
    const pins = this.shelf.peek(host);
    if (pins === undefined || pins.trouble !== undefined || this.reads.store.lastError !== undefined)
      return undefined;
    const { clock, random } = this.#context.settings;
    const budget = this.#mismatchBudgets.get(host) ?? new MismatchBudget(clock, random);
    this.#mismatchBudgets.set(host, budget);
    return budget.take() ? this.load(host) : undefined;
  }

  /** Ends refresh and whatever read is under way. */
  stop(): void {
    this.#isClosed = true;
    this.reads.close();
    this.#pushes.stop();
    this.rounds.stop();
    this.health.stop();
    this.shelf.clear();
    this.#absences.clear();
  }

  /** Where it is read now, or the last attempt lies too little back. */
  #mustRead(host: string, pins: HostPins | undefined): boolean {
    const trouble = pins === undefined ? this.#absences.peek(host) : pins.trouble;
    if (trouble !== undefined && !isOver(trouble, this.#timing)) return false;
    return pins === undefined || this.#isOverdue(pins);
  }

  /** The timer keeps those in use fresh; for them, as for one document, two intervals and a read are late. */
  #isOverdue({ freshness, slot }: HostPins): boolean {
    const { clock, refreshIntervalMs } = this.#context.settings;
    const ageMs = freshness.ageMs();
    if (this.#pushedAt !== undefined && slot === undefined && ageMs > elapsedMs(this.#pushedAt, clock))
      return true;
    return slot === undefined ? ageMs > refreshIntervalMs : freshness.isOld();
  }

  #isInUse({ host, usedAt }: HostPins): boolean {
    if (this.shelf.isRetained(host) || this.#required.has(host)) return true;
    const { clock, refreshIntervalMs } = this.#context.settings;
    return clock.monotonic() - usedAt <= intervalsInUse * refreshIntervalMs;
  }

  #due(pins: HostPins): void {
    // Idle, or evicted: the next who uses it reads it first.
    if (!this.#isInUse(pins) || this.shelf.peek(pins.host) !== pins) {
      this.health.forget(pins);
      return;
    }
    this.health.watch(pins);
    // In its place while it is read, so that a read that nobody answers is not the last one.
    this.rounds.again(pins);
    if (pins.trouble === undefined || isOver(pins.trouble, this.#timing)) void this.load(pins.host);
  }

  /** What the shelf calls to load a host. Never rejects. */
  async #load(host: string, current: HostPins | undefined): Promise<HostPins | undefined> {
    const known = current === undefined ? this.#absences.get(host) : current.trouble;
    if (known !== undefined && !isOver(known, this.#timing)) return current;
    const askedAt = momentOf(this.#context.settings.clock);
    const answer = await this.reads.read({
      host,
      isFirst: current === undefined,
      inForce: {
        document: current?.snapshot.document,
        revision: current?.snapshot.revision,
        generationFloor: current === undefined ? this.shelf.floorOf(host) : current.generationFloor,
        isExpired: current === undefined || current.isExpired(),
      },
      requiredHosts: this.#required.get(host) ?? noRequirement,
    });
    if (this.isClosed) return current;
    try {
      switch (answer.outcome) {
        case 'document':
          return this.#adopt(host, current, answer, askedAt);
        case 'unchanged':
          if (current !== undefined) this.#confirm(current, askedAt);
          return current;
        case 'turned-away':
          // The store has said nothing of this host: nothing is remembered but the reason.
          if (current === undefined) this.#note(host, current, answer.error, undefined, true);
          else if (current.slot !== undefined) this.#comeBack(current);
          return current;
        default:
          this.#refused(
            host,
            current,
            answer.error,
            answer.outcome === 'rejected' ? answer.revision : undefined,
          );
          return current;
      }
    } catch (error) {
      this.#refused(host, current, unusableAnswer(this.#context.settings.provider.name, error), undefined);
      return current;
    }
  }

  #adopt(
    host: string,
    current: HostPins | undefined,
    {
      document,
      revision,
      notes,
    }: { readonly document: PinDocument; readonly revision: string; readonly notes: Notes | undefined },
    askedAt: Moment,
  ): HostPins {
    const { settings } = this.#context;
    const { provider, clock, refreshIntervalMs, readTimeoutMs, maxStaleMs } = settings;
    const previous = current?.snapshot;
    const fetchedAt = previous?.revision === revision ? previous.fetchedAt : clock.now();
    const snapshot = snapshotOf(document, revision, { source: 'provider', provider, fetchedAt, host, notes });
    const staleAfterMs = 2 * refreshIntervalMs + readTimeoutMs;
    const pins =
      current ??
      new HostPins(host, snapshot, new Freshness(clock, staleAfterMs, maxStaleMs), clock.monotonic());
    pins.snapshot = snapshot;
    this.#changes += 1;
    pins.generationFloor = document.generation;
    this.#absences.delete(host);
    this.#confirm(pins, askedAt);
    if (this.#news.adopted(host, snapshot, previous)) this.counters.rotations += 1;
    return pins;
  }

  #confirm(pins: HostPins, askedAt: Moment): void {
    pins.freshness.confirm(askedAt);
    pins.trouble = undefined;
    if (pins.slot !== undefined) this.rounds.again(pins);
    this.health.forget(pins);
    this.#news.confirmed(pins.host, pins.snapshot);
  }

  #refused(host: string, current: HostPins | undefined, error: PinError, revision: string | undefined): void {
    const previous = this.troubleOf(host);
    this.#note(host, current, error, revision, false);
    if (error instanceof PinDocumentError) this.counters.documentsRejected += 1;
    else this.counters.readFailures += 1;
    this.#news.refused(host, error, revision ?? 'unknown', previous, current !== undefined);
  }

  #note(
    host: string,
    current: HostPins | undefined,
    error: PinError,
    revision: string | undefined,
    isPassing: boolean,
  ): void {
    const previous = this.troubleOf(host);
    const trouble = troubleAfter(error, revision, this.#timing, {
      previous,
      isLoaded: current !== undefined,
    });
    if (current === undefined) {
      this.#absences.set(host, isPassing ? { ...trouble, forMs: 0 } : trouble);
      return;
    }
    current.trouble = trouble;
    this.health.watch(current);
    if (this.#isInUse(current)) this.rounds.retry(current, trouble.forMs);
  }

  /** When the store may be read again: the first who comes finds out, and many hosts do not come together. */
  #comeBack(pins: HostPins): void {
    const { refreshIntervalMs, random } = this.#context.settings;
    const spread = refreshIntervalMs * Math.min(1, this.rounds.size / 64);
    this.rounds.retry(pins, this.reads.store.pausedForMs + random() * spread);
    this.health.watch(pins);
  }

  /** Waits for a read, but not for ever; the process is held meanwhile. */
  async within(limitMs: number, read: Promise<unknown>): Promise<void> {
    let timer: ClockTimer | undefined;
    const waited = new Promise<void>((resolve) => {
      timer = this.#context.settings.clock.after(limitMs, resolve, true);
    });
    await Promise.race([read, waited]);
    timer?.cancel();
  }
}
