import type { TLSSocket } from 'node:tls';
import type { GuardOptions, PinResolver } from 'pinvault';
import type { Place } from '../client.js';
import type { FireDriver, Line } from './fire-drivers.js';

/**
 * A driver as a service keeps it across rotations: one line, and a new one when its pin is gone. Under `drain` the old
 * line finishes what is under way and says goodbye; under `close` it ends without a word.
 */
export class KeptDriver {
  readonly #driver: FireDriver;
  readonly #pins: PinResolver;
  readonly #place: Place;
  readonly #policy: 'drain' | 'close';
  readonly #ends = new Set<Promise<void>>();
  readonly #underWay = new WeakMap<Promise<Line>, Set<Promise<unknown>>>();
  #line: Promise<Line> | undefined;

  constructor(driver: FireDriver, pins: PinResolver, place: Place, policy: 'drain' | 'close' = 'drain') {
    this.#driver = driver;
    this.#pins = pins;
    this.#place = place;
    this.#policy = policy;
    if (driver.hides !== undefined) pins.on('rotate', this.#onRotate);
  }

  async ask(text: string): Promise<unknown> {
    return this.#use(async (line) => line.ask(text));
  }

  async transfer(length: number): Promise<unknown> {
    return this.#use(async (line) => line.transfer?.(length));
  }

  /** Waits until the lines that were retired have ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#ends);
  }

  async close(): Promise<void> {
    this.#pins.off('rotate', this.#onRotate);
    const line = await this.#line?.catch(() => undefined);
    line?.destroy();
    await this.settled();
  }

  #dial(): Promise<Line> {
    const dialled: { line?: Promise<Line> } = {};
    const guard: GuardOptions =
      this.#policy === 'close' ? { policy: 'close' } : { onDrain: () => this.#retire(dialled.line) };
    const take = (socket: TLSSocket): void => {
      this.#pins.guardSocket(socket, this.#place, guard);
      socket.once('close', () => this.#drop(dialled.line));
    };
    const line = this.#driver.dial(this.#pins, this.#place, { guard, take });
    dialled.line = line;
    this.#underWay.set(line, new Set());
    line.catch(() => this.#forget(line));
    return line;
  }

  async #use(ask: (line: Line) => Promise<unknown>): Promise<unknown> {
    const line = (this.#line ??= this.#dial());
    const answer = line.then(ask);
    const underWay = this.#underWay.get(line);
    underWay?.add(answer);
    try {
      return await answer;
    } finally {
      underWay?.delete(answer);
    }
  }

  readonly #onRotate = (): void => {
    if (this.#policy === 'drain') this.#retire(this.#line);
    else this.#drop(this.#line);
  };

  /** What is under way is finished, and then goodbye said. */
  #retire(line: Promise<Line> | undefined): void {
    if (line === undefined || !this.#forget(line)) return;
    const end = async (): Promise<void> => {
      await Promise.allSettled([...(this.#underWay.get(line) ?? [])]);
      await (await line).end();
    };
    this.#ends.add(end().catch(() => undefined));
  }

  #drop(line: Promise<Line> | undefined): void {
    if (line === undefined || !this.#forget(line)) return;
    line.then((open) => open.destroy()).catch(() => undefined);
  }

  #forget(line: Promise<Line>): boolean {
    if (this.#line !== line) return false;
    this.#line = undefined;
    return true;
  }
}
