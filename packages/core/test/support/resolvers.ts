import { expect } from 'chai';
import type { PinEvent, PinEventName, PinEvents } from '#src/resolver/events.js';
import type { RefreshOutcome } from '#src/resolver/keeper.js';
import type { ResolverOptions } from '#src/resolver/options.js';
import { PinResolver } from '#src/resolver/resolver.js';
import { testTime } from './chains.js';
import { FakeClock, settle } from './fake-clock.js';
import { TestProvider } from './providers.js';

/** A resolver over a store in memory, with a clock that stands still. */
export interface Started {
  readonly resolver: PinResolver;
  readonly provider: TestProvider;
  readonly clock: FakeClock;
  readonly events: PinEvent[];
}

/** Starts a resolver; process warnings are off unless a test is about them. Jitter is none. */
export async function startResolver(
  store: TestProvider | object,
  options: ResolverOptions = {},
  clock: FakeClock = new FakeClock(testTime),
): Promise<Started> {
  const provider = store instanceof TestProvider ? store : new TestProvider(store);
  const events: PinEvent[] = [];
  const resolver = await PinResolver.create(provider, {
    warnings: false,
    random: () => 0,
    clock,
    onEvent: (event) => events.push(event),
    ...options,
  });
  return { resolver, provider, clock, events };
}

/** Asks for a read, and lets the second pass that it may have to wait. */
export async function refreshLater({
  resolver,
  clock,
}: Pick<Started, 'resolver' | 'clock'>): Promise<RefreshOutcome> {
  const asked = resolver.refresh();
  await clock.advance(1_000);
  return asked;
}

/** The events of one name, in their order. */
export function eventsNamed<Name extends PinEventName>(
  events: readonly PinEvent[],
  name: Name,
): PinEvents[Name][] {
  return events.filter((event): event is PinEvents[Name] => event.type === name);
}

export function typesOf(events: readonly PinEvent[]): PinEventName[] {
  return events.map((event) => event.type);
}

/** Whether the promise of a start has been decided, without waiting for it. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let isDecided = false;
  const decide = (): void => {
    isDecided = true;
  };
  promise.then(decide, decide);
  await settle();
  return !isDecided;
}

/** Exactly one event of the name. */
export function onlyEvent<Name extends PinEventName>(
  events: readonly PinEvent[],
  name: Name,
): PinEvents[Name] {
  const found = eventsNamed(events, name);
  expect(found, name).to.have.length(1);
  const [event] = found;
  if (event === undefined) throw new Error('unreachable');
  return event;
}
