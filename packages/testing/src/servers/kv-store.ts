/** A row set as Vault keeps it: any JSON object. */
export type KvData = Readonly<Record<string, unknown>>;

/** One version as it stands in the store; times are RFC 3339, an empty `deletionTime` means not deleted. */
export interface KvVersion {
  readonly version: number;
  readonly createdTime: string;
  deletionTime: string;
  destroyed: boolean;
  data: KvData | null;
}

/** Everything under one path. */
export interface KvEntry {
  readonly createdTime: string;
  updatedTime: string;
  currentVersion: number;
  /** 0 until the first version has been dropped, as Vault counts. */
  oldestVersion: number;
  readonly versions: Map<number, KvVersion>;
}

/** What Vault keeps where nobody set `max_versions`. */
const KEPT_VERSIONS = 10;

/** The state of one KV v2 mount. Knows no wire format. */
export class KvStore {
  readonly #entries = new Map<string, KvEntry>();

  /** Adds a version; the oldest goes when there are more than ten. */
  write(path: string, data: KvData | null): KvVersion {
    const now = new Date().toISOString();
    const entry = this.#entries.get(path) ?? {
      createdTime: now,
      updatedTime: now,
      currentVersion: 0,
      oldestVersion: 0,
      versions: new Map<number, KvVersion>(),
    };
    this.#entries.set(path, entry);
    entry.currentVersion += 1;
    entry.updatedTime = now;
    const added: KvVersion = {
      version: entry.currentVersion,
      createdTime: now,
      deletionTime: '',
      destroyed: false,
      data: structuredClone(data),
    };
    entry.versions.set(added.version, added);
    if (entry.versions.delete(entry.currentVersion - KEPT_VERSIONS)) {
      entry.oldestVersion = entry.currentVersion - KEPT_VERSIONS + 1;
    }
    return added;
  }

  /** Number of the newest version, deleted or not; 0 where the path is unknown. */
  currentVersion(path: string): number {
    return this.#entries.get(path)?.currentVersion ?? 0;
  }

  /** One version, or the newest for 0. */
  version(path: string, version = 0): KvVersion | undefined {
    const entry = this.#entries.get(path);
    return entry?.versions.get(version === 0 ? entry.currentVersion : version);
  }

  /** Everything under the path. */
  entry(path: string): KvEntry | undefined {
    return this.#entries.get(path);
  }

  /** Soft delete; the data comes back with `undelete`. */
  delete(path: string, versions: readonly number[]): void {
    for (const found of this.#existing(path, versions)) {
      if (!found.destroyed && found.deletionTime === '') found.deletionTime = new Date().toISOString();
    }
  }

  /** Takes a soft delete back; a destroyed version stays destroyed. */
  undelete(path: string, versions: readonly number[]): void {
    for (const found of this.#existing(path, versions)) if (!found.destroyed) found.deletionTime = '';
  }

  /** Drops the data for good; the version stays in the metadata. */
  destroy(path: string, versions: readonly number[]): void {
    for (const found of this.#existing(path, versions)) {
      found.destroyed = true;
      found.data = null;
    }
  }

  /** Forgets the path with all its versions; the next write is version 1 again. */
  forget(path: string): void {
    this.#entries.delete(path);
  }

  #existing(path: string, versions: readonly number[]): KvVersion[] {
    return versions.flatMap((version) => this.version(path, version) ?? []);
  }
}
