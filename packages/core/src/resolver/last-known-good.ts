import { createHash } from 'node:crypto';
import { invalidOption, PinDocumentError } from '../errors.js';
import type { ClockTimer } from '../internal/clock.js';
import { expected } from '../internal/expected.js';
import { durationText, printable } from '../internal/text.js';
import { decodeDocument } from '../policy/decode.js';
import type { PinDocument } from '../policy/document.js';
import { parseHostPattern } from '../policy/host-pattern.js';
import { adoptDocument } from './adopt.js';
import { copyPath, prepareDirectory, readCopy, writeCopy } from './last-known-good-disk.js';
import {
  documentText,
  keptRowsOf,
  type LastKnownGoodRecord,
  openRecord,
  RefusedCopy,
  sealRecord,
} from './last-known-good-record.js';
import type { ResolverSettings } from './options.js';
import type { RequiredHosts } from './required-hosts.js';
import { describeSource, type Snapshot } from './snapshot.js';
import type { LastKnownGoodStatus } from './status.js';
import type { Warnings } from './warnings.js';

/** Where the last known good pins are kept. */
export interface LastKnownGoodSettings {
  readonly directory: string;
  readonly key: Uint8Array | undefined;
}

/** What a process before this one has left. */
export interface Recalled {
  /** No document of this provider and path may have a lower `$generation`: it does not age. */
  readonly generationFloor?: number;
  readonly everCovered: readonly string[];
  /** What was in force, also where it is too old to serve: its revocations still hold under a fallback. */
  readonly document?: PinDocument;
  /** The pins that may serve, and how long ago the provider confirmed them. */
  readonly pins?: Pick<Snapshot, 'document' | 'revision' | 'fetchedAt'> & { readonly ageMs: number };
  /** Why there are none. */
  readonly whyNot: string;
}

/** Nothing was left, or nobody keeps anything. */
export const nothingRecalled: Recalled = Object.freeze({
  everCovered: Object.freeze([]),
  whyNot: 'there is none',
});

/** A clock that is set right by so much is no news. A copy from further ahead has an age that nobody knows. */
const clockToleranceMs = 60_000;

/** A confirmation alone is written down so often at most; by so much may a copy look older than it is. */
const confirmationEveryMs = 3_600_000;

/** More patterns are not remembered; the oldest go first. */
const maxEverCovered = 50_000;

/** Keeps a copy of the last good document of one resolver on disk, for a start without the provider. */
export class LastKnownGood {
  readonly path: string;
  readonly #settings: ResolverSettings & { readonly lastKnownGood: LastKnownGoodSettings };
  readonly #warnings: Warnings;
  readonly #fileName: string;
  #everCovered: ReadonlySet<string> = new Set();
  #record: LastKnownGoodRecord | undefined;
  #written: LastKnownGoodRecord | undefined;
  #writtenAt: number | undefined;
  // The confirmation that the last write was asked for.
  #wantedAt = 0;
  #hasFailed = false;
  #problem: string | undefined;
  #writing: Promise<void> | undefined;

  constructor(
    settings: ResolverSettings & { readonly lastKnownGood: LastKnownGoodSettings },
    warnings: Warnings,
  ) {
    this.#settings = settings;
    this.#warnings = warnings;
    this.#fileName = fileNameOf(settings);
    this.path = copyPath(settings.lastKnownGood.directory, this.#fileName);
  }

  get status(): LastKnownGoodStatus {
    return {
      path: this.path,
      writtenAt: this.#writtenAt ?? null,
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  /**
   * Reads what a process before this one has left. A copy that is not to be trusted counts as none, with a warning.
   *
   * @throws TypeError (`ERR_INVALID_OPTION`) where others may write in the directory
   */
  async recall(requiredHosts: RequiredHosts): Promise<Recalled> {
    const { clock, startupTimeoutMs, lastKnownGood } = this.#settings;
    let timer: ClockTimer | undefined;
    // A network file system that hangs must not hang the start.
    const deadline = new Promise<never>((_resolve, reject) => {
      const late = (): void => reject(new RefusedCopy('could not be read in time'));
      timer = clock.after(Math.min(1_000, startupTimeoutMs / 4), late, true);
    });
    try {
      await Promise.race([prepareDirectory(lastKnownGood.directory), deadline]).catch((error: unknown) => {
        const unsafe = error instanceof RefusedCopy && error.message !== 'could not be read in time';
        throw unsafe ? unsafeDirectory(lastKnownGood.directory, error) : error;
      });
      const record = await Promise.race([this.#read(), deadline]);
      return record === undefined ? nothingRecalled : this.#recalled(record, requiredHosts);
    } catch (error) {
      if (error instanceof TypeError) throw error;
      return { ...nothingRecalled, whyNot: this.#fail('is not used', error) };
    } finally {
      timer?.cancel();
    }
  }

  /** The provider's document took effect: writes it down, in the background. Never throws. */
  keep(raw: string | Uint8Array | object, snapshot: Snapshot, confirmedAt: number): void {
    const { document, revision, generation, fetchedAt } = snapshot;
    this.#everCovered = withPatterns(this.#everCovered, document);
    this.#record = {
      ...identityOf(this.#settings),
      revision,
      document: documentText(raw, document),
      keptRows: keptRowsOf(document),
      ...(generation === undefined ? {} : { generationFloor: generation }),
      fetchedAt,
      confirmedAt,
      everCovered: [...this.#everCovered],
    };
    this.#write();
  }

  /** The provider said that nothing has changed: written down once in a while, so that the copy does not age. */
  confirmed(confirmedAt: number): void {
    if (this.#record === undefined) return;
    const { maxStaleMs } = this.#settings;
    this.#record = { ...this.#record, confirmedAt };
    const everyMs = Math.min(confirmationEveryMs, maxStaleMs / 10);
    if (this.#hasFailed || Math.abs(confirmedAt - this.#wantedAt) >= everyMs) this.#write();
  }

  /** Resolves when nothing is being written any more. */
  async settled(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #write(): void {
    this.#wantedAt = this.#record?.confirmedAt ?? 0;
    this.#writing ??= this.#writeLatest().finally(() => {
      this.#writing = undefined;
    });
  }

  async #writeLatest(): Promise<void> {
    while (this.#record !== this.#written) {
      const record = this.#record as LastKnownGoodRecord;
      try {
        await this.#writeOnce(record);
        this.#written = record;
        this.#writtenAt = this.#settings.clock.now();
        this.#problem = undefined;
        this.#hasFailed = false;
        this.#warnings.forget(/^PINVAULT_LAST_KNOWN_GOOD$/u);
      } catch (error) {
        // Tried again with the next confirmation.
        this.#hasFailed = true;
        this.#fail('could not be written', error);
        return;
      }
    }
  }

  async #writeOnce(record: LastKnownGoodRecord): Promise<void> {
    const { clock, lastKnownGood } = this.#settings;
    const { directory, key } = lastKnownGood;
    // Of a copy that is not to be trusted nothing is taken over.
    const other = await this.#read().catch(() => undefined);
    const floor = other?.generationFloor;
    // Another process is ahead of us; our own next read will find what it has found.
    if (floor !== undefined && (record.generationFloor ?? -1) < floor) return;
    const everCovered = [...new Set([...(other?.everCovered ?? []), ...record.everCovered])];
    const bytes = sealRecord({ ...record, everCovered: everCovered.slice(-maxEverCovered) }, key);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await writeCopy(directory, this.#fileName, bytes, clock.now());
      } catch (error) {
        // A process in another container, which cannot see ours, may have cleared our temporary file away.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === 2) throw error;
      }
    }
  }

  async #read(): Promise<LastKnownGoodRecord | undefined> {
    const { maxDocumentBytes, lastKnownGood } = this.#settings;
    // The text is escaped once more, and what was covered earlier stands beside it.
    const bytes = await readCopy(this.path, 4 * maxDocumentBytes + 4 * 1024 * 1024);
    if (bytes === undefined) return undefined;
    const record = openRecord(bytes, lastKnownGood.key);
    const { provider, location } = identityOf(this.#settings);
    if (record.provider !== provider || record.location !== location)
      throw new RefusedCopy('holds the pins of another provider or path');
    if (!record.everCovered.every(isPattern)) throw new RefusedCopy('names a pattern that is none');
    return record;
  }

  #recalled(record: LastKnownGoodRecord, requiredHosts: RequiredHosts): Recalled {
    const { generationFloor, everCovered, revision, fetchedAt } = record;
    this.#everCovered = new Set(everCovered);
    const memory = { everCovered, ...(generationFloor === undefined ? {} : { generationFloor }) };
    let document: PinDocument;
    try {
      document = this.#effective(record, requiredHosts);
    } catch (error) {
      return { ...memory, whyNot: expected(error, PinDocumentError).message };
    }
    const whyNot = this.#whyTooOld(record, document);
    if (whyNot !== undefined) return { ...memory, document, whyNot };
    const ageMs = Math.max(0, this.#settings.clock.now() - record.confirmedAt);
    return { ...memory, document, whyNot: '', pins: { document, revision, fetchedAt, ageMs } };
  }

  /** What was in force: the document, and the rows that the process had kept beside it. */
  #effective({ document, keptRows }: LastKnownGoodRecord, requiredHosts: RequiredHosts): PinDocument {
    const { maxDocumentBytes } = this.#settings;
    const decoded = decodeDocument(document, { maxDocumentBytes });
    const kept =
      Object.keys(keptRows).length === 0 ? decoded : decodeDocument(keptRows, { maxDocumentBytes });
    return adoptDocument(decoded, kept, requiredHosts);
  }

  #whyTooOld({ confirmedAt }: LastKnownGoodRecord, { expiresAt }: PinDocument): string | undefined {
    const { clock, maxStaleMs } = this.#settings;
    const ageMs = clock.now() - confirmedAt;
    if (ageMs < -clockToleranceMs)
      return `it was confirmed ${durationText(-ageMs)} from now: the clock was set back, so its age is not known`;
    if (ageMs > maxStaleMs) return `it was confirmed ${durationText(ageMs)} ago, past maxStaleMs`;
    return expiresAt !== undefined && clock.now() > expiresAt ? 'it is past its $expires' : undefined;
  }

  /** Tells of a problem once, until it is over; returns what it is. */
  #fail(what: string, error: unknown): string {
    const problem = error instanceof RefusedCopy ? `it ${error.message}` : diskProblem(error);
    this.#problem = `${what}: ${problem}`;
    const text = `the last known good pins in ${printable(this.path)}: ${this.#problem}`;
    this.#warnings.say('PINVAULT_LAST_KNOWN_GOOD', this.#problem, text);
    return problem;
  }
}

/** It may come from either: the front door knows, and the person who reads this has set only one. */
function unsafeDirectory(directory: string, { message }: RefusedCopy): TypeError {
  return invalidOption(
    'lastKnownGood.directory',
    `(PINVAULT_LAST_KNOWN_GOOD) ${printable(directory)} ${message}`,
  );
}

function diskProblem(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return printable(typeof code === 'string' ? code : 'unknown error', 80);
}

function isPattern(text: string): boolean {
  try {
    return parseHostPattern(text).text === text;
  } catch {
    return false;
  }
}

function withPatterns(known: ReadonlySet<string>, { rows, badRows }: PinDocument): ReadonlySet<string> {
  const patterns = [...rows.filter(({ rule }) => rule !== 'none'), ...badRows].map(({ pattern }) => pattern);
  const current = new Set(patterns);
  const earlier = [...known].filter((pattern) => !current.has(pattern));
  return new Set([...earlier, ...current].slice(-maxEverCovered));
}

function identityOf({ provider }: ResolverSettings): {
  readonly provider: string;
  readonly location: string;
} {
  return { provider: provider.name, location: provider.location ?? '' };
}

/**
 * The resolver's name, for people, and a hash of name, provider and path: two of them that differ in anything never
 * share a file, not even where the file system takes capital letters for small ones.
 */
function fileNameOf(settings: ResolverSettings): string {
  const { provider, location } = identityOf(settings);
  const hash = createHash('sha256')
    .update(JSON.stringify([settings.name, provider, location]))
    .digest('hex');
  const name = settings.name.replaceAll(/[^A-Za-z0-9_-]/gu, '_').slice(0, 64);
  return `${name}-${hash.slice(0, 16)}.pins`;
}

/** For messages: whose pins serve, and how old they are. */
export function describeRecalled(snapshot: Snapshot, ageMs: number): string {
  return `the last known good pins of ${describeSource(snapshot)}, confirmed ${durationText(ageMs)} ago, serve`;
}
