import { isIP } from 'node:net';
import { invalidOption, type PinnedTlsOptions } from '@pinvault/core';
import { refuseUnsafe } from '../pinned-agent-options.js';
import type { TlsOptionsSource } from './tls-options-source.js';

/** The part of pg's configuration that concerns the connection. */
export interface PgConfig {
  readonly connectionString?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** TLS options besides the pins: `ca`, `cert`, `key`. */
  readonly ssl?: object | undefined;
}

/** Every one of them makes pg build a TLS configuration of its own, in place of `ssl`. */
const tlsParameters = [
  'ssl',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslnegotiation',
  'uselibpqcompat',
];

/**
 * A configuration for `new pg.Client(…)` and `new pg.Pool(…)` whose connections are pinned.
 *
 * **Security:** a TLS parameter in the connection string (`?sslmode=require`, even `verify-full`) would make pg drop `ssl`,
 * and the pins with it, in silence: it is refused. So are a host that is a Unix socket's folder, which has no TLS, and
 * `NODE_PG_FORCE_NATIVE`, under which pg hands TLS to libpq. Covers new connections; `guardSocket` those that a pool keeps.
 *
 * @throws TypeError (`ERR_INVALID_OPTION`) for what would leave a connection unpinned, and where no host is named
 *
 * @example
 * const pool = new pg.Pool(pinnedPgConfig(pins, { connectionString: process.env.DATABASE_URL }));
 */
export function pinnedPgConfig<Config extends PgConfig>(
  pins: TlsOptionsSource,
  config: Config,
): Omit<Config, 'ssl'> & { ssl: PinnedTlsOptions & { servername?: string } } {
  if (process.env['NODE_PG_FORCE_NATIVE'] !== undefined)
    throw invalidOption('NODE_PG_FORCE_NATIVE', 'makes pg use libpq, which checks no pins: unset it');
  const { host, port } = placeOf(config);
  if (config.ssl !== undefined) refuseUnsafe(config.ssl);
  return {
    ...config,
    ssl: { ...config.ssl, ...(isIP(host) === 0 && { servername: host }), ...pins.tlsOptions({ host, port }) },
  };
}

function placeOf(config: PgConfig): { readonly host: string; readonly port: number } {
  const { connectionString } = config;
  // What the string says wins, as in pg.
  const told = connectionString === undefined ? {} : fromConnectionString(connectionString);
  const host = told.host ?? config.host;
  if (host === undefined || host === '')
    throw invalidOption('host', 'is not named: the pins of a connection are those of its host');
  if (host.startsWith('/')) throw invalidOption('host', 'is a Unix socket, which has no TLS');
  const port = told.port ?? config.port ?? Number(process.env['PGPORT'] || 5432);
  return { host, port };
}

function fromConnectionString(text: string): { host?: string; port?: number } {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    // The text holds a password: it is in no error.
    throw invalidOption('connectionString', 'is no URL');
  }
  for (const name of tlsParameters) {
    if (url.searchParams.has(name))
      throw invalidOption(
        'connectionString',
        `has the parameter ${name}, for which pg drops the pins: remove it`,
      );
  }
  for (const name of ['host', 'port']) {
    if (url.searchParams.has(name))
      throw invalidOption('connectionString', `has the parameter ${name}: write it before the path`);
  }
  const host = url.hostname.replace(/^\[(.*)\]$/u, '$1');
  return {
    ...(host !== '' && { host: decodeURIComponent(host) }),
    ...(url.port !== '' && { port: Number(url.port) }),
  };
}
