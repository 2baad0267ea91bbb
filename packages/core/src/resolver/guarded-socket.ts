import { PinError, PinMismatchError } from '../errors.js';
import type { Clock, ClockTimer } from '../internal/clock.js';
import type { Target } from '../policy/host.js';
import type { NodeCertificate } from '../verify/certificate.js';
import type { Evidence } from '../verify/evidence.js';
import { errorOf } from './check.js';
import type { GuardableSocket, GuardSettings } from './guard-options.js';
import type { Verdict } from './judgement.js';

/** What the guard of a socket asks of the resolver. */
export interface GuardContext {
  readonly clock: Clock;
  /** A handshake, now. @throws PinError */
  verify(target: Target, certificate: NodeCertificate): Verdict;
  /** The same handshake, later. @throws PinError */
  judge(evidence: Evidence): Verdict;
  /** Epoch ms: until then the clock alone changes nothing about what `judge` has just answered. */
  validUntil(evidence: Evidence): number;
  retain(target: Target): () => void;
  /** @throws PinResolverError (`ERR_RESOLVER_CLOSED`) */
  assertOpen(): void;
  /** Calls back the user's own function; what it throws hurts nothing. */
  tell(callback: () => unknown): void;
}

/** What a registry learns of its socket. */
export interface GuardWatcher {
  /** The handshake was accepted: the clock may end what it has proven. */
  onJudged(guarded: GuardedSocket): void;
  /** There is nothing left to judge. */
  onEnd(guarded: GuardedSocket): void;
}

/** One socket under guard: judged when its handshake is over, and whenever `look` is called from then on. */
export class GuardedSocket {
  readonly socket: GuardableSocket;
  readonly #target: Target;
  readonly #settings: GuardSettings;
  readonly #context: GuardContext;
  readonly #watcher: GuardWatcher;
  #evidence: Evidence | undefined;
  #graceTimer: ClockTimer | undefined;
  #isOver = false;

  constructor(
    socket: GuardableSocket,
    target: Target,
    settings: GuardSettings,
    context: GuardContext,
    watcher: GuardWatcher,
  ) {
    this.socket = socket;
    this.#target = target;
    this.#settings = settings;
    this.#context = context;
    this.#watcher = watcher;
  }

  /** Once, when somebody holds the guard. */
  begin(): void {
    // Before the owner's listeners, which would send: a socket destroyed here has sent nothing.
    this.socket.prependOnceListener('secureConnect', this.#onSecure);
    // Behind Node's own: all that a socket tells which tls.connect() has not made, and whose certificate nobody verifies.
    this.socket.once?.('secure', this.#onHandshake);
    this.socket.prependOnceListener('close', this.end);
    this.look();
  }

  /** Normalised; `undefined` while the handshake lasts. */
  get host(): string | undefined {
    return this.#evidence?.host;
  }

  /** Epoch ms: when the clock alone may change what the last look found. */
  get validUntil(): number {
    return this.#evidence === undefined ? Infinity : this.#context.validUntil(this.#evidence);
  }

  /** Judges the connection under the pins in force now, and does what the policy says. */
  look(): void {
    if (this.#isOver) return;
    if (this.socket.destroyed) {
      this.end();
      return;
    }
    if (this.#evidence === undefined) {
      // By what is documented: Node sets one of the two when the handshake is over, or else has verified nothing.
      const { authorized, authorizationError } = this.socket;
      if (authorized || isTold(authorizationError) || this.socket.getPeerFinished?.() !== undefined)
        this.#onSecure();
      else if (whyRefused(() => this.#context.assertOpen(), this.#target) !== undefined) this.#onSecure();
      return;
    }
    const evidence = this.#evidence;
    const reason = whyRefused(() => this.#context.judge(evidence), this.#target);
    if (reason === undefined) {
      // Matches again: an edit was undone while it drained.
      this.#graceTimer?.cancel();
      this.#graceTimer = undefined;
      return;
    }
    this.#refused(reason);
  }

  /** Judges no more; the socket stays as it is. */
  readonly end = (): void => {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#graceTimer?.cancel();
    this.socket.off('secureConnect', this.#onSecure);
    this.socket.off('secure', this.#onHandshake);
    this.socket.off('close', this.end);
    this.#watcher.onEnd(this);
  };

  readonly #onHandshake = (): void => this.look();

  readonly #onSecure = (): void => {
    if (this.#isOver || this.#evidence !== undefined) return;
    try {
      this.#evidence = this.#judgeHandshake();
    } catch (error) {
      this.#destroy(errorOf(error, this.#target.host));
      return;
    }
    this.#watcher.onJudged(this);
  };

  #judgeHandshake(): Evidence {
    this.#context.assertOpen();
    const { host } = this.#target;
    if (!this.socket.authorized) {
      const { authorizationError } = this.socket;
      const reason = isTold(authorizationError)
        ? String(authorizationError)
        : 'nobody has verified it; only tls.connect() does';
      const why = `${host}: the connection is not authorized: ${reason}`;
      throw new PinMismatchError('ERR_PIN_CHAIN_UNVERIFIED', why, { host });
    }
    // Node shows no certificate of a resumed session, and has asked no check.
    if (this.socket.isSessionReused())
      throw new PinMismatchError('ERR_PIN_MISMATCH', `${host}: a resumed session proves no pin`, { host });
    const certificate = this.socket.getPeerCertificate(true);
    if (certificate === null || !(certificate.raw instanceof Uint8Array))
      throw new PinMismatchError('ERR_PIN_MISMATCH', `${host}: the connection has no certificate`, { host });
    return this.#context.verify(this.#target, certificate).evidence;
  }

  #refused(reason: Error): void {
    const code = PinError.isPinError(reason) ? reason.code : undefined;
    const { policy, graceMs, onDrain } = this.#settings;
    if (code === 'ERR_PIN_REVOKED') {
      this.#destroy(reason);
    } else if (policy === 'keep') {
      // Nobody will ever say revoked any more.
      if (code === 'ERR_RESOLVER_CLOSED') this.end();
    } else if (policy === 'close' || code === 'ERR_RESOLVER_CLOSED') {
      this.#destroy(reason);
    } else if (this.#graceTimer === undefined) {
      this.#graceTimer = this.#context.clock.after(graceMs, () => this.#destroy(reason));
      if (onDrain !== undefined) this.#context.tell(() => onDrain(reason));
    }
  }

  #destroy(reason: Error): void {
    this.end();
    this.socket.destroy(reason);
  }
}

function isTold(authorizationError: unknown): boolean {
  return authorizationError !== null && authorizationError !== undefined;
}

function whyRefused(ask: () => unknown, { host }: Target): Error | undefined {
  try {
    ask();
    return undefined;
  } catch (error) {
    return errorOf(error, host);
  }
}
