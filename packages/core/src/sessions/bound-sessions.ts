import { LRUCache } from 'lru-cache';
import { invalidOption } from '../errors.js';
import { type Clock, systemClock } from '../internal/clock.js';
import { elapsedMs, type Moment, momentOf } from '../resolver/moment.js';
import type { Verdict } from '../resolver/judgement.js';
import { hostText } from '../resolver/refusal.js';
import type { Evidence } from '../verify/evidence.js';

/** A server hands out two tickets a handshake or so; a burst of connections uses up as many as were earned. */
const maxPerKey = 16;

/**
 * RFC 8446 §4.6.1: a session that is resumed again and again is to end some time after the server has last proven that
 * it holds the key of its certificate. Seven days are the limit there; a full handshake a day costs nothing.
 */
const maxAgeMs = 86_400_000;

/** How a {@link BoundSessions} judges, and what it may hold. */
export interface BoundSessionsOptions {
  /** Judges evidence under the pins in force. Throws to refuse. */
  readonly judge: (evidence: Evidence) => Verdict;
  /** Sessions held in all; the least recently used key makes room. 0 holds none. @defaultValue 100 */
  readonly maxSessions?: number;
  /** @defaultValue the machine's */
  readonly clock?: Clock;
}

/** What is known of a session when it is earned. */
export interface EarnedSession {
  /** Used once and no more, as RFC 8446 appendix C.4 wants it of a TLS 1.3 ticket; a TLS 1.2 session may be used again. */
  readonly singleUse: boolean;
  /** Of the connection, from its handshake on ({@link BoundSessions.proofOf}): a ticket may come days later. */
  readonly provenAt: Moment;
}

/**
 * A TLS session with the evidence of the full handshake that it descends from. It holds key material: kept in memory
 * only, in no text that `util.inspect` or JSON make of it.
 */
export class BoundSession {
  readonly evidence: Evidence;
  readonly singleUse: boolean;
  /** When the server has last proven that it holds the key of its certificate. */
  readonly provenAt: Moment;
  readonly #bytes: Buffer;

  static {
    // `util.inspect` can be told to show what is hidden and to call getters.
    Object.defineProperty(this.prototype, Symbol.for('nodejs.util.inspect.custom'), {
      value(this: BoundSession): string {
        return `BoundSession { ${hostText(this.evidence.host, this.evidence.port)} }`;
      },
    });
  }

  constructor(bytes: Buffer, evidence: Evidence, facts: { singleUse: boolean; provenAt: Moment }) {
    this.#bytes = bytes;
    this.evidence = evidence;
    this.singleUse = facts.singleUse;
    this.provenAt = facts.provenAt;
    Object.freeze(this);
  }

  /** What Node's 'session' event told, for the `session` of a new connection. */
  get session(): Buffer {
    return this.#bytes;
  }
}

/**
 * TLS sessions, each bound to the evidence of the handshake in which it was earned. A session is given out only while
 * the pins in force accept that evidence, every certificate that was shown is still valid, and the full handshake is
 * less than a day old.
 *
 * **Security:** Node checks nothing of a resumed session, so what uses one has to judge `evidence` once more when the
 * connection stands, and at every rotation. The key has to tell apart whatever could change what a full handshake says:
 * host, port, servername, trusted CAs, client certificate.
 */
export class BoundSessions {
  readonly #judge: (evidence: Evidence) => Verdict;
  readonly #clock: Clock;
  readonly #maxPerKey: number;
  /** Newest last; a list is replaced and never changed, since the cache counts what it was given. */
  readonly #byKey: LRUCache<string, readonly BoundSession[]> | undefined;

  /** @throws TypeError (`ERR_INVALID_OPTION`) for a `maxSessions` that is no whole number from 0 */
  constructor(options: BoundSessionsOptions) {
    const { judge, maxSessions = 100, clock = systemClock } = options;
    if (!Number.isSafeInteger(maxSessions) || maxSessions < 0)
      throw invalidOption('maxSessions', 'is no whole number from 0');
    this.#judge = judge;
    this.#clock = clock;
    this.#maxPerKey = Math.min(maxPerKey, maxSessions);
    this.#byKey =
      maxSessions === 0
        ? undefined
        : new LRUCache({ maxSize: maxSessions, sizeCalculation: (sessions) => sessions.length });
  }

  /** Sessions held. */
  get size(): number {
    return this.#byKey?.calculatedSize ?? 0;
  }

  /**
   * When the server of a connection whose handshake is just over has proven that it holds the key of its certificate: now,
   * or in the full handshake from which the session descends that it has resumed.
   */
  proofOf(resumed: BoundSession | undefined): Moment {
    return resumed?.provenAt ?? momentOf(this.#clock);
  }

  /** Keeps a session that was earned on a connection with this evidence. */
  add(key: string, session: Buffer, evidence: Evidence, { singleUse, provenAt }: EarnedSession): void {
    if (this.#byKey === undefined) return;
    const earned = new BoundSession(session, evidence, { singleUse, provenAt });
    const others = this.#byKey.peek(key) ?? [];
    this.#byKey.set(key, [...others, earned].slice(-this.#maxPerKey));
  }

  /**
   * The newest session of this key that may be offered now; one for a single use leaves the store. What may not be
   * offered any more is dropped on the way. A session that report mode alone would let pass is not offered: a full
   * handshake tells of the mismatch.
   */
  take(key: string): BoundSession | undefined {
    const sessions = this.#byKey?.get(key);
    if (sessions === undefined) return undefined;
    const left = [...sessions];
    for (let session = left.at(-1); session !== undefined; session = left.at(-1)) {
      const isAccepted = this.#isAccepted(session);
      if (!isAccepted || session.singleUse) left.pop();
      if (!isAccepted) continue;
      this.#replace(key, sessions, left);
      return session;
    }
    this.#replace(key, sessions, left);
    return undefined;
  }

  /** Forgets a session that did not serve. */
  discard(key: string, session: BoundSession): void {
    const sessions = this.#byKey?.peek(key);
    if (sessions === undefined) return;
    this.#replace(
      key,
      sessions,
      sessions.filter((each) => each !== session),
    );
  }

  /**
   * Drops what the pins in force do not accept any more: at a rotation.
   *
   * @param host - the only one whose pins have changed, where each has a document of its own
   */
  dropStale(host?: string): void {
    // A copy: each change moves its key.
    for (const [key, sessions] of [...(this.#byKey?.entries() ?? [])]) {
      const fit = sessions.filter(
        (session) => (host !== undefined && session.evidence.host !== host) || this.#isAccepted(session),
      );
      this.#replace(key, sessions, fit);
    }
  }

  /** Drops them all, or those of a key. */
  clear(key?: string): void {
    if (key === undefined) this.#byKey?.clear();
    else this.#byKey?.delete(key);
  }

  #replace(key: string, before: readonly BoundSession[], sessions: readonly BoundSession[]): void {
    if (sessions.length === before.length) return;
    if (sessions.length === 0) this.#byKey?.delete(key);
    else this.#byKey?.set(key, sessions);
  }

  #isAccepted({ evidence, provenAt }: BoundSession): boolean {
    if (elapsedMs(provenAt, this.#clock) >= maxAgeMs) return false;
    try {
      // Node does not look at dates again, and a host whose row says `none` has nobody else who does.
      if (this.#clock.now() > evidence.validUntil) return false;
      const { outcome } = this.#judge(evidence);
      return outcome === 'match' || outcome === 'unpinned';
    } catch {
      return false;
    }
  }
}
