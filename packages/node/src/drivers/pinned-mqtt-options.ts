import { isIP } from 'node:net';
import { invalidOption } from '@pinvault/core';
import { refuseUnsafe } from '../pinned-agent-options.js';
import type { TlsOptionsSource } from './tls-options-source.js';

/** The part of mqtt's options that concerns TLS. */
export interface MqttOptions {
  readonly ca?: unknown;
  readonly cert?: unknown;
  readonly key?: unknown;
  readonly wsOptions?: object | undefined;
}

/** With each of them mqtt dials something else than the URL says, or by something else than Node's TLS. */
const inThePinsPlace = [
  'protocol',
  'servers',
  'unixSocket',
  'forceNativeWebSocket',
  'createWebsocket',
  'transformWsUrl',
] as const;

const defaultPorts: Readonly<Record<string, number>> = { 'mqtts:': 8883, 'wss:': 443 };

/**
 * Options for `mqtt.connect(url, …)` that pin the connection, with the TLS options where mqtt looks for them: at the top
 * for `mqtts:`, in `wsOptions` for `wss:`, where those at the top are ignored in silence.
 *
 * @throws TypeError (`ERR_INVALID_OPTION`) for a URL without TLS, and for options that would take the pins' place
 *
 * @example
 * mqtt.connect('wss://broker.example.com/mqtt', pinnedMqttOptions(pins, 'wss://broker.example.com/mqtt'));
 */
export function pinnedMqttOptions<Options extends MqttOptions>(
  pins: TlsOptionsSource,
  url: string | URL,
  options: Options = {} as Options,
): Options {
  const { protocol, hostname, port } = new URL(url);
  const defaultPort = defaultPorts[protocol];
  if (defaultPort === undefined)
    throw invalidOption('url', 'is neither mqtts: nor wss:, and has no pins to check');
  for (const place of [options, options.wsOptions ?? {}]) {
    refuseUnsafe(place);
    if ((place as { agent?: unknown }).agent !== undefined)
      throw invalidOption('agent', 'would dial in place of the pinned connection');
  }
  for (const name of inThePinsPlace) {
    if ((options as Record<string, unknown>)[name] !== undefined)
      throw invalidOption(name, 'would dial another way than the URL says, where no pins are checked');
  }
  const ws: { readonly followRedirects?: unknown; readonly createConnection?: unknown } =
    options.wsOptions ?? {};
  if (ws.createConnection !== undefined)
    throw invalidOption('createConnection', 'would dial in place of the pinned connection');
  if (ws.followRedirects === true)
    throw invalidOption('followRedirects', 'would follow to a host that has other pins, or none');
  const host = hostname.replace(/^\[(.*)\]$/u, '$1');
  const { ca, cert, key } = options;
  const tls = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(isIP(host) === 0 && { servername: host }),
    ...pins.tlsOptions({ host, port: port === '' ? defaultPort : Number(port) }),
  };
  // mqtt takes it rather than that of the URL: another one, passed by mistake, cannot take TLS away.
  const pinned = { ...options, protocol: protocol.slice(0, -1) };
  return protocol === 'mqtts:'
    ? { ...pinned, ...tls }
    : { ...pinned, wsOptions: { ...options.wsOptions, ...tls } };
}
