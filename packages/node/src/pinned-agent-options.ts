import type { AgentOptions } from 'node:https';
import { checkServerIdentity as nodeCheck } from 'node:tls';
import { invalidOption } from '@pinvault/core';

/** Options of a {@link PinnedAgent}: Node's own for `https.Agent`, and what becomes of connections and sessions. */
export interface PinnedAgentOptions extends AgentOptions {
  /**
   * How long a connection that no longer matches may go on with the response it is in, in milliseconds. A revoked key
   * gets no such time.
   * @defaultValue 30 000
   */
  drainTimeoutMs?: number;
  /**
   * TLS sessions that the agent keeps, so that a further connection costs a fraction of a handshake. Each is bound to
   * the certificates under which it was earned, and offered only while the pins in force accept those.
   *
   * **Security:** Node's own cache, of which no check is asked, stays off. 0 makes every handshake a full one.
   * @defaultValue 100
   */
  maxCachedSessions?: number;
}

/**
 * Refuses what would open a hole, and makes the rest safe.
 *
 * @throws TypeError (`ERR_INVALID_OPTION`)
 */
export function safeAgentOptions(options: PinnedAgentOptions): {
  agentOptions: AgentOptions;
  drainTimeoutMs: number;
  maxSessions: number;
} {
  const { drainTimeoutMs = 30_000, maxCachedSessions: maxSessions = 100, ...agentOptions } = options;
  refuseUnsafe(agentOptions);
  refuseUnknownProxy(agentOptions);
  if (!Number.isSafeInteger(maxSessions) || maxSessions < 0) {
    throw invalidOption('maxCachedSessions', 'is no whole number from 0');
  }
  if (typeof drainTimeoutMs !== 'number' || !(drainTimeoutMs >= 0) || drainTimeoutMs > 2 ** 31 - 1) {
    throw invalidOption('drainTimeoutMs', 'is no number of milliseconds');
  }
  const { servername, ...rest } = agentOptions;
  return {
    agentOptions: {
      keepAlive: true,
      ...rest,
      // Node lets the agent's options win over a request's: an undefined one would give the Host header the choice.
      ...(typeof servername === 'string' ? { servername } : {}),
      rejectUnauthorized: true,
      // Node's own cache asks nobody.
      maxCachedSessions: 0,
    },
    drainTimeoutMs,
    maxSessions,
  };
}

/** What neither an agent nor a single request may carry. @throws TypeError (`ERR_INVALID_OPTION`) */
export function refuseUnsafe(options: object): void {
  const { rejectUnauthorized, checkServerIdentity, session, pskCallback } = options as Record<
    string,
    unknown
  >;
  // Only an explicit false: some clients always pass `undefined`, which Node takes for the safe default.
  if (rejectUnauthorized === false)
    throw invalidOption('rejectUnauthorized', 'is false: with that, no check can refuse');
  // got passes Node's own check with each request; ours, which asks that one first, takes its place.
  if (checkServerIdentity !== undefined && checkServerIdentity !== nodeCheck)
    throw invalidOption('checkServerIdentity', 'would replace the check of the pins');
  if (session !== undefined)
    throw invalidOption('session', 'would resume a TLS session, which Node does not check');
  if (pskCallback !== undefined)
    throw invalidOption('pskCallback', 'would agree on a key without a certificate, and so without a pin');
}

/** A proxy that this Node has never heard of would be left out without a word. @throws TypeError (`ERR_INVALID_OPTION`) */
function refuseUnknownProxy(options: object): void {
  if (!('proxyEnv' in options) || options.proxyEnv === undefined) return;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21)) return;
  throw invalidOption(
    'proxyEnv',
    `means nothing to Node ${process.versions.node}, which would dial the target itself: use PinnedProxyAgent`,
  );
}
