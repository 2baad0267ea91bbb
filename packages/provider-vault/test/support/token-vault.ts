import type { IncomingMessage, ServerResponse } from 'node:http';
import { type DevVault, startDevVault, type VirtualClock } from '@pinvault/testing';

interface Kept {
  readonly createdAt: number;
  endsAt: number;
}

/** How the tokens of {@link startTokenVault} live. */
export interface TokenRules {
  /** In seconds, as all of them. */
  ttl: number;
  maxTtl: number;
  renewable: boolean;
  type: 'service' | 'batch';
  numUses: number;
}

/**
 * The development vault with tokens that live by an injected clock: log-in (AppRole), renewal, look-up and revocation, as
 * Vault answers them. A stand-in: no real vault lets its clock be set.
 */
export interface TokenVault {
  readonly vault: DevVault;
  readonly rules: TokenRules;
  readonly logIns: number;
  readonly renewals: number;
  readonly revoked: readonly string[];
  /** Log-ins and renewals are answered with this status, and a `Retry-After` in seconds; `undefined`: as usual. */
  failWith(status: number | undefined, retryAfter?: number): void;
  /** Paths that begin like this are denied to every token. */
  deny(path: string): void;
  /** Everything is answered with 503. */
  goDown(isDown: boolean): void;
  /** Log-ins and revocations hang until the returned function is called. */
  hold(): () => void;
  revokeAll(): void;
  /** A token that was not logged in for. */
  issue(): string;
  /** Resolves when no request is under way. Rejects where a hot loop makes a thousand log-ins, or lets no time go by. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export async function startTokenVault(clock: VirtualClock): Promise<TokenVault> {
  const vault = await startDevVault({ token: 'dev-token' });
  vault.write('tls-pins', { 'api.example.com': 'none' });
  const rules: TokenRules = { ttl: 1_200, maxTtl: 3_600, renewable: true, type: 'service', numUses: 0 };
  const kept = new Map<string, Kept>();
  const counts = { logIns: 0, renewals: 0, issued: 0, underWay: 0 };
  const revoked: string[] = [];
  let status: number | undefined;
  let retryAfter: number | undefined;
  let denied: string | undefined;
  let isDown = false;
  let held: Promise<void> | undefined;
  let settledAt = NaN;
  let settledCount = 0;

  const issue = (): string => {
    counts.issued += 1;
    const token = `hvs.token-${String(counts.issued)}`;
    kept.set(token, { createdAt: clock.now(), endsAt: endOf(clock.now(), clock.now(), rules) });
    return token;
  };
  const secondsLeft = (token: string): number =>
    Math.floor(((kept.get(token)?.endsAt ?? clock.now()) - clock.now()) / 1_000);
  const authOf = (token: string): object => ({
    auth: {
      client_token: token,
      lease_duration: secondsLeft(token),
      renewable: rules.renewable,
      token_type: rules.type,
      num_uses: rules.numUses,
    },
  });

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<unknown> => {
    const reply = (code: number, body: object): void => {
      const headers = { 'Content-Type': 'application/json' };
      response
        .writeHead(code, retryAfter === undefined ? headers : { ...headers, 'Retry-After': retryAfter })
        .end(JSON.stringify(body));
    };
    if (isDown) return reply(503, { errors: ['Vault is sealed'] });
    const path = request.url ?? '';
    if (path === '/v1/auth/approle/login') {
      counts.logIns += 1;
      await held;
      return status === undefined ? reply(200, authOf(issue())) : reply(status, { errors: ['refused'] });
    }
    const token = String(request.headers['x-vault-token']);
    const found = kept.get(token);
    if (found === undefined || found.endsAt <= clock.now())
      return reply(403, { errors: ['permission denied'] });
    if (denied !== undefined && path.startsWith(`/v1${denied}`))
      return reply(403, { errors: ['permission denied'] });
    if (path === '/v1/auth/token/renew-self') {
      counts.renewals += 1;
      if (status !== undefined) return reply(status, { errors: ['refused'] });
      found.endsAt = endOf(found.createdAt, clock.now(), rules);
      return reply(200, authOf(token));
    }
    if (path === '/v1/auth/token/lookup-self') {
      const { renewable, type, numUses } = rules;
      return reply(200, { data: { ttl: secondsLeft(token), renewable, type, num_uses: numUses } });
    }
    if (path === '/v1/auth/token/revoke-self') {
      await held;
      revoked.push(token);
      kept.delete(token);
      return reply(204, {});
    }
    // The vault itself knows one token only.
    request.headers['x-vault-token'] = vault.token;
    return false;
  };
  vault.respondWith((request, response) => {
    counts.underWay += 1;
    response.once('close', () => (counts.underWay -= 1));
    return answer(request, response);
  });

  return {
    vault,
    rules,
    revoked,
    issue,
    get logIns() {
      return counts.logIns;
    },
    get renewals() {
      return counts.renewals;
    },
    failWith(code, seconds) {
      status = code;
      retryAfter = seconds;
    },
    deny: (path) => void (denied = path),
    goDown: (down) => void (isDown = down),
    hold() {
      let release = (): void => undefined;
      held = new Promise((resolve) => (release = resolve));
      return release;
    },
    revokeAll: () => kept.clear(),
    async settled() {
      // A test that would only run into its timeout would leave the loop behind, and the run would never end.
      settledCount = clock.monotonic() === settledAt ? settledCount + 1 : 0;
      settledAt = clock.monotonic();
      if (settledCount > 1_000 || counts.logIns + counts.renewals > 1_000) throw new Error('a hot loop');
      // A request that was just made takes a few turns to arrive.
      for (let quiet = 0; quiet < 25; quiet += 1) {
        await new Promise((resolve) => void setImmediate(resolve));
        if (counts.underWay > 0) quiet = 0;
      }
    },
    close: () => vault.close(),
  };
}

function endOf(createdAt: number, now: number, { ttl, maxTtl }: TokenRules): number {
  return Math.min(now + ttl * 1_000, createdAt + maxTtl * 1_000);
}
