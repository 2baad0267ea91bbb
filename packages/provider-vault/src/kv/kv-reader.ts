import { type Clock, PinProviderError, type PinReadResult } from '@pinvault/core';
import { member, refusalOf, type VaultAnswer } from '../answer.js';
import type { Secrets } from '../foreign-text.js';
import type { SecretPath } from '../secret-path.js';
import { contradictionIn, type KvContent, readKvAnswer } from './kv-answer.js';
import { type KvLocation, type KvMount, locate } from './location.js';
import { type Asking, MountFinder } from './mount-finder.js';
import { type Notes, notesOf } from './notes.js';
import type { KvSettings } from './options.js';

export type { Asking } from './mount-finder.js';

/** What was handed over of a secret, as far as it tells whether it is still the same. */
interface Seen {
  readonly revision: string;
  readonly createdTime: unknown;
  readonly notes: Notes | undefined;
  readonly byteCount: number;
  /** When it was read, by the monotonic clock. */
  readonly readAt: number;
  /** Of the last answer that told the versions; it grows with them. */
  metadataByteCount: number | undefined;
}

// As many hosts as a resolver keeps; others' reads cost a little more.
const maxSeen = 10_000;

/** A look says nothing of the right to read: so often the secret is read whole, so that a right that is lost shows. */
const wholeReadEveryMs = 600_000;

/** Who may not look at the versions may be allowed to one day. */
const lookAgainAfterMs = 3_600_000;

/**
 * Reads secrets of a KV back end, version 1 or 2. Where the versions may be looked at, and are fewer bytes than the
 * document, an unchanged secret costs no more than that look.
 */
export class KvReader {
  readonly #settings: KvSettings;
  readonly #mounts: MountFinder;
  readonly #clock: Clock;
  readonly #seen = new Map<string, Seen>();
  #looksFrom = -Infinity;

  constructor(secret: SecretPath, settings: KvSettings, clock: Clock) {
    this.#settings = settings;
    this.#mounts = new MountFinder(secret, settings.kvVersion, clock);
    this.#clock = clock;
  }

  /** Where a secret lies; asks the vault where that is not known yet. @throws PinError */
  async locate(secret: SecretPath, asking: Asking): Promise<KvLocation> {
    return locate(secret, await this.#mounts.find(secret, asking));
  }

  /** @throws PinError */
  async read(secret: SecretPath, knownRevision: string | undefined, asking: Asking): Promise<PinReadResult> {
    const mount = await this.#mounts.find(secret, asking);
    const location = this.#locate(secret, mount);
    const looked = await this.#look(location, knownRevision, asking);
    if (looked === 'unchanged' && knownRevision !== undefined)
      return { unchanged: true, revision: knownRevision };
    const answer = await asking.ask(this.#dataPath(location));
    const contradiction = contradictionIn(answer, mount.version);
    if (contradiction !== 'none') {
      const other = await this.#mounts.findOther(mount, contradiction, secret, asking);
      if (other !== undefined) {
        const elsewhere = this.#locate(secret, other);
        const second = await asking.ask(this.#dataPath(elsewhere));
        return this.#handOver(second, elsewhere, knownRevision, asking);
      }
    }
    const result = await this.#handOver(answer, location, knownRevision, asking);
    // Remembered only now: where the read is denied, too, the right to look may come back with it.
    if (looked === 'denied') this.#looksFrom = this.#clock.monotonic() + lookAgainAfterMs;
    return result;
  }

  #locate(secret: SecretPath, mount: KvMount): KvLocation {
    if (mount.version === 1 && this.#settings.version !== undefined) {
      throw new PinProviderError(
        'ERR_PROVIDER_MISCONFIGURED',
        `vault.version is ${this.#settings.version}, and the mount "${mount.path}/" is a KV version 1, which keeps no versions`,
        { provider: 'vault' },
      );
    }
    return locate(secret, mount);
  }

  #dataPath({ dataPath }: KvLocation): string {
    const { version } = this.#settings;
    return version === undefined ? dataPath : `${dataPath}?version=${version}`;
  }

  async #handOver(
    answer: VaultAnswer,
    location: KvLocation,
    knownRevision: string | undefined,
    asking: Asking,
  ): Promise<PinReadResult> {
    let content: KvContent;
    try {
      const { version } = this.#settings;
      content = readKvAnswer(answer, { ...asking, secret: location, version });
    } catch (error) {
      this.#mounts.doubt();
      throw error instanceof PinProviderError && error.detail === 'no-version'
        ? await this.#withVersions(error, location, asking)
        : error;
    }
    const { document, revision, createdAt, createdTime, notes } = content;
    const metadataByteCount = this.#seen.get(location.text)?.metadataByteCount;
    const { byteCount } = answer;
    const readAt = this.#clock.monotonic();
    this.#remember(location.text, { revision, createdTime, notes, byteCount, readAt, metadataByteCount });
    // The revision of version 1 is the content itself.
    if (location.version === 1 && revision === knownRevision) return { unchanged: true, revision };
    return {
      document,
      revision,
      ...(createdAt === undefined ? {} : { createdAt }),
      ...(notes === undefined ? {} : { notes }),
    };
  }

  #remember(text: string, seen: Seen): void {
    this.#seen.delete(text);
    this.#seen.set(text, seen);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > maxSeen && oldest !== undefined) this.#seen.delete(oldest);
  }

  /** Whether the store still holds what was handed over, by its versions alone. */
  async #look(
    location: KvLocation,
    knownRevision: string | undefined,
    asking: Asking,
  ): Promise<'unchanged' | 'changed' | 'denied'> {
    const { metadataPath, text } = location;
    const seen = this.#seen.get(text);
    if (metadataPath === undefined || seen === undefined || seen.revision !== knownRevision) return 'changed';
    const now = this.#clock.monotonic();
    if (now < this.#looksFrom || now - seen.readAt >= wholeReadEveryMs) return 'changed';
    if ((seen.metadataByteCount ?? 0) >= seen.byteCount) return 'changed';
    const answer = await asking.ask(metadataPath);
    const { statusCode } = answer;
    if (statusCode === 401 || statusCode === 403) return 'denied';
    if (statusCode === 429 || statusCode >= 500) throw refusalOf(answer, { ...asking, secret: location });
    // What is not there, or no answer of a vault, is told by the read.
    if (statusCode !== 200 || answer.body === undefined) return 'changed';
    seen.metadataByteCount = answer.byteCount;
    return isStill(seen, answer, this.#settings.version, asking.token) ? 'unchanged' : 'changed';
  }

  /** The versions that there are, where they may be looked at. */
  async #withVersions(
    error: PinProviderError,
    { text, metadataPath }: KvLocation,
    { address, ask }: Asking,
  ): Promise<PinProviderError> {
    const answer = metadataPath === undefined ? undefined : await ask(metadataPath).catch(() => undefined);
    const data = member(answer?.body, 'data');
    const current = member(data, 'current_version');
    const versions = member(data, 'versions');
    if (answer?.statusCode !== 200 || typeof current !== 'number' || typeof versions !== 'object')
      return error;
    const oldest = Math.min(...Object.keys(versions ?? {}).map(Number));
    const kept = current === 0 ? 'none yet' : `${oldest} to ${current}`;
    return new PinProviderError(
      'ERR_PROVIDER_NOT_FOUND',
      `the vault at ${address.host} has no version ${this.#settings.version} of ${text}; it keeps ${kept}`,
      { provider: 'vault', detail: 'no-version' },
    );
  }
}

/**
 * Says yes only where nothing else can be: deleting keeps the number, a wiped secret begins with it anew, and a time of
 * deletion may lie ahead (`delete_version_after`) by a clock that is not ours.
 */
function isStill(
  { revision, createdTime, notes }: Seen,
  { body }: VaultAnswer,
  chosen: number | undefined,
  token: Secrets,
): boolean {
  const data = member(body, 'data');
  const version = member(data, 'versions', revision);
  return (
    (chosen !== undefined || member(data, 'current_version') === Number(revision)) &&
    typeof createdTime === 'string' &&
    member(version, 'created_time') === createdTime &&
    member(version, 'deletion_time') === '' &&
    member(version, 'destroyed') === false &&
    JSON.stringify(notesOf(member(data, 'custom_metadata'), token)) === JSON.stringify(notes)
  );
}
