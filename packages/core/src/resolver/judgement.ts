import { invalidOption, PinError, PinMismatchError, PinResolverError } from '../errors.js';
import type { Clock } from '../internal/clock.js';
import { expected } from '../internal/expected.js';
import { printable } from '../internal/text.js';
import type { EnforcementMode, PinEntry } from '../policy/document.js';
import { HostSyntaxError, normaliseHost, parseTarget, type Target } from '../policy/host.js';
import { HostPatternMap } from '../policy/host-pattern.js';
import { type Governing, type PinRule, Policy } from '../policy/policy.js';
import { DerError } from '../pin/der.js';
import type { NodeCertificate } from '../verify/certificate.js';
import { type Evidence, EvidenceCache } from '../verify/evidence.js';
import { checkHostName } from '../verify/host-name.js';
import { LinkCache } from '../verify/link.js';
import { findRevoked, matchPins } from '../verify/verifier.js';
import { hostText, refusedChain } from './refusal.js';
import { describeSource, type Snapshot } from './snapshot.js';

/** What happens with a host that no row covers. */
export type UncoveredHosts = 'reject' | 'report' | 'allow';

interface Judged {
  /** Normalised. */
  readonly host: string;
  readonly port: number | undefined;
  readonly revision: string;
  readonly evidence: Evidence;
}

/** The answer of a check that did not refuse. */
export type Verdict =
  | (Judged & {
      readonly outcome: 'match';
      /** Canonical text of the pin that matched. */
      readonly pin: string;
      /** Index of the certificate that matched, leaf = 0. */
      readonly chainIndex: number;
      /** The key of the document that governs. */
      readonly pattern: string;
    })
  /** The host's row says `none`, or no row covers it and `uncoveredHosts` is `allow`. */
  | (Judged & { readonly outcome: 'unpinned'; readonly reason: 'none' | 'uncovered' })
  /** Would have been refused with this error; report mode let it pass. */
  | (Judged & { readonly outcome: 'reported'; readonly error: PinError });

/** What governs a host, without a certificate. */
export type Lookup =
  | {
      readonly rule: 'pins';
      readonly pattern: string;
      readonly mode: EnforcementMode;
      readonly pins: readonly PinEntry[];
    }
  | { readonly rule: 'none' | 'block'; readonly pattern: string }
  /** The host's row is bad and there was no good one before: connections are refused. */
  | { readonly rule: 'quarantined'; readonly pattern: string; readonly message: string }
  /** `needsPort`: rows fit, but only with a port, and the target has none. */
  | { readonly rule: 'uncovered'; readonly needsPort: boolean }
  | { readonly rule: 'not-loaded' };

/** What the judgement needs to know of the resolver around it. */
export interface JudgementContext {
  readonly mode: EnforcementMode;
  readonly uncoveredHosts: UncoveredHosts;
  readonly clock: Clock;
  /** Patterns that a process before this one has covered. */
  readonly everCovered?: readonly string[];
  /** What was seen already, where many judgements share it: their memory is bounded together. */
  readonly seen?: { readonly links: LinkCache; readonly evidence: EvidenceCache };
  /**
   * Throws where the pins in force may not be used: closed, expired.
   *
   * @param now - what the wall clock shows: a look at it costs a third of a verdict that is known
   */
  assertUsable(now: number): void;
  /** `confirmed 14 s ago`, for messages. */
  ageText(): string;
}

interface Decision {
  readonly verdict: Verdict;
  /** Epoch ms: until then the clock alone changes nothing. */
  readonly validUntil: number;
}

/** Judges connections under the snapshot in force. Synchronous, no I/O. */
export class Judgement {
  readonly #context: JudgementContext;
  readonly #links: LinkCache;
  readonly #evidence: EvidenceCache;
  readonly #remembered = new WeakMap<Evidence, Decision & { readonly epoch: number }>();
  // Beside the error and not in it: what a caller logs holds no certificate.
  readonly #refused = new WeakMap<Error, Evidence>();
  // Under `allow`, a row that was deleted or mistyped must not unpin its host: patterns that ever covered something.
  readonly #everCovered = new HostPatternMap<true>();
  #snapshot: Snapshot;
  #policy: Policy;
  #epoch = 0;

  constructor(snapshot: Snapshot, context: JudgementContext) {
    this.#context = context;
    this.#links = context.seen?.links ?? new LinkCache();
    this.#evidence = context.seen?.evidence ?? new EvidenceCache();
    this.#snapshot = snapshot;
    this.#policy = new Policy(snapshot.document);
    for (const pattern of context.everCovered ?? []) this.#everCovered.set(pattern, true);
    this.#remember(snapshot);
  }

  /** Puts other pins in force. */
  use(snapshot: Snapshot): void {
    const policy = new Policy(snapshot.document);
    this.#remember(snapshot);
    this.#policy = policy;
    this.#snapshot = snapshot;
    this.#epoch += 1;
  }

  #remember({ document }: Snapshot): void {
    // Nobody asks: every host that no row covers is refused.
    if (this.#context.uncoveredHosts === 'reject') return;
    for (const { pattern, rule } of document.rows) {
      if (rule !== 'none') this.#everCovered.set(pattern, true);
    }
    for (const { pattern } of document.badRows) this.#everCovered.set(pattern, true);
  }

  lookup(target: Target): Lookup {
    const governing = this.#policy.lookup(readHost(target), target.port);
    switch (governing.kind) {
      case 'pins':
        return { rule: 'pins', pattern: governing.pattern, mode: governing.mode, pins: governing.pins };
      case 'quarantined':
        return { rule: 'quarantined', pattern: governing.pattern, message: governing.badRow.message };
      case 'uncovered':
        return { rule: 'uncovered', needsPort: governing.needsPort };
      default:
        return { rule: governing.kind, pattern: governing.pattern };
    }
  }

  /** Host name first, pins second. @throws PinError, or Node's own error for the host name */
  verify(target: Target, certificate: NodeCertificate): Verdict {
    const host = readHost(target);
    const wrongName = checkHostName(host, certificate);
    if (wrongName !== undefined) throw wrongName;
    let evidence: Evidence;
    try {
      evidence = this.#evidence.of(host, target.port, certificate);
    } catch (error) {
      throw unreadable(host, target.port, error);
    }
    try {
      return this.judge(evidence);
    } catch (error) {
      if (error instanceof Error) this.#refused.set(error, evidence);
      throw error;
    }
  }

  /** The evidence that was refused with this error, in the handshake itself. */
  evidenceOf(refusal: Error): Evidence | undefined {
    return this.#refused.get(refusal);
  }

  /** The same question under the pins in force now. @throws PinError */
  judge(evidence: Evidence): Verdict {
    const now = this.#context.clock.now();
    const known = this.#remembered.get(evidence);
    // Age has no place among what is remembered: it is asked each time.
    const isCurrent = known !== undefined && known.epoch === this.#epoch && now <= known.validUntil;
    if (isCurrent && this.#isUsable(now)) return known.verdict;
    const decision = this.#judgeNow(evidence, now);
    this.#remembered.set(evidence, { epoch: this.#epoch, ...decision });
    return decision.verdict;
  }

  /** Epoch ms: until then the clock alone changes nothing about the verdict that `judge` has just given. */
  validUntil(evidence: Evidence): number {
    return this.#remembered.get(evidence)?.validUntil ?? 0;
  }

  #judgeNow(evidence: Evidence, now: number): Decision {
    const { host, port } = evidence;
    try {
      this.#assertNotRevoked(evidence);
      try {
        this.#context.assertUsable(now);
        return this.#decide(evidence, now);
      } catch (error) {
        const refusal = PinError.isPinError(error) ? error : unreadable(host, port, error);
        if (!this.#isReported(refusal, evidence)) throw refusal;
        const { revision } = this.#snapshot;
        const verdict: Verdict = { outcome: 'reported', host, port, revision, evidence, error: refusal };
        // Looked at again soon: it may be about the clock.
        return { verdict, validUntil: now + 1_000 };
      }
    } catch (error) {
      throw PinError.isPinError(error) ? error : unreadable(host, port, error);
    }
  }

  #isUsable(now: number): boolean {
    try {
      this.#context.assertUsable(now);
      return true;
    } catch {
      return false;
    }
  }

  /** Beats match, `none` and report mode alike: the key is known to be in wrong hands. */
  #assertNotRevoked(evidence: Evidence): void {
    const index = findRevoked(this.#policy, evidence);
    if (index === undefined) return;
    const which = index === 0 ? 'its certificate' : `certificate ${index} of its chain`;
    throw this.#refuse('ERR_PIN_REVOKED', `the key of ${which} is under $revoked`, evidence);
  }

  #decide(evidence: Evidence, now: number): Decision {
    const { host, port } = evidence;
    const { revision } = this.#snapshot;
    const governing = this.#policy.lookup(host, port);
    switch (governing.kind) {
      case 'none':
        return {
          verdict: { outcome: 'unpinned', reason: 'none', host, port, revision, evidence },
          validUntil: Infinity,
        };
      case 'block':
        throw this.#refuseHost(
          'ERR_PIN_HOST_BLOCKED',
          `the row "${governing.pattern}" says block`,
          evidence,
          governing.pattern,
        );
      case 'quarantined':
        throw this.#refuseHost(
          'ERR_PIN_ROW_INVALID',
          `no usable pins: ${governing.badRow.message}`,
          evidence,
          governing.pattern,
        );
      case 'uncovered':
        return { verdict: this.#decideUncovered(evidence, governing), validUntil: Infinity };
      case 'pins': {
        const { pattern } = governing;
        const match = matchPins(governing, evidence, this.#links, now);
        if (!match.matched) throw this.#refuse(match.code, match.reason, evidence, governing);
        const { entry, chainIndex, validUntil } = match;
        return {
          verdict: { outcome: 'match', host, port, revision, evidence, pin: entry.pin, chainIndex, pattern },
          validUntil,
        };
      }
    }
  }

  #decideUncovered(evidence: Evidence, { needsPort }: { needsPort: boolean }): Verdict {
    const { host, port } = evidence;
    const { uncoveredHosts } = this.#context;
    const where = describeSource(this.#snapshot);
    if (needsPort) {
      const reason = 'only rows with a port cover it, and the port of this connection is not known';
      throw this.#refuseHost(
        'ERR_PIN_HOST_UNCOVERED',
        `${reason}; pass it: tlsOptions({ host, port })`,
        evidence,
      );
    }
    if (uncoveredHosts !== 'reject' && this.#wasCovered(evidence)) {
      const reason = 'no row covers it any more, and a deleted row does not unpin';
      throw this.#refuseHost(
        'ERR_PIN_HOST_UNCOVERED',
        `${reason}; to unpin it, add "${host}": "none" to ${where}`,
        evidence,
      );
    }
    if (uncoveredHosts === 'allow') {
      return {
        outcome: 'unpinned',
        reason: 'uncovered',
        host,
        port,
        revision: this.#snapshot.revision,
        evidence,
      };
    }
    const advice = `add "${host}": "sha256/${evidence.spkiDigest(0)}" to ${where} if that is its key, or "${host}": "none"`;
    throw this.#refuseHost('ERR_PIN_HOST_UNCOVERED', `no row covers it; ${advice}`, evidence);
  }

  /** Report mode tells instead of refusing; but never what was revoked, and for a host only what its own row is about. */
  #isReported(error: PinError, evidence: Evidence): boolean {
    if (this.#context.mode === 'report')
      return !(error instanceof PinResolverError && error.code === 'ERR_RESOLVER_CLOSED');
    if (error.code.startsWith('ERR_RESOLVER_')) return false;
    const governing: Governing = this.#policy.lookup(evidence.host, evidence.port);
    if (governing.kind === 'pins') return governing.mode === 'report';
    if (governing.kind !== 'uncovered' || governing.needsPort) return false;
    return this.#context.uncoveredHosts === 'report' && !this.#wasCovered(evidence);
  }

  /** Where the port is not known, a row for any port counts. */
  #wasCovered({ host, port }: Evidence): boolean {
    const covered = this.#everCovered.find(host, port);
    return covered.found || covered.needsPort;
  }

  #refuse(
    code: PinMismatchError['code'],
    reason: string,
    evidence: Evidence,
    rule?: PinRule,
  ): PinMismatchError {
    const document = `${describeSource(this.#snapshot)}, revision ${printable(this.#snapshot.revision, 80)}, ${this.#context.ageText()}`;
    return refusedChain({ code, reason, evidence, rule, document, revision: this.#snapshot.revision });
  }

  #refuseHost(
    code: PinMismatchError['code'],
    reason: string,
    evidence: Evidence,
    pattern?: string,
  ): PinMismatchError {
    const { host, port } = evidence;
    const { revision } = this.#snapshot;
    return new PinMismatchError(code, `${hostText(host, port)}: ${reason}`, {
      host,
      port,
      pattern,
      revision,
    });
  }
}

/** The normalised host of a target. @throws PinMismatchError (`ERR_PIN_SYNTAX`) */
export function readHost(target: Target): string {
  assertPort(target.port);
  try {
    return normaliseHost(target.host);
  } catch (error) {
    throw malformedHost(error, target.port);
  }
}

/** A port that is none would find no row with a port, and so a wider one. @throws TypeError (`ERR_INVALID_OPTION`) */
export function assertPort(port: unknown): asserts port is number | undefined {
  if (
    port === undefined ||
    (typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535)
  )
    return;
  throw invalidOption('port', 'is no whole number from 1 to 65535');
}

/** Reads `host` or `host:port`. @throws PinMismatchError (`ERR_PIN_SYNTAX`) */
export function readTarget(text: string): Target {
  try {
    return parseTarget(text);
  } catch (error) {
    throw malformedHost(error);
  }
}

/** A host as events name it: in the form in which rows are compared, or else safe to print. */
export function hostName(host: string): string {
  try {
    return normaliseHost(host);
  } catch {
    return printable(host);
  }
}

function malformedHost(error: unknown, port?: number): PinMismatchError {
  const { message } = expected(error, HostSyntaxError);
  return new PinMismatchError('ERR_PIN_SYNTAX', message, { host: '', port });
}

function unreadable(host: string, port: number | undefined, error: unknown): PinMismatchError {
  const why = error instanceof DerError ? error.message : 'unexpected certificate';
  return new PinMismatchError(
    'ERR_PIN_CHAIN_UNVERIFIED',
    `${hostText(host, port)}: a certificate cannot be read: ${why}`,
    { host, port },
  );
}
