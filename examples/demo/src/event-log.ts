import type { PinEvent, PinEventName } from 'pinvault';
import { StoryBroken, until } from './waiting.js';

/** An event, and when it was told (on the monotonic clock, in ms). */
export interface Told<Name extends PinEventName> {
  readonly event: Extract<PinEvent, { type: Name }>;
  readonly at: number;
}

/** Keeps what the resolver tells, so that the story can wait for it. */
export class EventLog {
  readonly #told: { readonly event: PinEvent; readonly at: number }[] = [];

  /** For `onEvent`. */
  readonly listener = (event: PinEvent): void => {
    this.#told.push({ event, at: performance.now() });
  };

  /** The first event of that name since an instant. @throws StoryBroken when none comes in time */
  async first<Name extends PinEventName>(
    name: Name,
    since: number,
    signal: AbortSignal,
    limitMs = 5_000,
  ): Promise<Told<Name>> {
    const find = (): Told<Name> | undefined =>
      this.#told.find((told): told is Told<Name> => told.event.type === name && told.at >= since);
    await until(`the event "${name}"`, () => find() !== undefined, signal, limitMs);
    const found = find();
    if (found === undefined) throw new StoryBroken(`the event "${name}" was told and is lost`);
    return found;
  }
}
