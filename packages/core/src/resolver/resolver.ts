import { foreignErrorLabel } from '../internal/foreign-error.js';
import type { ClockTimer } from '../internal/clock.js';
import type { Target } from '../policy/host.js';
import type { PinProvider } from '../provider.js';
import type { NodeCertificate } from '../verify/certificate.js';
import { defaultEcdhCurve } from '../verify/host-name.js';
import type { Evidence } from '../verify/evidence.js';
import type { GuardableSocket, GuardOptions } from './guard-options.js';
import { createServerIdentityCheck, type ServerIdentityCheck } from './check.js';
import { PinEventHub, type PinEventListener, type PinEventName, snapshotEvent } from './events.js';
import { startDocumentStore } from './document-store.js';
import { holdBackFailure } from './failed-start.js';
import { startHostStore } from './host/host-store.js';
import { assertPort, type Lookup, readTarget, type Verdict } from './judgement.js';
import type { RefreshOutcome } from './keeper.js';
import { momentOf } from './moment.js';
import { readSettings, type ResolverOptions, type ResolverSettings } from './options.js';
import type { PinStore } from './pin-store.js';
import type { Snapshot } from './snapshot.js';
import { type SocketGuard, SocketGuards } from './socket-guards.js';
import type { ResolverStatus } from './status.js';
import { ToldVerdicts } from './told-verdicts.js';
import { Warnings } from './warnings.js';
import { askToRetry } from './watching.js';
import { type WrongPinTrial, WrongPinTrials } from './wrong-pin.js';

/** What {@link PinResolver.tlsOptions} returns: for every client that hands TLS options on to Node. */
export interface PinnedTlsOptions {
  checkServerIdentity: ServerIdentityCheck;
  rejectUnauthorized: true;
  /** Present and undefined: an `https.Agent` that was made with these options resumes no session of its own. */
  session: undefined;
  /**
   * Node's own default, said aloud: it is part of the name under which an `https.Agent` pools connections and sessions,
   * so that a pinned request is not served over a connection that was opened without pins (Node 20 to 24.17 ask no
   * check then).
   */
  ecdhCurve: string;
}

/**
 * Keeps the pins of one document, or of one per host, current and judges connections under them.
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
  readonly #store: PinStore;
  readonly #guards: SocketGuards;
  readonly #trials: WrongPinTrials;
  readonly #verdicts: ToldVerdicts;
  #checked: Evidence | undefined;

  private constructor(
    store: PinStore,
    settings: ResolverSettings,
    events: PinEventHub,
    trials: WrongPinTrials,
  ) {
    this.name = settings.name;
    this.#settings = settings;
    this.#events = events;
    this.#store = store;
    this.#trials = trials;
    this.#verdicts = new ToldVerdicts(store, { settings, events, trials });
    this.#guards = new SocketGuards(
      {
        clock: settings.clock,
        verify: (target, certificate) => this.#verdicts.verify(target, certificate, this.#checked),
        // Not by `this.judge`: a trial of a wrong pin is none of an open connection's business.
        judge: (evidence) => store.judge(evidence),
        validUntil: (evidence) => store.validUntil(evidence),
        retain: (target) => store.retain(target),
        assertOpen: () => store.assertOpen(),
        tell: (callback) => events.run(callback),
      },
      events,
    );
    this.checkServerIdentity = createServerIdentityCheck((target, certificate) =>
      this.#check(target, certificate),
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
    const trials = new WrongPinTrials(settings.clock);
    const events = new PinEventHub(
      (error) => {
        const label = foreignErrorLabel(error);
        warnings.say('PINVAULT_LISTENER', label, `an event listener failed with ${label}`);
      },
      (run) => trials.outside(run),
    );
    if (settings.onEvent !== undefined) events.add('*', settings.onEvent);
    const startedAt = momentOf(settings.clock);
    const start = provider.scope === 'host' ? startHostStore : startDocumentStore;
    try {
      const { store, begin } = await start({ settings, events, warnings });
      const resolver = new PinResolver(store, settings, events, trials);
      begin();
      return resolver;
    } catch (error) {
      // Not waited for: what hangs in there must not keep the failure to itself.
      void closeProviders(settings);
      await holdBackFailure(error, startedAt, settings);
      throw error;
    }
  }

  /**
   * The snapshot in force. Where each host has a document of its own, a picture of those that are loaded: their rows
   * together, and what any of them revokes.
   */
  get snapshot(): Snapshot {
    return this.#store.snapshot;
  }

  /**
   * What governs a host.
   *
   * @throws PinMismatchError (`ERR_PIN_SYNTAX`) for a text that is no host
   * @throws TypeError (`ERR_INVALID_OPTION`) for a port that is none
   */
  lookup(target: Target | string): Lookup {
    return this.#store.lookup(typeof target === 'string' ? readTarget(target) : target);
  }

  /**
   * Judges a handshake: the host name first, then the pins.
   *
   * @param certificate - Node's detailed peer certificate: `socket.getPeerCertificate(true)`
   * @throws PinError; Node's own error where the certificate is for another host
   */
  verify(target: Target, certificate: NodeCertificate): Verdict {
    return this.#verdicts.verify(target, certificate);
  }

  /** For Node, which tells the guard of a socket of the same handshake right afterwards. */
  #check(target: Target, certificate: NodeCertificate): void {
    this.#checked = this.verify(target, certificate).evidence;
    queueMicrotask(() => (this.#checked = undefined));
  }

  /**
   * Whether the pins in force, once the read has ended that a refused handshake has started or joined, accept the very
   * chain that was refused with this error: an agent may then dial once more. `undefined` where no read is to be had, so
   * that nobody waits in vain: reads fail, or mismatches have had theirs in the last 10 to 30 s. Waits 2 s at most, never
   * rejects. The handshake itself stays refused.
   */
  recheck(refusal: Error): Promise<boolean> | undefined {
    return this.#verdicts.recheck(refusal);
  }

  /** The same question about a connection that was verified earlier, under the pins in force now. @throws PinError */
  judge(evidence: Evidence): Verdict {
    return (this.#trials.of(evidence) ?? this.#store).judge(evidence);
  }

  /**
   * Options that pin one connection; a fresh object each call.
   *
   * **Security:** covers new handshakes; a client with a session cache of its own (undici) has to have it switched off,
   * since Node checks nothing of a resumed session, nor of a TLS 1.3 pre-shared key (`pskCallback`). `host` fixes the
   * host whose pins (and name) count, whatever the client passes to the check; `port` makes rows with a port count.
   *
   * @throws TypeError (`ERR_INVALID_OPTION`) for a port that is none
   */
  tlsOptions(target: { readonly host?: string; readonly port?: number } = {}): PinnedTlsOptions {
    assertPort(target.port);
    return {
      checkServerIdentity: createServerIdentityCheck(
        (judged, certificate) => this.#check(judged, certificate),
        target,
      ),
      rejectUnauthorized: true,
      session: undefined,
      ecdhCurve: defaultEcdhCurve(),
    };
  }

  /**
   * Judges a socket that another library has opened, or is opening, like an agent's own: when its handshake is over, at
   * every rotation, and when a date ends what it has proven (`until=`, the certificate's own, `maxStaleMs`). What becomes
   * of it then is the `policy`; by default the owner is told (`onDrain`) and has `graceMs` to finish.
   *
   * **Security:** a connection that is refused in its handshake, that Node did not authorize, that resumed a session or
   * has no certificate is destroyed before its owner hears of it, whatever the policy. The socket's 'error' tells the
   * reason. Held weakly; released when the socket closes; no timer of it holds the process open. When the resolver is
   * closed, guarded sockets are destroyed (`ERR_RESOLVER_CLOSED`): nobody would judge them any more; under `keep` they
   * are let go.
   *
   * @example
   * const socket = tls.connect({ host, port, servername: host, ...pins.tlsOptions({ host, port }) });
   * pins.guardSocket(socket, { host, port });
   * @throws TypeError (`ERR_INVALID_OPTION`)
   */
  guardSocket(socket: GuardableSocket, target: Target, options: GuardOptions = {}): SocketGuard {
    return this.#guards.guard(socket, target, options);
  }

  /**
   * For `proveLive`: whatever `run` starts meets a pin for this target that no key has; everything else in the process
   * goes on under the pins in force. Follows the asynchronous context. Neither events nor counters tell of it, and no
   * refresh is started. Never rejects.
   *
   * @throws PinMismatchError (`ERR_PIN_SYNTAX`) for a text that is no host
   */
  underWrongPin<Result>(target: Target, run: () => Promise<Result>): Promise<WrongPinTrial<Result>> {
    return this.#trials.run(target, run);
  }

  /** For `proveLive`: `run` is one proof, with its trials and with what it asks for between them. See {@link proof}. */
  prove<Result>(run: () => Promise<Result>): Promise<Result> {
    return this.#trials.prove(run);
  }

  /**
   * The proof that this is part of, until it aborts; `undefined` outside of one. Agents give it connections of its own:
   * whoever shared them would be refused with it.
   */
  get proof(): AbortSignal | undefined {
    return this.#trials.proof;
  }

  /**
   * Resolves when the host's pins are loaded: at once where one document holds them all, else after one read at most,
   * within `readTimeoutMs`. For clients that take TLS options: agents do it themselves.
   *
   * @param host - needed where each host has a document of its own; `host:port` does as well
   * @throws PinMismatchError (`ERR_PIN_NOT_LOADED`) where the host has no pins, which says why; PinResolverError
   */
  async ready(host?: string): Promise<void> {
    await this.#store.ready(host);
  }

  /**
   * Waits, 2 s at most, for one read where the last confirmation is older than the interval: after a serverless thaw.
   * While the store is being left alone after failed reads there is nothing to wait for.
   *
   * @param host - where each host has a document of its own: that host alone
   * @throws PinError
   */
  async ensureFresh(host?: string): Promise<void> {
    this.#store.assertOpen();
    await this.#store.ensureFresh(host);
  }

  /**
   * What a request to this target has to wait for before it may use or open a connection; `undefined` where nothing: for
   * agents. After a suspension of the process that is one read, 2 s at most, once; then the pins in force decide. A host
   * with a document of its own is loaded, and read where it has been idle; where it has no pins the promise is rejected
   * (`ERR_PIN_NOT_LOADED`). Never throws. Costs two looks at the clock while the pins are fresh.
   */
  prepare(target: Target): Promise<void> | undefined {
    return this.#store.isClosed ? undefined : this.#store.prepare(target);
  }

  /**
   * A connection to this target is being opened, or is open: a host with a document of its own is refreshed and not
   * evicted until the returned function is called. For agents.
   */
  retain(target: Target): () => void {
    return this.#store.retain(target);
  }

  /**
   * Reads the provider now, or joins the read that is under way; within a second after a read that brought nothing new it
   * waits for that second. A store that is being left alone (the breaker is open, or it has asked for
   * time) is not read: the outcome is then the last failure, and `status().nextRefreshAt` tells when it is read next.
   * Never rejects for a failed read.
   *
   * @param host - where each host has a document of its own: that host, instead of all that are in use
   * @throws PinResolverError (`ERR_RESOLVER_CLOSED`)
   */
  async refresh(host?: string): Promise<RefreshOutcome> {
    this.#store.assertOpen();
    askToRetry(this.#settings.provider);
    return this.#store.refresh(host);
  }

  /**
   * Something changed in the store, says a push bridge: reads now, a second after the last read at the earliest, and once
   * more where a read was under way already, so that a burst makes two reads. Costs nothing where the revision is in
   * force, or is known to be refused.
   *
   * @param host - where each host has a document of its own: which one; without it those in use are read within seconds
   */
  notify(revision?: string, host?: string): void {
    if (!this.#store.isClosed) this.#store.notify(revision, host);
  }

  /** How the resolver stands, as plain data. */
  status(): ResolverStatus {
    const { counters, ...status } = this.#store.status();
    return structuredClone({
      name: this.name,
      mode: this.#settings.mode,
      ...status,
      counters: { ...counters, ...this.#verdicts.counters },
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
    const { signal } = options;
    const stop = (): void => {
      this.#events.remove('*', listener);
      signal?.removeEventListener('abort', stop);
    };
    if (signal?.aborted === true) return stop;
    this.#events.add('*', listener);
    signal?.addEventListener('abort', stop, { once: true });
    const { snapshot, present: now } = this.#store;
    const about = { resolver: this.name, at: this.#settings.clock.now(), snapshot };
    const present =
      now.state === 'fresh'
        ? snapshotEvent('ready', about, {})
        : snapshotEvent(now.state, about, { ageMs: Math.round(now.ageMs) });
    this.#events.call(listener, present);
    return stop;
  }

  /**
   * Ends refresh and provider, for whose own end it waits one `readTimeoutMs` at most. Every later check fails with
   * `ERR_RESOLVER_CLOSED`. Idempotent.
   */
  async close(): Promise<void> {
    if (this.#store.isClosed) return;
    this.#store.stop();
    this.#events.emit({ type: 'close', resolver: this.name, at: this.#settings.clock.now() });
    this.#events.clear();
    await closeProviders(this.#settings, this.#store);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Whatever a provider does when it is closed, be it a throw that is no rejection or nothing at all, is its own affair. */
async function closeProviders(
  { provider, fallback, clock, readTimeoutMs }: ResolverSettings,
  store?: PinStore,
): Promise<void> {
  const ends = [provider, fallback].map(async (each) => each?.close?.());
  const closed = Promise.allSettled([...ends, store?.settled?.()]);
  let timer: ClockTimer | undefined;
  const waited = new Promise<void>((resolve) => {
    timer = clock.after(readTimeoutMs, resolve);
  });
  await Promise.race([closed, waited]);
  timer?.cancel();
}
