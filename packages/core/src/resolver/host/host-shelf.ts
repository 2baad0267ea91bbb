import { LRUCache } from 'lru-cache';
import type { HostPins } from './host-pins.js';

/** Loads that are under way for hosts that are not on the shelf, at most. */
const maxLoading = 4_096;

/**
 * The hosts that are loaded: the `maxHosts` used last, and those with live connections, which are never evicted.
 *
 * One read per host at a time is `lru-cache`'s `fetch()`, in the way that is safe: the loading function never rejects, no
 * caller's signal ever reaches it, and there is room for whatever is being loaded, so that nothing is evicted on its way.
 * When to read is decided outside, by both clocks: a time to live would stand still with the process.
 */
export class HostShelf {
  readonly #maxHosts: number;
  readonly #loaded: LRUCache<string, HostPins>;
  // In the list, where they take a place, but not on the shelf yet.
  readonly #loading = new Set<string>();
  readonly #beingRead = new Set<string>();
  readonly #retained = new Map<string, { count: number; pins: HostPins | undefined }>();
  // Rollback attack: a host that was evicted, by whoever makes the service dial many, must not forget its floor.
  readonly #floors: LRUCache<string, number>;

  /** @param load - resolves with the host's pins, or with nothing where it has none; never rejects */
  constructor(maxHosts: number, load: (host: string, current?: HostPins) => Promise<HostPins | undefined>) {
    this.#maxHosts = maxHosts;
    this.#floors = new LRUCache({ max: maxHosts });
    this.#loaded = new LRUCache<string, HostPins>({
      max: maxHosts + maxLoading,
      fetchMethod: async (host, stale) => {
        if (stale === undefined) this.#loading.add(host);
        this.#beingRead.add(host);
        try {
          return await load(host, this.#retained.get(host)?.pins ?? stale);
        } finally {
          this.#beingRead.delete(host);
          this.#loading.delete(host);
        }
      },
      noDeleteOnFetchRejection: true,
      dispose: ({ generationFloor }, host, reason) => {
        if (reason !== 'set' && generationFloor !== undefined) this.#floors.set(host, generationFloor);
      },
    });
  }

  /** How many are loaded. */
  get size(): number {
    let evicted = 0;
    for (const [host, { pins }] of this.#retained)
      if (pins !== undefined && !this.#loaded.has(host)) evicted += 1;
    return this.#loaded.size - this.#loading.size + evicted;
  }

  /** Whether a read of the host is under way, which the next one will join. */
  isBeingRead(host: string): boolean {
    return this.#beingRead.has(host);
  }

  /** Whether another host may be loaded now. */
  get hasRoom(): boolean {
    return this.#loading.size < maxLoading;
  }

  /** The pins of a host, for use: it is the last to be evicted then. */
  use(host: string): HostPins | undefined {
    return this.#retained.get(host)?.pins ?? this.#loaded.get(host);
  }

  /** Looks, and changes nothing. */
  peek(host: string): HostPins | undefined {
    return this.#retained.get(host)?.pins ?? this.#loaded.peek(host);
  }

  /** Visits all that are loaded. */
  forEach(visit: (pins: HostPins) => void): void {
    this.#loaded.forEach((pins) => visit(pins));
    for (const [host, { pins }] of this.#retained)
      if (pins !== undefined && !this.#loaded.has(host)) visit(pins);
  }

  /** What `$generation` of a host that was evicted may not go below. */
  floorOf(host: string): number | undefined {
    return this.#floors.get(host);
  }

  /** Loads, or loads anew; joins what is under way. Rejects only where the shelf is cleared meanwhile. */
  async load(host: string): Promise<HostPins | undefined> {
    const pins = await this.#loaded.fetch(host, { forceRefresh: true });
    const retained = this.#retained.get(host);
    if (retained !== undefined && pins !== undefined) retained.pins = pins;
    this.#trim(host);
    return pins;
  }

  /** The host has a live connection, or is about to get one. Returns the way to say that it has gone. */
  retain(host: string): () => void {
    const retained = this.#retained.get(host) ?? { count: 0, pins: this.#loaded.get(host) };
    retained.count += 1;
    this.#retained.set(host, retained);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      retained.count -= 1;
      if (retained.count > 0) return;
      this.#retained.delete(host);
      // Used until now: it is worth its place again, unless a load is about to give it one.
      if (retained.pins === undefined || this.#loading.has(host) || this.#loaded.has(host)) return;
      this.#loaded.set(host, retained.pins);
      this.#trim(host);
    };
  }

  isRetained(host: string): boolean {
    return this.#retained.has(host);
  }

  clear(): void {
    this.#loaded.clear();
    this.#retained.clear();
    this.#floors.clear();
  }

  /** Those with live connections go last; they are kept all the same. */
  #trim(newest: string): void {
    let spared = 0;
    while (this.#loaded.size - this.#loading.size > this.#maxHosts) {
      // What is being loaded is not among them.
      const [oldest, next] = this.#loaded.rkeys();
      if (oldest === undefined) return;
      if (spared <= this.#retained.size && (oldest === newest || this.#retained.has(oldest))) {
        spared += 1;
        this.#loaded.get(oldest);
        continue;
      }
      const leaving = oldest === newest ? next : oldest;
      if (leaving === undefined) return;
      this.#loaded.delete(leaving);
    }
  }
}
