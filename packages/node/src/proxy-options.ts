import type { ConnectionOptions } from 'node:tls';
import { invalidOption, type Target } from '@pinvault/core';
import { type PinnedAgentOptions, refuseUnsafe } from './pinned-agent-options.js';
import { assertSocketPins, type SocketPins } from './socket-pins.js';

/** Options of a {@link PinnedProxyAgent}: those of a `PinnedAgent`, which are about the target, and the proxy. */
export interface PinnedProxyAgentOptions extends PinnedAgentOptions {
  /**
   * `http://` or `https://`, with `user:password@` where the proxy wants it; or a function that names the proxy of a
   * target, and `undefined` where it is dialled without one (such as `getProxyForUrl` of proxy-from-env).
   */
  readonly proxy: string | URL | ((target: Target) => string | URL | undefined);
  /** TLS options towards an `https://` proxy. Those of the agent itself are for the target. */
  readonly proxyTls?: ConnectionOptions | undefined;
  /**
   * The pins of an `https://` proxy, mostly the same resolver again. Without them its certificate is verified as any
   * other.
   */
  readonly proxyPins?: SocketPins | undefined;
  /** How long dial and CONNECT to the proxy may take, in milliseconds. @defaultValue 10 000 */
  readonly tunnelTimeoutMs?: number | undefined;
}

/** The options, checked. */
export interface ProxySettings {
  readonly proxyOf: (target: Target) => URL | undefined;
  readonly proxyTls: ConnectionOptions;
  readonly proxyPins: SocketPins | undefined;
  readonly tunnelTimeoutMs: number;
}

/** @throws TypeError (`ERR_INVALID_OPTION`) */
export function readProxyOptions(options: PinnedProxyAgentOptions): {
  settings: ProxySettings;
  agentOptions: PinnedAgentOptions;
} {
  const { proxy, proxyTls = {}, proxyPins, tunnelTimeoutMs = 10_000, ...agentOptions } = options;
  refuseUnsafe(proxyTls);
  if ('proxyEnv' in agentOptions && agentOptions.proxyEnv !== undefined)
    throw invalidOption('proxyEnv', 'names a second proxy beside "proxy": drop one of them');
  if (proxyPins !== undefined) assertSocketPins(proxyPins);
  if (typeof tunnelTimeoutMs !== 'number' || !(tunnelTimeoutMs > 0) || tunnelTimeoutMs > 2 ** 31 - 1)
    throw invalidOption('tunnelTimeoutMs', 'is no number of milliseconds');
  const fixed = typeof proxy === 'function' ? undefined : readProxy(proxy, proxyPins);
  const proxyOf = (target: Target): URL | undefined => {
    if (typeof proxy !== 'function') return fixed;
    const named = proxy(target);
    return named === undefined || named === '' ? undefined : readProxy(named, proxyPins);
  };
  return { settings: { proxyOf, proxyTls, proxyPins, tunnelTimeoutMs }, agentOptions };
}

/** The URL may hold a password: it is in no error. */
function readProxy(proxy: string | URL, proxyPins: SocketPins | undefined): URL {
  if (typeof proxy !== 'string' && !(proxy instanceof URL))
    throw invalidOption('proxy', 'is neither a URL nor a function');
  const url = URL.canParse(String(proxy)) ? new URL(proxy) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw invalidOption('proxy', 'is no URL with http:// or https://');
  if (url.protocol === 'http:' && proxyPins !== undefined)
    throw invalidOption('proxyPins', 'are for a proxy with https://: there is no certificate on plain http');
  return url;
}
