import type { Target } from '../../policy/host.js';
import type { NodeCertificate } from '../../verify/certificate.js';
import type { Evidence } from '../../verify/evidence.js';
import { snapshotEvent } from '../events.js';
import { type Lookup, readHost, readTarget, type Verdict } from '../judgement.js';
import type { RefreshOutcome } from '../keeper.js';
import type { PinStore, StartedStore, StoreContext, StoreStatus } from '../pin-store.js';
import type { Snapshot } from '../snapshot.js';
import { watchProvider } from '../watching.js';
import { HostJudgement } from './host-judgement.js';
import { HostKeeper } from './host-keeper.js';
import { pictureOf } from './host-picture.js';
import type { HostPins } from './host-pins.js';
import { loadRequiredHosts } from './host-start.js';
import { statusOf } from './host-status.js';

/** Longest wait for a read that somebody hopes for. */
const freshWaitMs = 2_000;

/** Loads the required hosts. @throws PinError where one of them cannot be had within `startupTimeoutMs` */
export async function startHostStore(context: StoreContext): Promise<StartedStore> {
  const keeper = new HostKeeper(context);
  keeper.reads.isStarting = true;
  try {
    await loadRequiredHosts(keeper, context.settings);
  } catch (error) {
    keeper.stop();
    throw error;
  }
  keeper.reads.isStarting = false;
  const store = new HostStore(keeper, context);
  return { store, begin: () => store.begin() };
}

/** One document per host. */
class HostStore implements PinStore {
  readonly #keeper: HostKeeper;
  readonly #judgement: HostJudgement;
  readonly #context: StoreContext;
  readonly #closing = new AbortController();
  #picture: Snapshot | undefined;

  constructor(keeper: HostKeeper, context: StoreContext) {
    this.#keeper = keeper;
    this.#context = context;
    this.#judgement = new HostJudgement(context.settings, keeper);
  }

  begin(): void {
    const { settings, events, warnings } = this.#context;
    if (settings.mode === 'report') {
      warnings.say('PINVAULT_REPORT_MODE', 'start', 'mode is report: mismatches are told, not refused');
    }
    const about = { resolver: settings.name, at: settings.clock.now(), snapshot: this.snapshot };
    events.emit(snapshotEvent('ready', about, {}));
    const onChange = (revision?: string, host?: string): void => {
      try {
        this.notify(revision, host);
      } catch {
        // A text that is no host: something has changed, and nobody knows where.
        this.notify(undefined, undefined);
      }
    };
    watchProvider(settings.provider, onChange, this.#closing.signal, warnings);
  }

  get snapshot(): Snapshot {
    const { shelf, changes } = this.#keeper;
    const revision = `${shelf.size} hosts, change ${changes}`;
    if (this.#picture?.revision !== revision) {
      const hosts: HostPins[] = [];
      shelf.forEach((pins) => hosts.push(pins));
      this.#picture = pictureOf(hosts, revision, this.#context.settings.provider);
    }
    return this.#picture;
  }

  get isClosed(): boolean {
    return this.#keeper.isClosed;
  }

  get present(): PinStore['present'] {
    const { health } = this.#keeper;
    return { state: health.state(), ageMs: health.worst()?.freshness.ageMs() ?? 0 };
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

  snapshotFor(host: string): Snapshot | undefined {
    return this.#keeper.shelf.peek(host)?.snapshot;
  }

  readAfterMismatch(host: string): Promise<unknown> | undefined {
    return this.#keeper.readAfterMismatch(host);
  }

  async waitFor(read: Promise<unknown>): Promise<void> {
    await this.#keeper.within(freshWaitMs, read);
  }

  async ready(host: string | undefined): Promise<void> {
    if (host === undefined) this.#keeper.assertOpen();
    else await this.#keeper.ready(readTarget(host).host);
  }

  async ensureFresh(host: string | undefined): Promise<void> {
    if (host !== undefined) return this.ready(host);
    const { refreshIntervalMs } = this.#context.settings;
    const old = [...this.#keeper.rounds.hosts()].filter((pins) => pins.freshness.ageMs() > refreshIntervalMs);
    if (old.length === 0) return undefined;
    await this.waitFor(Promise.all(old.map((pins) => this.#keeper.load(pins.host))));
    return undefined;
  }

  prepare(target: Target): Promise<void> | undefined {
    try {
      return this.#keeper.prepare(readHost(target));
    } catch (error) {
      // A text that is no host: the request ends with what the check would say.
      return Promise.reject(error);
    }
  }

  retain(target: Target): () => void {
    let host: string;
    try {
      host = readHost(target);
    } catch {
      // A text that is no host has no pins to keep.
      return () => undefined;
    }
    return this.#keeper.shelf.retain(host);
  }

  async refresh(host: string | undefined): Promise<RefreshOutcome> {
    if (host !== undefined) return this.#refreshOne(readTarget(host).host);
    const outcomes = await Promise.all(
      [...this.#keeper.rounds.hosts()].map((pins) => this.#refreshOne(pins.host)),
    );
    const wrong = outcomes.find(({ outcome }) => outcome === 'failed' || outcome === 'rejected');
    if (wrong !== undefined) return wrong;
    const hasRotated = outcomes.some(({ outcome }) => outcome === 'rotated');
    return { outcome: hasRotated ? 'rotated' : 'unchanged', revision: this.snapshot.revision };
  }

  async #refreshOne(host: string): Promise<RefreshOutcome> {
    const before = this.#keeper.shelf.peek(host)?.snapshot;
    await this.#keeper.load(host);
    const pins = this.#keeper.shelf.peek(host);
    const error = this.#keeper.troubleOf(host)?.error ?? this.#keeper.reads.store.lastError;
    if (error !== undefined) {
      return { outcome: error.code.startsWith('ERR_PROVIDER_') ? 'failed' : 'rejected', error };
    }
    // Closed, or no room: nothing has been read.
    if (pins === undefined) return { outcome: 'failed', error: this.#keeper.whyNot(host) };
    const { document, revision } = pins.snapshot;
    return {
      outcome: before?.document === document || before === undefined ? 'unchanged' : 'rotated',
      revision,
    };
  }

  notify(revision: string | undefined, host: string | undefined): void {
    const name = host === undefined ? undefined : readTarget(host).host;
    if (name !== undefined && revision !== undefined) {
      const known = this.#keeper.shelf.peek(name);
      if (known?.snapshot.revision === revision || known?.trouble?.revision === revision) return;
    }
    this.#keeper.push(name);
  }

  status(): StoreStatus {
    return statusOf(this.#keeper, this.#context.settings, this.snapshot);
  }

  stop(): void {
    this.#closing.abort();
    this.#keeper.stop();
  }
}
