import { durationText } from '../internal/text.js';
import type { Target } from '../policy/host.js';
import type { PinProvider } from '../provider.js';
import type { NodeCertificate } from '../verify/certificate.js';
import type { Evidence } from '../verify/evidence.js';
import { Judgement, type Lookup, type Verdict } from './judgement.js';
import { type KeeperContext, PinKeeper, type RefreshOutcome } from './keeper.js';
import type { PinStore, StartedStore, StoreContext, StoreStatus } from './pin-store.js';
import { LastKnownGood, nothingRecalled, type Recalled } from './last-known-good.js';
import { RequiredHosts } from './required-hosts.js';
import type { Snapshot } from './snapshot.js';
import { startSnapshot, type StartedSnapshot } from './start.js';
import { updatesOf } from './watching.js';

const nothing = (): void => undefined;

/** Reads the one document for all hosts. @throws PinError where there is no usable one within `startupTimeoutMs` */
export async function startDocumentStore(context: StoreContext): Promise<StartedStore> {
  const { settings, warnings } = context;
  const requiredHosts = new RequiredHosts(settings.requiredHosts);
  const lastKnownGood =
    settings.lastKnownGood &&
    new LastKnownGood({ ...settings, lastKnownGood: settings.lastKnownGood }, warnings);
  const recalled = (await lastKnownGood?.recall(requiredHosts)) ?? nothingRecalled;
  const started = await startSnapshot(settings, requiredHosts, recalled);
  const store = new DocumentStore(started, recalled, { ...context, requiredHosts, lastKnownGood });
  return { store, begin: () => store.begin(started) };
}

/** One document for all hosts. */
class DocumentStore implements PinStore {
  readonly #keeper: PinKeeper;
  readonly #judgement: Judgement;
  readonly #lastKnownGood: LastKnownGood | undefined;
  readonly #provider: PinProvider;

  constructor(started: StartedSnapshot, { everCovered }: Recalled, context: Omit<KeeperContext, 'use'>) {
    const { settings, lastKnownGood } = context;
    this.#lastKnownGood = lastKnownGood;
    this.#provider = settings.provider;
    const keeper = new PinKeeper(started, { ...context, use: (next) => this.#judgement.use(next) });
    this.#keeper = keeper;
    this.#judgement = new Judgement(started.snapshot, {
      mode: settings.mode,
      everCovered,
      uncoveredHosts: settings.uncoveredHosts,
      clock: settings.clock,
      assertUsable: (now) => keeper.assertUsable(now),
      ageText: () => `confirmed ${durationText(keeper.freshness.ageMs())} ago`,
    });
  }

  begin(started: StartedSnapshot): void {
    this.#keeper.begin(started);
    this.#keeper.watch((revision) => this.notify(revision));
  }

  get snapshot(): Snapshot {
    return this.#keeper.snapshot;
  }

  get isClosed(): boolean {
    return this.#keeper.isClosed;
  }

  get present(): PinStore['present'] {
    return { state: this.#keeper.health.state(), ageMs: this.#keeper.freshness.ageMs() };
  }

  assertOpen(): void {
    this.#keeper.assertOpen();
  }

  lookup(target: Target): Lookup {
    return this.#judgement.lookup(target);
  }

  verify(target: Target, certificate: NodeCertificate): Verdict {
    return this.#judgement.verify(target, certificate);
  }

  judge(evidence: Evidence): Verdict {
    return this.#judgement.judge(evidence);
  }

  validUntil(evidence: Evidence): number {
    return this.#judgement.validUntil(evidence);
  }

  evidenceOf(refusal: Error): Evidence | undefined {
    return this.#judgement.evidenceOf(refusal);
  }

  snapshotFor(): Snapshot {
    return this.#keeper.snapshot;
  }

  readAfterMismatch(): Promise<unknown> | undefined {
    return this.#keeper.readAfterMismatch();
  }

  async waitFor(read: Promise<unknown>): Promise<void> {
    await this.#keeper.waitFor(read);
  }

  async ready(): Promise<void> {
    this.#keeper.assertUsable();
  }

  async ensureFresh(): Promise<void> {
    await this.#keeper.whenFresh();
    this.#keeper.assertUsable();
  }

  prepare(): Promise<void> | undefined {
    return this.#keeper.prepare();
  }

  /** The one document is kept anyway. */
  retain(): () => void {
    return nothing;
  }

  async refresh(): Promise<RefreshOutcome> {
    return (await this.#keeper.loop.ask()) ?? this.#keeper.whyLeftAlone();
  }

  notify(revision: string | undefined): void {
    if (revision === undefined || !this.#keeper.knows(revision)) this.#keeper.loop.push();
  }

  status(): StoreStatus {
    const { snapshot, freshness, health, loop, counters, isClosed } = this.#keeper;
    const { document, revision, generation, source, provider, location, notes } = snapshot;
    const { lastError, lastRejected } = health;
    const updates = updatesOf(this.#provider);
    const expiresAt = freshness.expiresAt(document.expiresAt);
    return {
      state: health.state(),
      source,
      provider,
      ...(location === undefined ? {} : { location }),
      revision,
      ...(generation === undefined ? {} : { generation }),
      ageMs: Math.round(freshness.ageMs()),
      expiresAt: Number.isFinite(expiresAt) ? expiresAt : null,
      nextRefreshAt: loop.nextAt ?? null,
      breaker: loop.breaker,
      ...(lastError === undefined ? {} : { lastError }),
      ...(lastRejected === undefined ? {} : { lastRejected }),
      ...(this.#lastKnownGood === undefined ? {} : { lastKnownGood: this.#lastKnownGood.status }),
      ...(notes === undefined ? {} : { notes }),
      ...(updates === undefined ? {} : { updates }),
      quarantined: document.badRows,
      hosts: [...new Set(document.rows.map((row) => row.pattern))],
      counters,
      isClosed,
    };
  }

  stop(): void {
    this.#keeper.stop();
  }

  async settled(): Promise<void> {
    await this.#lastKnownGood?.settled();
  }
}
