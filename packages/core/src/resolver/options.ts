import { invalidOption } from '../errors.js';
import { type Clock, systemClock } from '../internal/clock.js';
import { expected } from '../internal/expected.js';
import type { EnforcementMode } from '../policy/document.js';
import { HostSyntaxError, parseTarget, type Target } from '../policy/host.js';
import { defaultMaxDocumentBytes } from '../policy/decode.js';
import type { PinProvider } from '../provider.js';
import type { PinEvent } from './events.js';
import type { UncoveredHosts } from './judgement.js';
import type { LastKnownGoodSettings } from './last-known-good.js';

/** Options of a resolver that do not depend on the store. Durations are in milliseconds. */
export interface ResolverOptions {
  /** On every event, warning and channel message. @defaultValue the provider's name */
  readonly name?: string | undefined;
  /**
   * **Security:** `report` judges everything and refuses nothing but revoked keys; it warns at the start and shows in
   * `status()`.
   * @defaultValue `'enforce'`
   */
  readonly mode?: EnforcementMode | undefined;
  /**
   * **Security:** what happens with a host that no row covers. Under `allow` and `report` a host that was ever covered
   * in this process stays refused until a row says `none`.
   * @defaultValue `'reject'`
   */
  readonly uncoveredHosts?: UncoveredHosts | undefined;
  /**
   * Hosts (`host` or `host:port`) without whose pins the start fails. An edit may give them other pins or block them; one
   * that drops them, says `none` or `mode=report` leaves their last pins in force.
   */
  readonly requiredHosts?: readonly string[] | undefined;
  /** Upper bound of the time between two reads; jitter only shortens it. @defaultValue the provider's, else 60 000 */
  readonly refreshIntervalMs?: number | undefined;
  /** Hard limit: so long after the last confirmation every check fails. `Infinity` for none. @defaultValue 7 days */
  readonly maxStaleMs?: number | undefined;
  /** What happens at the hard limit. @defaultValue `'reject'` */
  readonly onExpired?: 'reject' | 'fallback' | undefined;
  /** The start succeeds or fails within this time. @defaultValue 8 000 */
  readonly startupTimeoutMs?: number | undefined;
  /**
   * A start that fails by what the store said, or by its silence, takes so long at least, less up to a half by chance: a
   * process that is restarted whenever it ends must not hammer the store. A wrong configuration fails at once.
   * @defaultValue 0; `createPinResolver`: 2 000 where the pins come over a network
   */
  readonly failedStartDelayMs?: number | undefined;
  /** One read takes no longer. @defaultValue 3 000 */
  readonly readTimeoutMs?: number | undefined;
  /** @defaultValue 1 MiB */
  readonly maxDocumentBytes?: number | undefined;
  /**
   * Hosts that are kept where each has a document of its own; those with live connections are kept beyond it.
   * @defaultValue 10 000
   */
  readonly maxHosts?: number | undefined;
  /** `false` silences process warnings; events and `status()` stay. @defaultValue `true` */
  readonly warnings?: boolean | undefined;
  /** Sees every event from the start on. */
  readonly onEvent?: ((event: PinEvent) => void) | undefined;
  /** The document while the provider cannot be reached at the start; never `fresh`. */
  readonly fallback?: PinProvider | undefined;
  /**
   * Keeps a copy of the last good document on disk, for a start while the provider cannot be reached.
   * @defaultValue none
   */
  readonly lastKnownGood?: LastKnownGoodOptions | undefined;
  /** For tests: the clock. */
  readonly clock?: Clock | undefined;
  /** For tests: random numbers in [0, 1), for jitter. */
  readonly random?: (() => number) | undefined;
}

/** Where the last known good pins are kept. */
export interface LastKnownGoodOptions {
  /**
   * **Security:** a directory in which only this user may write; created (0700) where it is missing. Several services
   * may share it. Whoever can write there can bring an older document back.
   */
  readonly directory: string;
  /**
   * **Security:** seals each copy with HMAC-SHA-256, so that who can write in the directory, but does not have the key,
   * can only remove copies. 32 bytes at least.
   * @defaultValue none: damage is found, forgery is not
   */
  readonly key?: string | Uint8Array | undefined;
}

/** The options, checked and with their defaults. */
export interface ResolverSettings {
  readonly name: string;
  readonly provider: PinProvider;
  readonly fallback: PinProvider | undefined;
  readonly mode: EnforcementMode;
  readonly uncoveredHosts: UncoveredHosts;
  readonly requiredHosts: readonly Target[];
  readonly refreshIntervalMs: number;
  readonly maxStaleMs: number;
  readonly onExpired: 'reject' | 'fallback';
  readonly startupTimeoutMs: number;
  readonly failedStartDelayMs: number;
  readonly readTimeoutMs: number;
  readonly maxDocumentBytes: number;
  readonly maxHosts: number;
  readonly warnings: boolean;
  readonly onEvent: ((event: PinEvent) => void) | undefined;
  readonly lastKnownGood: LastKnownGoodSettings | undefined;
  readonly clock: Clock;
  readonly random: () => number;
}

const day = 86_400_000;

/** @throws TypeError (`ERR_INVALID_OPTION`) */
export function readSettings(provider: PinProvider, options: ResolverOptions): ResolverSettings {
  assertProvider('provider', provider);
  if (options.fallback !== undefined) assertProvider('fallback', options.fallback);
  if (options.fallback?.scope === 'host')
    throw invalidOption('fallback', 'keeps one document per host; a fallback is one for all hosts');
  const settings: ResolverSettings = {
    name: options.name ?? provider.name,
    provider,
    fallback: options.fallback,
    mode: oneOf('mode', options.mode, ['enforce', 'report'], 'enforce'),
    uncoveredHosts: oneOf('uncoveredHosts', options.uncoveredHosts, ['reject', 'report', 'allow'], 'reject'),
    requiredHosts: readRequiredHosts(options.requiredHosts ?? []),
    refreshIntervalMs: duration(
      'refreshIntervalMs',
      options.refreshIntervalMs,
      duration("the provider's defaultRefreshIntervalMs", provider.defaultRefreshIntervalMs, 60_000, {
        min: 50,
      }),
      { min: 50 },
    ),
    maxStaleMs: duration('maxStaleMs', options.maxStaleMs, 7 * day, { min: 1, infinite: true }),
    onExpired: oneOf('onExpired', options.onExpired, ['reject', 'fallback'], 'reject'),
    startupTimeoutMs: duration('startupTimeoutMs', options.startupTimeoutMs, 8_000, { min: 1 }),
    failedStartDelayMs: duration('failedStartDelayMs', options.failedStartDelayMs, 0, { min: 0 }),
    readTimeoutMs: duration('readTimeoutMs', options.readTimeoutMs, 3_000, { min: 1 }),
    maxDocumentBytes: duration('maxDocumentBytes', options.maxDocumentBytes, defaultMaxDocumentBytes, {
      min: 1,
    }),
    maxHosts: readMaxHosts(options.maxHosts, provider),
    warnings: options.warnings ?? true,
    onEvent: options.onEvent,
    lastKnownGood: readLastKnownGood(options.lastKnownGood),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  };
  if (settings.fallback !== undefined && provider.scope === 'host') {
    throw invalidOption(
      'fallback',
      'is one document for all hosts, and the provider has one per host: drop one of them',
    );
  }
  if (settings.lastKnownGood !== undefined && provider.scope === 'host') {
    throw invalidOption('lastKnownGood', 'keeps one document, and the provider has one per host: drop it');
  }
  if (settings.onExpired === 'fallback' && settings.fallback === undefined) {
    throw invalidOption('onExpired', 'is "fallback", but there is no fallback');
  }
  return settings;
}

function assertProvider(option: string, provider: PinProvider): void {
  const isOne =
    typeof provider === 'object' &&
    provider !== null &&
    typeof provider.name === 'string' &&
    provider.name !== '' &&
    typeof provider.read === 'function';
  if (!isOne) throw invalidOption(option, 'is not a provider: it needs a name and read()');
  if (![undefined, 'document', 'host'].includes(provider.scope))
    throw invalidOption(option, 'has a scope that is neither "document" nor "host"');
}

// So many take some gigabytes.
const mostHosts = 1_000_000;

function readMaxHosts(value: number | undefined, { scope }: PinProvider): number {
  if (value === undefined) return 10_000;
  if (scope !== 'host')
    throw invalidOption(
      'maxHosts',
      'is for one document per host, such as a path with {host}: this provider has one for all',
    );
  if (Number.isSafeInteger(value) && value >= 1 && value <= mostHosts) return value;
  throw invalidOption('maxHosts', `is no whole number from 1 to ${mostHosts}`);
}

function oneOf<Value extends string>(
  option: string,
  value: Value | undefined,
  allowed: readonly Value[],
  byDefault: Value,
): Value {
  if (value === undefined) return byDefault;
  if (allowed.includes(value)) return value;
  throw invalidOption(option, `is none of ${allowed.map((each) => `"${each}"`).join(', ')}`);
}

function duration(
  option: string,
  value: number | undefined,
  byDefault: number,
  range: { min: number; infinite?: boolean },
): number {
  if (value === undefined) return byDefault;
  if (typeof value !== 'number' || Number.isNaN(value)) throw invalidOption(option, 'is not a number');
  if (value === Infinity && range.infinite !== true) throw invalidOption(option, 'must be finite');
  if (value < range.min) throw invalidOption(option, `is below ${range.min}`);
  return value;
}

// What is shorter can be guessed from one copy.
const minKeyBytes = 32;

function readLastKnownGood(options: LastKnownGoodOptions | undefined): LastKnownGoodSettings | undefined {
  if (options === undefined) return undefined;
  if (typeof options !== 'object' || options === null)
    throw invalidOption('lastKnownGood', "is no object, such as { directory: '/var/lib/my-service' }");
  for (const name of Object.keys(options)) {
    if (name !== 'directory' && name !== 'key')
      throw invalidOption(`lastKnownGood.${name}`, 'is unknown; known are directory, key');
  }
  const { directory, key } = options;
  if (typeof directory !== 'string' || directory === '' || directory.includes('\0'))
    throw invalidOption('lastKnownGood.directory', 'is no path');
  if (key === undefined) return { directory, key };
  if (typeof key !== 'string' && !(key instanceof Uint8Array))
    throw invalidOption('lastKnownGood.key', 'is neither text nor bytes');
  const bytes = Buffer.from(key);
  if (bytes.length < minKeyBytes)
    throw invalidOption('lastKnownGood.key', `has fewer than ${minKeyBytes} bytes: openssl rand -base64 32`);
  return { directory, key: bytes };
}

function readRequiredHosts(hosts: readonly string[]): readonly Target[] {
  if (!Array.isArray(hosts)) throw invalidOption('requiredHosts', 'is not an array of hosts');
  return hosts.map(readRequiredHost);
}

function readRequiredHost(text: unknown, index: number): Target {
  const option = `requiredHosts[${index}]`;
  if (typeof text !== 'string') throw invalidOption(option, 'is not text');
  try {
    return parseTarget(text);
  } catch (error) {
    throw invalidOption(option, `is no host: ${expected(error, HostSyntaxError).message}`);
  }
}
