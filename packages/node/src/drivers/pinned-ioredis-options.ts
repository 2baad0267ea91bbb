import { isIP } from 'node:net';
import { invalidOption } from '@pinvault/core';
import { refuseUnsafe } from '../pinned-agent-options.js';
import type { TlsOptionsSource } from './tls-options-source.js';

/** The part of ioredis' options that concerns TLS. */
export interface IoredisOptions {
  /** TLS options besides the pins: `ca`, `cert`, `key`. */
  readonly tls?: object | undefined;
}

/** What {@link pinnedIoredisOptions} adds. */
export interface PinnedIoredisPlace {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  readonly tls: object;
}

/**
 * With each of them ioredis dials something else than the URL says. Sentinels name the server that is dialled, and without
 * `enableTLSForSentinelMode` that is done in the clear, whatever `tls` says.
 */
const inThePinsPlace = ['host', 'port', 'path', 'sentinels', 'Connector'] as const;

/**
 * Options for `new Redis(…)` whose connections are pinned, of a URL from elsewhere.
 *
 * **Security:** what stands behind the `?` of a URL takes the place of ioredis' options: `?tls=` that of `tls`, and of the
 * pins with it, in silence. Such a URL is refused, and so is one without TLS. Covers new connections; `guardSocket` the rest.
 *
 * @throws TypeError (`ERR_INVALID_OPTION`) for what would leave the connection unpinned; the URL is in no text
 *
 * @example
 * const redis = new Redis(pinnedIoredisOptions(pins, process.env.REDIS_URL, { tls: { ca } }));
 */
export function pinnedIoredisOptions<Options extends IoredisOptions>(
  pins: TlsOptionsSource,
  url: string | URL,
  options: Options = {} as Options,
): Omit<Options, 'tls'> & PinnedIoredisPlace {
  if (!URL.canParse(String(url))) throw invalidOption('url', 'is no URL');
  const { protocol, hostname, port: told, username, password, pathname, search } = new URL(url);
  if (protocol !== 'rediss:') throw invalidOption('url', 'is not rediss:, and has no pins to check');
  const host = hostname.replace(/^\[(.*)\]$/u, '$1');
  if (host === '')
    throw invalidOption('url', 'names no host: the pins of a connection are those of its host');
  if (search !== '')
    throw invalidOption('url', 'has parameters, which ioredis takes for options: pass them as options');
  for (const name of inThePinsPlace) {
    if ((options as Record<string, unknown>)[name] !== undefined)
      throw invalidOption(name, 'would dial another way than the URL says');
  }
  if (options.tls !== undefined && (typeof options.tls !== 'object' || options.tls === null))
    throw invalidOption('tls', 'is no object of TLS options');
  refuseUnsafe(options.tls ?? {});
  const port = told === '' ? 6379 : Number(told);
  const db = pathname.slice(1);
  if (!/^\d{0,9}$/u.test(db)) throw invalidOption('url', 'has a path that is no number of a database');
  return {
    ...options,
    host,
    port,
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    ...(db !== '' && { db: Number(db) }),
    // Last of all, and the place named once more: what stands in `tls` wins over what stands beside it.
    tls: {
      ...options.tls,
      host,
      port,
      ...(isIP(host) === 0 && { servername: host }),
      ...pins.tlsOptions({ host, port }),
    },
  };
}
