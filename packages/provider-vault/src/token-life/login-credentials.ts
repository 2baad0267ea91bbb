import { type Clock, type PinError, PinProviderError } from '@pinvault/core';
import type { AuthMethod, Write } from '../auth/auth-method.js';
import { type Credential, noCredential, tokenCredential } from '../auth/credential.js';
import type { Credentials } from '../auth/credentials.js';
import { grantedToken } from '../auth/login-answer.js';
import { AlarmClock } from './alarm-clock.js';
import { type Lease, leaseOf, remainingMs } from './lease.js';
import { LeaseWatch } from './lease-watch.js';
import { renewSelf, type Warn } from './renew.js';

/** What {@link LoginCredentials} works with. */
export interface LoginOptions {
  readonly method: AuthMethod;
  readonly write: Write;
  readonly clock: Clock;
  /** From 0 to 1. @defaultValue `Math.random` */
  readonly random?: () => number;
  readonly revokeOnClose: boolean;
  readonly warn: Warn;
}

interface Failure {
  readonly error: unknown;
  readonly count: number;
  readonly until: number;
  /** What was shown then. */
  readonly shown: string | undefined;
}

const firstBackOffMs = 1_000;
const maxBackOffMs = 300_000;
/** A denied token leads to a log-in; where that does not help, the next one is not before this. */
const replaceGapMs = 60_000;
// As many hosts as a resolver keeps.
const maxAccepted = 10_000;
const revokeLimitMs = 2_000;

/**
 * A token of its own: logs in when it is first needed, renews, logs in again before the token's maximum, and once where the
 * vault denies it. All log-ins are one flight; after a failed one the next waits, longer each time, unless other secrets
 * are to be shown.
 *
 * A failure in the background breaks no read while the token lasts: it is a process warning, and then the error of the next
 * read.
 */
export class LoginCredentials implements Credentials {
  readonly #options: LoginOptions;
  readonly #random: () => number;
  readonly #watch: LeaseWatch;
  readonly #nextAttempt: AlarmClock;
  #lease: Lease | undefined;
  #flight: Promise<Lease> | undefined;
  #failure: Failure | undefined;
  #replacedAt = -Infinity;
  /** Secrets that were read with the present token. */
  readonly #accepted = new Set<string>();
  #isClosed = false;

  constructor(options: LoginOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#nextAttempt = new AlarmClock(options.clock);
    this.#watch = new LeaseWatch({
      clock: options.clock,
      random: this.#random,
      renew: (lease) => renewSelf(lease, options.write),
      onRenewed: (lease) => void (this.#lease = lease),
      onEnding: () => void this.#loginAhead(),
      onFailure: ({ code, message }) =>
        options.warn(code, `the token could not be renewed, and is used as long as it lasts: ${message}`),
    });
  }

  async current(): Promise<Credential> {
    const lease = this.#lease;
    if (lease !== undefined && remainingMs(lease, this.#options.clock) > 0)
      return tokenCredential(lease.token);
    return tokenCredential((await this.#login()).token);
  }

  async replace(denied: Credential, secret: string): Promise<Credential | undefined> {
    const lease = this.#lease;
    if (lease !== undefined && lease.token !== denied.token) return tokenCredential(lease.token);
    // What was good for this very secret has ended; what never was may lack the right, and another one would, too.
    const wasGood = this.#accepted.has(secret);
    const isEarly = this.#options.clock.monotonic() - this.#replacedAt < replaceGapMs;
    if (this.#flight === undefined && isEarly && !wasGood) return undefined;
    const { token } = await this.#login();
    this.#replacedAt = this.#options.clock.monotonic();
    return tokenCredential(token);
  }

  accepted({ token }: Credential, secret: string): void {
    if (token === this.#lease?.token && this.#accepted.size < maxAccepted) this.#accepted.add(secret);
  }

  retry(): void {
    if (this.#failure !== undefined) this.#failure = { ...this.#failure, until: -Infinity };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#watch.stop();
    this.#nextAttempt.cancel();
    const lease = this.#lease;
    this.#lease = undefined;
    if (!this.#options.revokeOnClose) return;
    let limit: { cancel(): void } | undefined;
    // It holds the process: what closes it is about to end.
    const late = new Promise<void>(
      (resolve) => (limit = this.#options.clock.after(revokeLimitMs, resolve, true)),
    );
    await Promise.race([this.#revoke(lease ?? this.#flight), late]);
    limit?.cancel();
  }

  /** While the token still lasts. A failure is tried again, and breaks nothing. */
  async #loginAhead(): Promise<void> {
    try {
      await this.#login();
    } catch (error) {
      if (this.#isClosed) return;
      const { code, message } = error as PinError;
      if (this.#failure?.count === 1) this.#options.warn(code, `a new token could not be had: ${message}`);
      const lasts = this.#lease !== undefined && remainingMs(this.#lease, this.#options.clock) > 0;
      // Afterwards reads log in themselves.
      if (lasts) this.#nextAttempt.set(this.#waitMs(), () => void this.#loginAhead());
    }
  }

  async #login(): Promise<Lease> {
    this.#flight ??= this.#tryLogin().finally(() => (this.#flight = undefined));
    return this.#flight;
  }

  async #tryLogin(): Promise<Lease> {
    const { method, write, clock } = this.#options;
    if (this.#isClosed)
      throw new PinProviderError('ERR_PROVIDER_UNAVAILABLE', 'the provider of the vault is closed', {
        provider: 'vault',
        detail: 'closed',
      });
    const shown = await method.shown?.();
    if (this.#failure !== undefined && this.#waitMs() > 0 && this.#failure.shown === shown)
      throw this.#failure.error;
    try {
      const { path, body, secrets } = await method.prepare(write);
      const answer = await write(path, body, { ...noCredential, secrets });
      const lease = leaseOf(grantedToken(answer, `the log-in by ${method.name} (${path})`, secrets), clock);
      this.#failure = undefined;
      this.#nextAttempt.cancel();
      if (!this.#isClosed) {
        this.#lease = lease;
        this.#accepted.clear();
        this.#watch.start(lease);
      }
      return lease;
    } catch (error) {
      const count = (this.#failure?.shown === shown ? (this.#failure?.count ?? 0) : 0) + 1;
      const backOffMs =
        Math.min(firstBackOffMs * 2 ** (count - 1), maxBackOffMs) * (0.5 + 0.5 * this.#random());
      const askedMs = Math.min((error as PinProviderError).retryAfterMs ?? 0, maxBackOffMs);
      this.#failure = { error, count, until: clock.monotonic() + Math.max(backOffMs, askedMs), shown };
      throw error;
    }
  }

  #waitMs(): number {
    return Math.max(0, (this.#failure?.until ?? 0) - this.#options.clock.monotonic());
  }

  async #revoke(having: Lease | Promise<Lease> | undefined): Promise<void> {
    try {
      const lease = await having;
      if (lease !== undefined && !lease.isBatch)
        await this.#options.write('auth/token/revoke-self', {}, tokenCredential(lease.token));
    } catch {
      // It ends by itself.
    }
  }
}
