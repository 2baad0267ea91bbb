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
}

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
  },
): Snapshot {
  const { source, provider, fetchedAt, host } = from;
  const location = locationOf(provider, host);
  return Object.freeze({
    document,
    revision,
    ...(document.generation === undefined ? {} : { generation: document.generation }),
    source,
    provider: provider.name,
    ...(location === undefined ? {} : { location }),
    fetchedAt,
  });
}
