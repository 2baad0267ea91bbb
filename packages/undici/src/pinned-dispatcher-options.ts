import { invalidOption, isPinSource, type PinSource } from '@pinvault/core';
import type { Agent, buildConnector } from 'undici';

/** Options of a {@link PinnedDispatcher}: those of undici's `Agent` and `Pool`, the way through a proxy, the drain. */
export interface PinnedDispatcherOptions extends Omit<Agent.Options, 'connect' | 'factory' | 'interceptors'> {
  /**
   * TLS and socket options of every connection to a target, through a proxy or not: `ca`, `cert`, `key`, `lookup`,
   * `servername`… **Security:** what would switch a check off or replace it is refused, a function of your own too.
   */
  connect?: buildConnector.BuildOptions;
  /**
   * How long a connection that no longer matches may go on with the responses it is in, in milliseconds. A revoked key
   * gets no such time.
   * @defaultValue 30 000
   */
  drainTimeoutMs?: number;
  /**
   * TLS sessions kept in all, each bound to the certificates under which it was earned: one is offered only while the
   * pins in force accept those. 0 switches resumption off.
   * @defaultValue 100
   */
  maxCachedSessions?: number;
  /**
   * The proxy's URL (`http:` or `https:`, user and password in it), or `'env'` for `HTTP_PROXY`, `HTTPS_PROXY` and
   * `NO_PROXY`. The target is pinned all the same, whether its road leads through the proxy or not.
   * @defaultValue none
   */
  proxy?: string | URL;
  /** The value of `proxy-authorization`, instead of user and password in the proxy's URL. */
  proxyToken?: string;
  /** TLS options of the connection to an `https:` proxy; what would switch a check off is refused. */
  proxyTls?: buildConnector.BuildOptions;
  /**
   * Pins of the `https:` proxy itself: each tunnel is dug over a connection that was judged for it, and ends as any
   * connection does when they accept the proxy no more.
   * @defaultValue none: the proxy's certificate is verified as usual
   */
  proxyPins?: PinSource;
}

/** The options of undici's own dispatchers, without what concerns a connection. */
export type PoolOptions = Omit<Agent.Options, 'connect' | 'factory' | 'interceptors'>;

/** The proxies in use. */
export interface ProxySettings {
  readonly isEnvironment: boolean;
  /** For `http:` targets; the same as the other one, unless the environment says otherwise. */
  readonly http: URL | undefined;
  readonly https: URL | undefined;
  readonly token: string | undefined;
  readonly tls: buildConnector.BuildOptions;
  readonly pins: PinSource | undefined;
}

/** What a dispatcher is made of. */
export interface DispatcherSettings {
  readonly pool: PoolOptions;
  readonly tls: buildConnector.BuildOptions;
  readonly servername: string | undefined;
  readonly drainTimeoutMs: number;
  readonly maxCachedSessions: number;
  readonly proxy: ProxySettings | undefined;
}

/**
 * Refuses what would open a hole.
 *
 * @throws TypeError (`ERR_INVALID_OPTION`)
 */
export function readDispatcherOptions(options: PinnedDispatcherOptions): DispatcherSettings {
  const {
    connect,
    drainTimeoutMs = 30_000,
    maxCachedSessions = 100,
    proxy,
    proxyToken,
    proxyTls,
    proxyPins,
    ...rest
  } = options;
  if (typeof drainTimeoutMs !== 'number' || !(drainTimeoutMs >= 0) || drainTimeoutMs > 2 ** 31 - 1)
    throw invalidOption('drainTimeoutMs', 'is no number of milliseconds');
  if (!Number.isSafeInteger(maxCachedSessions) || maxCachedSessions < 0)
    throw invalidOption('maxCachedSessions', 'is no whole number from 0');
  refuseForeign(rest);
  const target = readTls('connect', connect);
  const { autoSelectFamily, autoSelectFamilyAttemptTimeout, connectTimeout, socketPath, ...pool } = rest;
  const { servername } = target as { servername?: unknown };
  return {
    // undici hands these on to its own connector only.
    tls: withoutUndefined({
      autoSelectFamily,
      autoSelectFamilyAttemptTimeout,
      timeout: connectTimeout,
      socketPath,
      ...target,
    }),
    servername: typeof servername === 'string' && servername !== '' ? servername : undefined,
    pool,
    drainTimeoutMs,
    maxCachedSessions,
    proxy: readProxy({ proxy, proxyToken, proxyTls, proxyPins }),
  };
}

/** Whoever gets to make connections, or clients, makes them without pins. */
function refuseForeign(options: object): void {
  const { factory, clientFactory, interceptors, tls, requestTls } = options as Record<string, unknown>;
  if (factory !== undefined || clientFactory !== undefined)
    throw invalidOption('factory', 'would make clients whose connections nobody judges');
  if (interceptors !== undefined)
    throw invalidOption('interceptors', 'is refused: use compose(), around the pinned dispatcher');
  if (tls !== undefined || requestTls !== undefined)
    throw invalidOption(
      tls === undefined ? 'requestTls' : 'tls',
      'is refused: TLS options stand under "connect"',
    );
  refuseUnsafe('', options);
}

function readTls(name: string, options: unknown): buildConnector.BuildOptions {
  if (options === undefined) return {};
  if (typeof options === 'function')
    throw invalidOption(name, 'is a function: the connections that it opens would be judged by nobody');
  if (typeof options !== 'object' || options === null) throw invalidOption(name, 'is no object');
  refuseUnsafe(`${name}.`, options);
  return options;
}

function refuseUnsafe(prefix: string, options: object): void {
  const { rejectUnauthorized, checkServerIdentity, session, pskCallback } = options as Record<
    string,
    unknown
  >;
  // Only an explicit false: some callers always pass `undefined`, which means the safe default here.
  if (rejectUnauthorized === false)
    throw invalidOption(`${prefix}rejectUnauthorized`, 'is false: with that, no check can refuse');
  if (checkServerIdentity !== undefined)
    throw invalidOption(`${prefix}checkServerIdentity`, 'would replace the check of the pins');
  if (session !== undefined)
    throw invalidOption(`${prefix}session`, 'would resume a TLS session, which Node does not check');
  if (pskCallback !== undefined)
    throw invalidOption(
      `${prefix}pskCallback`,
      'would agree on a key without a certificate, and so without a pin',
    );
}

function readProxy({
  proxy,
  proxyToken,
  proxyTls,
  proxyPins,
}: Pick<
  { [Name in keyof PinnedDispatcherOptions]?: PinnedDispatcherOptions[Name] | undefined },
  'proxy' | 'proxyToken' | 'proxyTls' | 'proxyPins'
>): ProxySettings | undefined {
  const tls = readTls('proxyTls', proxyTls);
  if (proxyPins !== undefined && !isPinSource(proxyPins)) throw invalidOption('proxyPins', 'is no resolver');
  if (proxy === undefined) {
    for (const [name, value] of Object.entries({ proxyToken, proxyTls, proxyPins }))
      if (value !== undefined) throw invalidOption(name, 'is for a proxy, and "proxy" names none');
    return undefined;
  }
  const isEnvironment = proxy === 'env';
  const { env } = process;
  // In the order in which undici reads them.
  const http = isEnvironment
    ? readProxyUrl('HTTP_PROXY', env['http_proxy'] ?? env['HTTP_PROXY'])
    : readProxyUrl('proxy', proxy);
  const https = isEnvironment ? readProxyUrl('HTTPS_PROXY', env['https_proxy'] ?? env['HTTPS_PROXY']) : http;
  if (proxyPins !== undefined && [http, https].some((url) => url?.protocol === 'http:'))
    throw invalidOption('proxyPins', 'pin nothing: the proxy is spoken to without TLS');
  return { isEnvironment, http, https, token: proxyToken, tls, pins: proxyPins };
}

/** Its text may hold a password, and is in no message. */
function readProxyUrl(name: string, value: string | URL | undefined): URL | undefined {
  if (value === undefined || value === '') return undefined;
  const text = String(value);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw invalidOption(
      name,
      'is no http: or https: URL: through another kind of proxy the target would not be pinned',
    );
  return url;
}

function withoutUndefined(options: object): buildConnector.BuildOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
