import { PinDocumentError, type PinError } from '../../errors.js';
import { publish } from '../../observe/channels.js';
import { compareDocuments } from '../adopt.js';
import { type NewsContext, tellReviews, tellRows, tellSameGeneration } from '../document-news.js';
import { snapshotEvent } from '../events.js';
import { isOutage } from '../outage.js';
import type { StoreContext } from '../pin-store.js';
import type { Snapshot } from '../snapshot.js';
import type { HostWarnings } from './host-warnings.js';
import type { Trouble } from './trouble.js';

/** Tells of single hosts: each event names its host, warnings name the first ones. */
export class HostNews {
  readonly #context: StoreContext;
  readonly #warnings: HostWarnings;

  constructor(context: StoreContext, warnings: HostWarnings) {
    this.#context = context;
    this.#warnings = warnings;
  }

  /** Other pins are in force; whether that is a rotation, and no first load. */
  adopted(host: string, snapshot: Snapshot, previous: Snapshot | undefined): boolean {
    const { settings, events } = this.#context;
    const news = this.#of(host);
    const change =
      previous === undefined ? undefined : compareDocuments(previous.document, snapshot.document);
    if (change !== undefined && previous !== undefined) {
      tellSameGeneration(snapshot, previous, news);
      const about = { resolver: settings.name, at: settings.clock.now(), host };
      const rotation = { ...change, previousRevision: previous.revision };
      publish('rotate', () => ({ ...about, revision: snapshot.revision, ...rotation }));
      events.emit(snapshotEvent('rotate', { ...about, snapshot }, rotation));
    }
    tellRows(snapshot, previous?.document, news);
    return change !== undefined;
  }

  /** The pins of a host have been confirmed. */
  confirmed(host: string, snapshot: Snapshot): void {
    tellReviews(snapshot, this.#of(host));
  }

  /** A read of the host failed, or its document was refused; the same refusal of the same revision is told once. */
  refused(
    host: string,
    error: PinError,
    revision: string,
    previous: Trouble | undefined,
    isLoaded: boolean,
  ): void {
    const { settings, events } = this.#context;
    const about = { resolver: settings.name, at: settings.clock.now(), host };
    const kept = isLoaded ? 'its last good pins stay in force' : 'the host has no pins';
    if (!(error instanceof PinDocumentError)) {
      if (!isOutage(error.code)) this.#warnings.of(host).say(error.code, '', `${error.message}; ${kept}`);
      events.emit({ type: 'refreshError', ...about, error });
      return;
    }
    if (previous?.revision === revision && previous.error.message === error.message) return;
    const text = `revision ${revision} was refused, ${kept}: ${error.message}`;
    this.#warnings.of(host).say(error.code, `${revision} ${error.message}`, text);
    events.emit({ type: 'documentRejected', ...about, revision, error });
  }

  #of(host: string): NewsContext {
    const { settings, events } = this.#context;
    return {
      resolver: settings.name,
      host,
      clock: settings.clock,
      events,
      warnings: this.#warnings.of(host),
    };
  }
}
