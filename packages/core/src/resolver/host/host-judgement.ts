import { LRUCache } from 'lru-cache';
import { durationText } from '../../internal/text.js';
import type { Target } from '../../policy/host.js';
import type { PinDocument } from '../../policy/document.js';
import type { NodeCertificate } from '../../verify/certificate.js';
import { type Evidence, EvidenceCache } from '../../verify/evidence.js';
import { LinkCache } from '../../verify/link.js';
import { Judgement, type Lookup, readHost, type Verdict } from '../judgement.js';
import type { ResolverSettings } from '../options.js';
import type { Snapshot } from '../snapshot.js';
import type { HostKeeper } from './host-keeper.js';

/** Judgements that are kept ready. One is small beside its handshake; tens of thousands would not be. */
const maxReady = 1_000;

const noRows: PinDocument = Object.freeze({
  format: 'pinvault/1',
  rows: Object.freeze([]),
  badRows: Object.freeze([]),
  revoked: Object.freeze([]),
  notes: Object.freeze([]),
  warnings: Object.freeze([]),
});

/** Judges each host under its own document, by the rules of one document. */
export class HostJudgement {
  readonly #settings: ResolverSettings;
  readonly #keeper: HostKeeper;
  readonly #seen = { links: new LinkCache(), evidence: new EvidenceCache() };
  readonly #ready = new LRUCache<string, { snapshot: Snapshot; readonly judgement: Judgement }>({
    max: maxReady,
  });
  // Judgements come and go.
  readonly #refused = new WeakMap<Error, Evidence>();
  readonly #nothing: Snapshot;

  constructor(settings: ResolverSettings, keeper: HostKeeper) {
    this.#settings = settings;
    this.#keeper = keeper;
    const provider = settings.provider.name;
    this.#nothing = Object.freeze({
      document: noRows,
      revision: 'none',
      source: 'provider',
      provider,
      fetchedAt: 0,
    });
  }

  lookup(target: Target): Lookup {
    const host = readHost(target);
    const pins = this.#keeper.use(host);
    if (pins === undefined) return { rule: 'not-loaded' };
    return this.#under(host, pins.snapshot).lookup(target);
  }

  verify(target: Target, certificate: NodeCertificate): Verdict {
    const host = readHost(target);
    const pins = this.#keeper.use(host);
    // A client that only has its TLS options tries again, and finds the pins then.
    this.#keeper.loadInBackground(host);
    const judgement = this.#under(host, pins?.snapshot);
    try {
      return judgement.verify(target, certificate);
    } catch (error) {
      const evidence = error instanceof Error ? judgement.evidenceOf(error) : undefined;
      if (evidence !== undefined) this.#refused.set(error as Error, evidence);
      throw error;
    }
  }

  /** The evidence of a handshake that was refused with this error. */
  evidenceOf(refusal: Error): Evidence | undefined {
    return this.#refused.get(refusal);
  }

  judge(evidence: Evidence): Verdict {
    const pins = this.#keeper.use(evidence.host);
    return this.#under(evidence.host, pins?.snapshot).judge(evidence);
  }

  validUntil(evidence: Evidence): number {
    return this.#ready.peek(evidence.host)?.judgement.validUntil(evidence) ?? 0;
  }

  #under(host: string, snapshot: Snapshot | undefined): Judgement {
    // Names of an attacker's choice take no room.
    if (snapshot === undefined) return this.#judgementOf(host, this.#nothing);
    const ready = this.#ready.get(host);
    if (ready === undefined) {
      const judgement = this.#judgementOf(host, snapshot);
      this.#ready.set(host, { snapshot, judgement });
      return judgement;
    }
    if (ready.snapshot !== snapshot) {
      ready.judgement.use(snapshot);
      ready.snapshot = snapshot;
    }
    return ready.judgement;
  }

  #judgementOf(host: string, snapshot: Snapshot): Judgement {
    const { mode, clock } = this.#settings;
    return new Judgement(snapshot, {
      mode,
      // A host with a secret of its own is covered: a port that it leaves out is refused, whatever is said of others.
      uncoveredHosts: 'reject',
      clock,
      seen: this.#seen,
      assertUsable: (now) => this.#keeper.assertUsable(host, now),
      ageText: () => `confirmed ${durationText(this.#keeper.shelf.peek(host)?.freshness.ageMs() ?? 0)} ago`,
    });
  }
}
