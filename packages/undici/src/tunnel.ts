import type { Socket } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { type Evidence, evidenceOf, type PinSource, type Target } from '@pinvault/core';
import type { buildConnector } from 'undici';
import type { ConnectRequest } from './handshake.js';
import { hostOf } from './origin.js';
import type { ProxySettings } from './pinned-dispatcher-options.js';

/** Leads to a target through a proxy: gives the bytes' way to it, without TLS. */
export type Tunnel = buildConnector.connector;

/** undici's own way through a proxy, up to where TLS would begin: that is ours. */
export function dig(
  tunnel: Tunnel,
  request: ConnectRequest,
  port: number,
  onStream: (...result: [null, Socket] | [Error, null]) => void,
): void {
  let isOver = false;
  const name = request.hostname.includes(':') ? `[${request.hostname}]` : request.hostname;
  tunnel(
    { ...request, protocol: 'http:', host: `${name}:${port}`, port: String(port) },
    (...result: [null, Socket] | [Error, null]) => {
      // What is thrown in here would come back as a second result.
      if (isOver) return;
      isOver = true;
      onStream(...result);
    },
  );
}

/** A proxy with pins of its own. */
export interface PinnedProxy {
  readonly pins: PinSource;
  /** What its connections are judged for. */
  readonly target: Target;
}

/** What the connections to a proxy are judged for: the name that Node checks there. */
export function proxyTarget({ hostname, port }: URL, tls: ConnectionOptions): Target {
  return { host: tls.servername || hostOf(hostname), port: Number(port || 443) };
}

/** The proxy of `https:` targets, where it has pins of its own. */
export function pinnedProxyOf(settings: ProxySettings | undefined): PinnedProxy | undefined {
  const url = settings?.https ?? settings?.http;
  if (settings?.pins === undefined || url === undefined) return undefined;
  return { pins: settings.pins, target: proxyTarget(url, settings.tls) };
}

/**
 * What the proxy has shown to whom has dug a tunnel through it: its pins were asked in its handshake, and are once more,
 * since the tunnel is there. @throws PinError
 */
export function proxyEvidenceOf({ pins, target }: PinnedProxy, tunnel: Socket): Evidence {
  return evidenceOf(pins.verify(target, (tunnel as TLSSocket).getPeerCertificate(true)), target.host);
}
