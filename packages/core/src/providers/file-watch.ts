import { type FSWatcher, type Stats, watch } from 'node:fs';
import { lstat, readlink, stat } from 'node:fs/promises';
import { basename, dirname, join, parse, resolve, sep } from 'node:path';
import type { Clock, ClockTimer } from '../internal/clock.js';

/** Events come in bursts: an editor's write is several, a volume's swap half a dozen. */
const quietMs = 100;

/** Between two changes that are told: a directory that never rests must not make a reader that never does. */
const gapMs = 1_000;

/** A look at the file itself: where nothing can be watched, and for what a watch has missed (network file systems). */
const lookEveryMs = 5_000;

// As many as the kernel follows.
const maxLinks = 40;

/** What is watched: directories, and which of their entries lead to the file. */
type WatchPoints = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Tells when a file may have changed, whoever changed it and how: written in place, put in its place by a rename, or
 * reached through links of which one was swapped, as Kubernetes and the CSI driver swap `..data`. It need not exist yet.
 * Holds no process open.
 */
export class FileWatch {
  readonly #path: string;
  readonly #onChange: () => void;
  readonly #clock: Clock;
  readonly #watchers = new Map<string, FSWatcher>();
  #points: WatchPoints = new Map();
  #seen: string;
  #timer: ClockTimer | undefined;
  #looking: ClockTimer | undefined;
  #toldAt = -Infinity;
  #isClosed = false;

  /** `seen`: the file as it was when it was last read; `undefined` where it was not. */
  constructor(path: string, seen: string | undefined, onChange: () => void, clock: Clock) {
    this.#path = resolve(path);
    this.#seen = seen ?? 'unread';
    this.#onChange = onChange;
    this.#clock = clock;
    void this.#look();
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#looking?.cancel();
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** Looks whether the file is another, and watches what leads to it now. */
  async #look(): Promise<void> {
    this.#looking?.cancel();
    const points = await watchPoints(this.#path);
    if (this.#isClosed) return;
    this.#points = points;
    this.#watch();
    // Looked at once it is watched: what happened before shows here, what happens from now on is an event.
    const seen = await signature(this.#path);
    if (this.#isClosed) return;
    if (seen !== this.#seen) this.#changed();
    this.#seen = seen;
    this.#looking?.cancel();
    this.#looking = this.#clock.after(lookEveryMs, () => void this.#look());
  }

  #watch(): void {
    for (const [directory, watcher] of this.#watchers) {
      if (this.#points.has(directory)) continue;
      watcher.close();
      this.#watchers.delete(directory);
    }
    for (const directory of this.#points.keys()) {
      if (!this.#watchers.has(directory)) this.#watchDirectory(directory);
    }
  }

  #watchDirectory(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, (_event, name) => {
        const isOurs = name === null || this.#points.get(directory)?.has(name) === true;
        // A directory that goes away tells its own name, and never anything again.
        const isGone = name === basename(directory);
        if (isGone) this.#forget(directory, watcher);
        if (isOurs || isGone) this.#changed();
      });
      watcher.on('error', () => this.#forget(directory, watcher));
      this.#watchers.set(directory, watcher);
    } catch {
      // Too many watches on this machine, or none on this file system: the next look comes anyway.
    }
  }

  #forget(directory: string, watcher: FSWatcher): void {
    watcher.close();
    if (this.#watchers.get(directory) === watcher) this.#watchers.delete(directory);
  }

  #changed(): void {
    if (this.#isClosed || this.#timer !== undefined) return;
    const delayMs = Math.max(quietMs, this.#toldAt + gapMs - this.#clock.monotonic());
    this.#timer = this.#clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#toldAt = this.#clock.monotonic();
      this.#onChange();
      // Links may lead elsewhere now.
      void this.#look();
    });
  }
}

/** Tells one content of a file from another, without reading it. */
export function identityOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return [dev, ino, size, mtimeMs, ctimeMs].join(' ');
}

async function signature(path: string): Promise<string> {
  try {
    return identityOf(await stat(path));
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

/** Every directory in which an entry decides where the path leads: that of the file, and that of each link. */
async function watchPoints(path: string): Promise<WatchPoints> {
  const points = new Map<string, Set<string>>();
  const add = (entry: string): void => {
    const directory = dirname(entry);
    if (directory === entry) return;
    const names = points.get(directory) ?? new Set();
    points.set(directory, names.add(basename(entry)));
  };
  let rest = path;
  for (let links = 0; links < maxLinks; links += 1) {
    const { existing, target } = await firstLink(rest);
    if (target === undefined) {
      add(existing);
      return points;
    }
    add(existing);
    rest = resolve(dirname(existing), target, rest.slice(existing.length + 1));
  }
  return points;
}

/** The first link in a path and where it points to; without one, the path itself, or the first part of it that is missing. */
async function firstLink(path: string): Promise<{ readonly existing: string; readonly target?: string }> {
  const { root } = parse(path);
  let prefix = root;
  for (const name of path.slice(root.length).split(sep)) {
    prefix = join(prefix, name);
    const stats = await lstat(prefix).catch(() => undefined);
    if (stats === undefined) return { existing: prefix };
    if (!stats.isSymbolicLink()) continue;
    const target = await readlink(prefix).catch(() => undefined);
    return target === undefined ? { existing: prefix } : { existing: prefix, target };
  }
  return { existing: prefix };
}
