import { printable } from '../internal/text.js';
import type { PinDocument } from '../policy/document.js';
import type { PinProvider } from '../provider.js';

/** Where the pins in force came from. */
export type SnapshotSource = 'provider' | 'last-known-good' | 'fallback';

/** The pins in force: frozen, swapped whole, and cloneable into a worker. */
export interface Snapshot {
  readonly document: PinDocument;
  /** The store's label for this content. */
  readonly revision: string;
  readonly generation?: number;
  readonly source: SnapshotSource;
  /** Name of the provider that was read. */
  readonly provider: string;
  /** Where it lies there, for people. */
  readonly location?: string;
  /** When this content was first read (epoch ms). */
  readonly fetchedAt: number;
  /** What people have written beside it in the store, where the store has room for that. Decides nothing. */
  readonly notes?: Notes;
}

/** Text under a name each. */
export type Notes = Readonly<Record<string, string>>;

/** Where a document came from, in a few words: `vault secret/tls-pins`. */
export function describeSource(source: {
  readonly provider: string;
  readonly location?: string | undefined;
}): string {
  const text = source.location === undefined ? source.provider : `${source.provider} ${source.location}`;
  return printable(text);
}

/** Where a provider keeps the document, or that of one host: `{host}` in its location says the host's name. */
export function locationOf({ location }: PinProvider, host: string | undefined): string | undefined {
  return host === undefined ? location : location?.replaceAll('{host}', host);
}

/** Freezes a document that takes effect into a snapshot. */
export function snapshotOf(
  document: PinDocument,
  revision: string,
  from: {
    readonly source: SnapshotSource;
    readonly provider: PinProvider;
    readonly fetchedAt: number;
    readonly host?: string;
    readonly notes?: Notes | undefined;
  },
): Snapshot {
  const { source, provider, fetchedAt, host } = from;
  const notes = textsOf(from.notes);
  const location = locationOf(provider, host);
  return Object.freeze({
    document,
    revision,
    ...(document.generation === undefined ? {} : { generation: document.generation }),
    source,
    provider: provider.name,
    ...(location === undefined ? {} : { location }),
    fetchedAt,
    ...(notes === undefined ? {} : { notes }),
  });
}

/** Plain text only, so that a snapshot stays cloneable whatever a provider hands over. */
function textsOf(notes: Notes | undefined): Notes | undefined {
  if (typeof notes !== 'object' || notes === null) return undefined;
  const entries = Object.entries(notes).filter(([, text]) => typeof text === 'string');
  return entries.length === 0 ? undefined : Object.freeze(Object.fromEntries(entries));
}
