import { errorOf, evidenceOf, type NodeCertificate, type PinSource } from '@pinvault/core';
import {
  Agent,
  buildConnector,
  type Client,
  type Dispatcher,
  EnvHttpProxyAgent,
  Pool,
  ProxyAgent,
} from 'undici';
import { type ClientContext, PinnedClient } from './pinned-client.js';
import type { DispatcherSettings, ProxySettings } from './pinned-dispatcher-options.js';
import { proxyTarget } from './tunnel.js';

/**
 * undici's own dispatchers, with pinned clients in their pools: one per connection, whichever of undici's ways leads to
 * the pool.
 */
export function createTransport({ pool, proxy }: DispatcherSettings, context: ClientContext): Dispatcher {
  // What stands for "no tunnel": undici passes on what it was given, or its own way through the proxy.
  const direct = buildConnector({});
  const factory = (origin: string | URL, options: object): Dispatcher =>
    new Pool(origin, {
      ...(options as Pool.Options),
      factory: (url: URL, clientOptions: object) => {
        const { connect, ...rest } = clientOptions as Client.Options & { connect: buildConnector.connector };
        return new PinnedClient(url, rest, connect === direct ? undefined : connect, context);
      },
    });
  const options = { ...pool, factory, connect: direct };
  if (proxy === undefined) return new Agent(options);
  const throughProxy = { ...options, ...proxyOptions(proxy) };
  const { http, https, isEnvironment } = proxy;
  if (!isEnvironment) return new ProxyAgent({ ...throughProxy, uri: String(https) });
  // An empty text: the variable is not set, and undici is not to look once more.
  return new EnvHttpProxyAgent({
    ...throughProxy,
    httpProxy: http === undefined ? '' : String(http),
    httpsProxy: https === undefined ? '' : String(https),
  });
}

function proxyOptions({ token, tls, pins, http, https }: ProxySettings): Omit<ProxyAgent.Options, 'uri'> {
  const proxyTls = {
    ...tls,
    rejectUnauthorized: true,
    maxCachedSessions: 0,
    // A tunnel is a connection, and no stream among others.
    allowH2: false,
    ...(pins !== undefined && { checkServerIdentity: proxyCheck(pins, tls, [http, https]) }),
  } as buildConnector.BuildOptions;
  return {
    // Plain http, where a row says none, goes through a tunnel too: the pool is always that of the target.
    proxyTunnel: true,
    proxyTls,
    // Never used, for TLS begins with us: a refusal, should undici think otherwise.
    requestTls: { rejectUnauthorized: true, checkServerIdentity: () => new Error('not pinned') },
    ...(token !== undefined && { token }),
  };
}

function proxyCheck(
  pins: PinSource,
  tls: buildConnector.BuildOptions,
  proxies: readonly (URL | undefined)[],
): (host: string, certificate: NodeCertificate) => Error | undefined {
  const ports = new Map<string, number | undefined>();
  for (const url of proxies) {
    if (url === undefined) continue;
    const { host, port } = proxyTarget(url, tls);
    ports.set(host, port);
  }
  return (host, certificate) => {
    try {
      evidenceOf(pins.verify({ host, port: ports.get(host) }, certificate), host);
      return undefined;
    } catch (error) {
      return errorOf(error, host);
    }
  };
}
