import type { Clock } from '@pinvault/core';
import { member, type VaultAnswer } from '../answer.js';
import { type Credential, tokenCredential } from '../auth/credential.js';
import type { Credentials } from '../auth/credentials.js';
import type { Write } from '../auth/auth-method.js';
import { limitedUses } from '../auth/login-answer.js';
import { AlarmClock } from './alarm-clock.js';
import { type Lease, leaseOf, remainingMs } from './lease.js';
import { LeaseWatch } from './lease-watch.js';
import { renewSelf, type Warn } from './renew.js';

/** What a token that was given works with. */
export interface FixedTokenOptions {
  readonly token: string;
  readonly clock: Clock;
  readonly random?: () => number;
  readonly write: Write;
  /** Asks the vault about the token. @throws PinError */
  readonly lookUp: (credential: Credential) => Promise<VaultAnswer>;
  readonly warn: Warn;
}

/** A start is not made longer by it, and a process that is soon over does without. */
const askAfterMs = 5_000;

/**
 * A token that was given, in code or in a variable. Some seconds after the first good read the vault is asked what it is: it is renewed
 * where it can be; that it will end, or is used up by reading, is a process warning.
 */
export function fixedCredentials(options: FixedTokenOptions): Credentials {
  const { token, clock, write, lookUp, warn } = options;
  const credential = tokenCredential(token);
  const asking = new AlarmClock(clock);
  let isAsked = false;
  let isClosed = false;
  const watch = new LeaseWatch({
    clock,
    random: options.random ?? Math.random,
    renew: (lease) => renewSelf(lease, write),
    onRenewed: () => undefined,
    onEnding: (lease) => warn('ERR_PROVIDER_DENIED', endOf(lease, clock)),
    onFailure: ({ code, message }) =>
      warn(code, `the token could not be renewed, and is used as long as it lasts: ${message}`),
  });

  const follow = async (): Promise<void> => {
    const answer = await lookUp(credential).catch(() => undefined);
    if (isClosed) return;
    if (answer?.statusCode !== 200 || answer.body === undefined) {
      // A token that may not look at itself is one of which no more can be known. Any other answer is none: after a later
      // read it is asked again.
      isAsked = answer?.statusCode === 403 && answer.body !== undefined;
      return;
    }
    const data = member(answer.body, 'data');
    const uses = member(data, 'num_uses');
    if (typeof uses === 'number' && uses > 0) {
      const { code, message } = limitedUses(uses);
      warn(code, message);
    }
    const seconds = member(data, 'ttl');
    if (typeof seconds !== 'number' || seconds <= 0) return;
    const isRenewable = member(data, 'renewable') === true;
    watch.start(leaseOf({ token, durationMs: seconds * 1_000, isRenewable, isBatch: false }, clock));
  };

  return {
    current: async () => credential,
    replace: async () => undefined,
    accepted() {
      if (isAsked || isClosed) return;
      isAsked = true;
      asking.set(askAfterMs, () => void follow());
    },
    async close() {
      isClosed = true;
      asking.cancel();
      watch.stop();
    },
  };
}

function endOf(lease: Lease, clock: Clock): string {
  const at = new Date(clock.now() + Math.max(0, remainingMs(lease, clock))).toISOString();
  return `the token ends at ${at} and cannot be renewed any further: reads fail from then on; give another one, or a log-in (vault.auth)`;
}
