import { invalidOption, type PinSource } from '@pinvault/core';
import type { Dispatcher } from 'undici';
import { endUnbegun } from './guarded-handler.js';
import { PinnedDispatcher } from './pinned-dispatcher.js';
import type { PinnedDispatcherOptions } from './pinned-dispatcher-options.js';

/** Options of {@link createPinnedFetch}: those of a dispatcher, or one that is there already. */
export type PinnedFetchOptions = PinnedDispatcherOptions | { readonly dispatcher: PinnedDispatcher };

/** The majors of undici inside Node whose fetch takes this package's dispatcher: tried on every Node from 20 to 26. */
const knownMajors: ReadonlySet<string> = new Set(['6', '7', '8']);

/**
 * Node's own `fetch`, whose every connection is pinned by a {@link PinnedDispatcher}, redirects included: it takes and
 * gives the global `Request`, `Response`, `FormData`, streams and signals. A refusal is `TypeError: fetch failed` with the
 * reason as its cause: `findPinError(error)`.
 *
 * **Security:** a `dispatcher` in the second argument is refused (`ERR_INVALID_OPTION`), and one in a `Request` does not
 * count. Before the first request it is tried, without a connection, whether the global fetch goes through the dispatcher
 * that it is given; where something else has taken its place, every request is refused.
 *
 * @throws TypeError (`ERR_INVALID_OPTION`) for an option that would open a hole, and where the undici inside Node is none
 * that this package knows
 *
 * @example
 * const fetch = createPinnedFetch(pins);
 * await fetch('https://api.example.com/');
 */
export function createPinnedFetch(pins: PinSource, options: PinnedFetchOptions = {}): typeof fetch {
  const builtIn = globalThis.fetch as typeof fetch | undefined;
  const major = process.versions['undici']?.split('.')[0];
  if (typeof builtIn !== 'function' || major === undefined || !knownMajors.has(major))
    throw invalidOption(
      'fetch',
      `of Node ${process.versions.node} (undici ${major ?? 'none'}) is not known to this package`,
    );
  const dispatcher = readDispatcher(pins, options);
  let isTried: Promise<void> | undefined;
  return async (input, init) => {
    if ((init as { dispatcher?: unknown } | undefined)?.dispatcher !== undefined)
      throw invalidOption('dispatcher', 'would take the place of the pinned one');
    await (isTried ??= insistOnDispatcher(builtIn));
    return builtIn(input, { ...membersOf(init), dispatcher } as unknown as RequestInit);
  };
}

/** Those of the Fetch standard, and what Node has besides. */
const initMembers = [
  'method',
  'headers',
  'body',
  'referrer',
  'referrerPolicy',
  'mode',
  'credentials',
  'cache',
  'redirect',
  'integrity',
  'keepalive',
  'signal',
  'duplex',
  'priority',
  'window',
] as const;

/** A copy of what fetch reads, inherited members too: a `Request` is an init as well, and has nothing else. */
function membersOf(init: RequestInit | undefined): Record<string, unknown> {
  const members: Record<string, unknown> = { ...init };
  const source = init as Record<string, unknown> | null | undefined;
  for (const name of initMembers) {
    if (name in members) continue;
    const value = source?.[name];
    if (value !== undefined) members[name] = value;
  }
  return members;
}

function readDispatcher(pins: PinSource, options: PinnedFetchOptions): PinnedDispatcher {
  if (!('dispatcher' in options)) return new PinnedDispatcher(pins, options);
  const { dispatcher, ...rest } = options;
  if (!(dispatcher instanceof PinnedDispatcher) || !dispatcher.isPinnedBy(pins))
    throw invalidOption('dispatcher', 'is no PinnedDispatcher with these pins');
  const [name] = Object.keys(rest);
  if (name !== undefined) throw invalidOption(name, 'belongs to the dispatcher that is there already');
  return dispatcher;
}

/** A fetch that overlooks the dispatcher would send everything unpinned, and tell nobody. */
async function insistOnDispatcher(builtIn: typeof fetch): Promise<void> {
  let isAsked = false;
  const dispatcher = {
    dispatch(_options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
      isAsked = true;
      endUnbegun(handler, new Error('only tried'));
      return false;
    },
  };
  // A name that leads nowhere (RFC 6761 §6.4), should it be dialled after all.
  await builtIn('https://pinvault.invalid/', { dispatcher } as unknown as RequestInit).catch(() => undefined);
  if (!isAsked)
    throw invalidOption('fetch', 'is not that of Node: it does not use the dispatcher, and so no pins');
}
