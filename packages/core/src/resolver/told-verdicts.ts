import { PinError } from '../errors.js';
import { publish, type VerdictMessage } from '../observe/channels.js';
import type { Target } from '../policy/host.js';
import type { NodeCertificate } from '../verify/certificate.js';
import type { Evidence } from '../verify/evidence.js';
import type { PinEventHub } from './events.js';
import { hostName, type Verdict } from './judgement.js';
import { isCurable } from './mismatch.js';
import type { ResolverSettings } from './options.js';
import type { PinStore } from './pin-store.js';
import type { Snapshot } from './snapshot.js';
import type { WrongPinTrials } from './wrong-pin.js';

interface VerdictContext {
  readonly settings: ResolverSettings;
  readonly events: PinEventHub;
  readonly trials: WrongPinTrials;
}

/** What became of the read that a mismatch has started or joined. */
interface Refusal {
  readonly snapshot: Snapshot | undefined;
  readonly read: Promise<unknown> | undefined;
}

/** Verdicts on handshakes, counted and told: events, the channel, and the read that a mismatch may bring about. */
export class ToldVerdicts {
  readonly counters = { matches: 0, mismatches: 0, reported: 0, unpinned: 0 };
  readonly #store: PinStore;
  readonly #settings: ResolverSettings;
  readonly #events: PinEventHub;
  readonly #trials: WrongPinTrials;
  readonly #refusals = new WeakMap<Error, Refusal>();

  constructor(store: PinStore, { settings, events, trials }: VerdictContext) {
    this.#store = store;
    this.#settings = settings;
    this.#events = events;
    this.#trials = trials;
  }

  /**
   * Judges a handshake: the host name first, then the pins.
   *
   * @param counted - what was told of already: one handshake is one match, or one mismatch that is reported
   * @throws PinError; Node's own error where the certificate is for another host
   */
  verify(target: Target, certificate: NodeCertificate, counted?: Evidence): Verdict {
    const trial = this.#trials.of(target);
    if (trial !== undefined) return trial.verify(target, certificate);
    let verdict: Verdict;
    try {
      verdict = this.#store.verify(target, certificate);
    } catch (error) {
      this.counters.mismatches += 1;
      this.#publishVerdict(target, 'refused', error);
      if (PinError.isPinError(error)) this.#tellMismatch(hostName(target.host), error, true);
      this.#refreshAfter(error, hostName(target.host));
      throw error;
    }
    if (verdict.evidence === counted) return verdict;
    if (verdict.outcome === 'match') this.counters.matches += 1;
    else if (verdict.outcome === 'unpinned') this.counters.unpinned += 1;
    else {
      this.counters.reported += 1;
      this.#tellMismatch(verdict.host, verdict.error, false);
      this.#refreshAfter(verdict.error, verdict.host);
    }
    this.#publishVerdict(
      verdict,
      verdict.outcome,
      verdict.outcome === 'reported' ? verdict.error : undefined,
    );
    return verdict;
  }

  /** See `PinResolver.recheck`. */
  recheck(refusal: Error): Promise<boolean> | undefined {
    const refused = this.#refusals.get(refusal);
    const evidence = this.#store.evidenceOf(refusal);
    if (refused === undefined || evidence === undefined || this.#store.isClosed) return undefined;
    const { read, snapshot } = refused;
    if (read === undefined && snapshot === this.#store.snapshotFor(evidence.host)) return undefined;
    return this.#acceptsAfter(read ?? Promise.resolve(), evidence);
  }

  /** The pins that a mismatch lacks may be in the store already. */
  #refreshAfter(error: unknown, host: string): void {
    if (!isCurable(error) || this.#store.isClosed) return;
    const snapshot = this.#store.snapshotFor(host);
    this.#refusals.set(error, { snapshot, read: this.#store.readAfterMismatch(host) });
  }

  async #acceptsAfter(read: Promise<unknown>, evidence: Evidence): Promise<boolean> {
    await this.#store.waitFor(read);
    try {
      this.#store.judge(evidence);
      return true;
    } catch {
      return false;
    }
  }

  #publishVerdict(target: Target, outcome: VerdictMessage['outcome'], error: unknown): void {
    publish('verdict', () => ({
      resolver: this.#settings.name,
      at: this.#settings.clock.now(),
      host: hostName(target.host),
      port: target.port,
      outcome,
      ...(error instanceof Error && 'code' in error ? { code: String(error.code) } : {}),
    }));
  }

  #tellMismatch(host: string, error: PinError, enforced: boolean): void {
    this.#events.emit({
      type: 'mismatch',
      resolver: this.#settings.name,
      at: this.#settings.clock.now(),
      host,
      enforced,
      error,
    });
  }
}
