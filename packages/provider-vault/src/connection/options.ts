import { invalidOption } from '@pinvault/core';
import {
  booleanOf,
  countOf,
  durationMsOf,
  type Environment,
  misconfigured,
  readVariable,
  type Variable,
} from '../environment.js';
import type { VaultNode } from './address.js';
import { type CaOptions, readCa } from './ca.js';
import { type ClientCertificateOptions, readClientCertificate } from './client-certificate.js';
import { readEndpointPins } from './endpoint-pins.js';
import { type NodeOptions, readNodes, readRedirects } from './nodes.js';
import { refuseInsecure } from './insecure.js';
import { parseProxy, type VaultProxy } from './proxy.js';
import { parseRate, type Rate } from './rate-limit.js';
import { SecureContexts } from './secure-context.js';

/** How the vault is reached. What is not given comes from `VAULT_*` (or `BAO_*`, which goes first). */
export interface ConnectionOptions extends NodeOptions, CaOptions, ClientCertificateOptions {
  /** The name that the vault's certificate carries. @defaultValue `VAULT_TLS_SERVER_NAME`, else the address's host */
  readonly servername?: string | undefined;
  /**
   * **Security:** pins of the vault's own certificate, as in a row of the document: the road to the pins is then no
   * weaker than the pins. Every node, every redirect and what a proxy leads to is judged by them.
   */
  readonly pins?: string | readonly string[] | undefined;
  /** An HTTP proxy, `http://[user:password@]host:port`. @defaultValue `VAULT_PROXY_ADDR`, else `VAULT_HTTP_PROXY` */
  readonly proxy?: string | undefined;
  /** One request takes no longer, retries included, in milliseconds; the resolver's `readTimeoutMs` ends a read earlier. @defaultValue `VAULT_CLIENT_TIMEOUT`, else 10 000 */
  readonly timeoutMs?: number | undefined;
  /** How often a request is repeated after 412, 429, 5xx but 501, or a failed connection. @defaultValue `VAULT_MAX_RETRIES`, else 2 */
  readonly maxRetries?: number | undefined;
  /** Requests in a second, `rate[:burst]`, such as `5:10`. @defaultValue `VAULT_RATE_LIMIT`, else without a limit */
  readonly rateLimit?: string | undefined;
  /** **Security:** allows plain http, or `VAULT_SKIP_VERIFY`, towards a vault outside loopback. @defaultValue `false` */
  readonly allowInsecureStore?: boolean | undefined;
}

/** The options, checked and with their defaults. */
export interface ConnectionSettings {
  /** The first node: requests are put together for it, and go to any. */
  readonly address: URL;
  readonly nodes: readonly VaultNode[];
  readonly srvLookup: boolean;
  readonly followRedirects: boolean;
  /** Where a redirect may lead beside the nodes. */
  readonly redirectNodes: readonly VaultNode[];
  readonly secureContexts: SecureContexts;
  readonly servername: string | undefined;
  readonly pins: readonly string[] | undefined;
  readonly proxy: VaultProxy | undefined;
  readonly skipVerify: boolean;
  readonly timeoutMs: number;
  readonly maxRetries: number;
  readonly rateLimit: Rate | undefined;
}

/** The names of {@link ConnectionOptions}. */
export const connectionOptions: Record<keyof ConnectionOptions, true> = {
  address: true,
  addresses: true,
  redirectAddresses: true,
  followRedirects: true,
  srvLookup: true,
  ca: true,
  caFile: true,
  caPath: true,
  cert: true,
  key: true,
  certFile: true,
  keyFile: true,
  servername: true,
  pins: true,
  proxy: true,
  timeoutMs: true,
  maxRetries: true,
  rateLimit: true,
  allowInsecureStore: true,
};

// A longer timer fires at once.
const maxTimeoutMs = 2 ** 31 - 1;
const mostRetries = 10;

/** @throws TypeError (`ERR_INVALID_OPTION`) for an option, PinProviderError (`ERR_PROVIDER_MISCONFIGURED`) for a variable */
export function readConnection(options: ConnectionOptions, env: Environment): ConnectionSettings {
  refuseUnsupported(env);
  const nodes = readNodes(options, env);
  const redirectNodes = readRedirects(options, nodes);
  const proxy = readProxy(options.proxy, nodes, env);
  const skipVerify = readFlag('SKIP_VERIFY', env);
  const srvLookup = readBoolean('srvLookup', options.srvLookup) ?? readFlag('SRV_LOOKUP', env) !== undefined;
  refuseInsecure([...nodes, ...redirectNodes], {
    proxy,
    skipVerify,
    srvLookup,
    isAllowed: options.allowInsecureStore === true,
  });
  return {
    address: firstOf(nodes).url,
    nodes,
    srvLookup,
    followRedirects:
      readBoolean('followRedirects', options.followRedirects) ??
      readFlag('DISABLE_REDIRECTS', env) === undefined,
    redirectNodes,
    secureContexts: new SecureContexts(readCa(options, env), readClientCertificate(options, env)),
    servername: readWord('servername', options.servername, readVariable(env, 'TLS_SERVER_NAME')),
    pins: readEndpointPins(options.pins, nodes, skipVerify),
    proxy,
    skipVerify: skipVerify !== undefined,
    timeoutMs: readTimeout(options, env),
    maxRetries: readRetries(options, env),
    rateLimit: readRateLimit(options, env),
  };
}

function firstOf(nodes: readonly VaultNode[]): VaultNode {
  const [first] = nodes;
  if (first === undefined) throw new TypeError('a vault without a node');
  return first;
}

/** What says how a command shows its result, is good for one request, or would be left out without a word. */
function refuseUnsupported(env: Environment): void {
  const headers = readVariable(env, 'HEADERS');
  if (headers !== undefined)
    throw misconfigured(`${headers.name} asks for headers of its own, which no read here sends: unset it`);
  const wrap = readVariable(env, 'WRAP_TTL');
  if (wrap !== undefined)
    throw misconfigured(
      `${wrap.name} would wrap what is read, and a service needs the secret itself: unset it`,
    );
  const mfa = readVariable(env, 'MFA');
  if (mfa !== undefined)
    throw misconfigured(
      `${mfa.name} holds a code for one request, and a service reads again and again: unset it`,
    );
}

/** The variable that says true; `undefined` where it says false or nothing. @throws PinProviderError */
function readFlag(name: string, env: Environment): Variable | undefined {
  const variable = readVariable(env, name);
  return variable !== undefined && booleanOf(variable) ? variable : undefined;
}

function readBoolean(option: keyof ConnectionOptions, value: unknown): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  throw invalidOption(`vault.${option}`, 'is neither true nor false');
}

function readProxy(
  option: string | undefined,
  nodes: readonly VaultNode[],
  env: Environment,
): VaultProxy | undefined {
  const variable = readVariable(env, 'PROXY_ADDR') ?? readVariable(env, 'HTTP_PROXY');
  const text = option ?? variable?.value;
  if (text === undefined) return undefined;
  const proxy = parseProxy(text);
  const isUnix = nodes.some(({ socketPath }) => socketPath !== undefined);
  const problem =
    'problem' in proxy ? proxy.problem : isUnix ? 'and a unix socket exclude each other' : undefined;
  if (problem === undefined && !('problem' in proxy)) return proxy;
  if (option !== undefined) throw invalidOption('vault.proxy', `${problem}`);
  throw misconfigured(`${variable?.name} ${problem}`);
}

function readTimeout({ timeoutMs }: ConnectionOptions, env: Environment): number {
  if (timeoutMs !== undefined) {
    if (typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= maxTimeoutMs) return timeoutMs;
    throw invalidOption('vault.timeoutMs', 'is no number of milliseconds above zero');
  }
  const variable = readVariable(env, 'CLIENT_TIMEOUT');
  return variable === undefined ? 10_000 : Math.min(durationMsOf(variable), maxTimeoutMs);
}

function readRetries({ maxRetries }: ConnectionOptions, env: Environment): number {
  if (maxRetries !== undefined) {
    if (Number.isInteger(maxRetries) && maxRetries >= 0 && maxRetries <= mostRetries) return maxRetries;
    throw invalidOption('vault.maxRetries', `is no whole number from 0 to ${mostRetries}`);
  }
  const variable = readVariable(env, 'MAX_RETRIES');
  return variable === undefined ? 2 : Math.min(countOf(variable), mostRetries);
}

function readRateLimit({ rateLimit }: ConnectionOptions, env: Environment): Rate | undefined {
  const variable = readVariable(env, 'RATE_LIMIT');
  const text = rateLimit ?? variable?.value;
  if (text === undefined) return undefined;
  const rate = typeof text === 'string' ? parseRate(text) : undefined;
  if (rate !== undefined) return rate;
  const problem = 'is no rate above zero, as rate[:burst], such as 5:10';
  if (rateLimit !== undefined) throw invalidOption('vault.rateLimit', problem);
  throw misconfigured(`${variable?.name} ${problem}`);
}

/** A name that goes over the wire as it is. @throws TypeError, PinProviderError */
export function readWord(
  option: string,
  value: string | undefined,
  variable: Variable | undefined,
): string | undefined {
  const word = value ?? variable?.value;
  if (word === undefined || (typeof word === 'string' && /^[\x21-\x7e]+$/u.test(word))) return word;
  const problem = 'is empty or holds characters that it cannot have';
  if (value === undefined) throw misconfigured(`${variable?.name} ${problem}`);
  throw invalidOption(`vault.${option}`, problem);
}
