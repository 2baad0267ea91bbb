import type { Clock, PinError } from '@pinvault/core';
import type { AuthMethod, Write } from '../auth/auth-method.js';
import { type Credential, noCredential, tokenCredential } from '../auth/credential.js';
import type { Credentials } from '../auth/credentials.js';
import { grantedToken } from '../auth/login-answer.js';
import { AlarmClock } from './alarm-clock.js';
import { type Lease, leaseOf, remainingMs } from './lease.js';
import { LeaseWatch } from './lease-watch.js';
import { renewSelf, warn } from './renew.js';

/** What {@link LoginCredentials} works with. */
export interface LoginOptions {
  readonly method: AuthMethod;
  readonly write: Write;
  readonly clock: Clock;
  /** From 0 to 1. @defaultValue `Math.random` */
  readonly random?: () => number;
  readonly revokeOnClose: boolean;
}

const firstBackOffMs = 1_000;
const maxBackOffMs = 300_000;
/** A denied token leads to a log-in; where that does not help, the next one is not before this. */
const replaceGapMs = 60_000;
const revokeLimitMs = 2_000;

/**
 * A token of its own: logs in when it is first needed, renews, logs in again before the token's maximum, and once where the
 * vault denies it. All log-ins are one flight; after a failed one the next waits, longer each time.
 *
 * A failure in the background breaks no read while the token lasts: it is a process warning, and then the error of the next
 * read.
 */
export class LoginCredentials implements Credentials {
  readonly #options: LoginOptions;
  readonly #random: () => number;
  readonly #watch: LeaseWatch;
  readonly #retry: AlarmClock;
  #lease: Lease | undefined;
  #flight: Promise<Lease> | undefined;
  #failure: { readonly error: unknown; readonly count: number; readonly until: number } | undefined;
  #replacedAt = -Infinity;
  #isClosed = false;

  constructor(options: LoginOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#retry = new AlarmClock(options.clock);
    this.#watch = new LeaseWatch({
      clock: options.clock,
      random: this.#random,
      renew: (lease) => renewSelf(lease, options.write),
      onRenewed: (lease) => void (this.#lease = lease),
      onEnding: () => void this.#loginAhead(),
      onFailure: ({ code, message }) =>
        warn(code, `the token could not be renewed, and is used as long as it lasts: ${message}`),
    });
  }

  async current(): Promise<Credential> {
    const lease = this.#lease;
    if (lease !== undefined && remainingMs(lease, this.#options.clock) > 0)
      return tokenCredential(lease.token);
    return tokenCredential((await this.#login()).token);
  }

  async replace(denied: Credential): Promise<Credential | undefined> {
    const lease = this.#lease;
    if (lease !== undefined && lease.token !== denied.token) return tokenCredential(lease.token);
    const now = this.#options.clock.monotonic();
    if (this.#flight === undefined) {
      if (now - this.#replacedAt < replaceGapMs) return undefined;
      this.#replacedAt = now;
    }
    return tokenCredential((await this.#login()).token);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#watch.stop();
    this.#retry.cancel();
    const lease = this.#lease ?? (await this.#flight?.catch(() => undefined));
    this.#lease = undefined;
    if (this.#options.revokeOnClose && lease !== undefined && !lease.isBatch) await this.#revoke(lease);
  }

  /** While the token still lasts. A failure is tried again, and breaks nothing. */
  async #loginAhead(): Promise<void> {
    try {
      await this.#login();
    } catch (error) {
      if (this.#isClosed) return;
      const { code, message } = error as PinError;
      if (this.#failure?.count === 1) warn(code, `a new token could not be had: ${message}`);
      const lasts = this.#lease !== undefined && remainingMs(this.#lease, this.#options.clock) > 0;
      // Afterwards reads log in themselves.
      if (lasts) this.#retry.set(this.#waitMs(), () => void this.#loginAhead());
    }
  }

  async #login(): Promise<Lease> {
    this.#flight ??= this.#tryLogin().finally(() => (this.#flight = undefined));
    return this.#flight;
  }

  async #tryLogin(): Promise<Lease> {
    const { method, write, clock } = this.#options;
    if (this.#failure !== undefined && this.#waitMs() > 0) throw this.#failure.error;
    try {
      const { path, body, secrets } = await method.prepare(write);
      const answer = await write(path, body, { ...noCredential, secrets });
      const lease = leaseOf(grantedToken(answer, `the log-in by ${method.name} (${path})`, secrets), clock);
      this.#failure = undefined;
      this.#retry.cancel();
      if (!this.#isClosed) {
        this.#lease = lease;
        this.#watch.start(lease);
      }
      return lease;
    } catch (error) {
      const count = (this.#failure?.count ?? 0) + 1;
      const backOffMs =
        Math.min(firstBackOffMs * 2 ** (count - 1), maxBackOffMs) * (0.5 + 0.5 * this.#random());
      this.#failure = { error, count, until: clock.monotonic() + backOffMs };
      throw error;
    }
  }

  #waitMs(): number {
    return Math.max(0, (this.#failure?.until ?? 0) - this.#options.clock.monotonic());
  }

  async #revoke({ token }: Lease): Promise<void> {
    const { write, clock } = this.#options;
    let limit: { cancel(): void } | undefined;
    // It holds the process: what closes it is about to end.
    const late = new Promise<void>((resolve) => (limit = clock.after(revokeLimitMs, resolve, true)));
    const revoked = write('auth/token/revoke-self', {}, tokenCredential(token)).catch(() => undefined);
    await Promise.race([revoked, late]);
    limit?.cancel();
  }
}
