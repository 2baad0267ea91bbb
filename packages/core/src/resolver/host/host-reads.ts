import { type PinError, PinProviderError } from '../../errors.js';
import { isOutage } from '../outage.js';
import type { ResolverSettings } from '../options.js';
import { type DocumentAnswer, type InForce, readDocument } from '../read-document.js';
import type { RequiredHosts } from '../required-hosts.js';
import { ReadBudget } from './read-budget.js';
import { StoreWatch } from './store-watch.js';
import { Turns } from './turns.js';

/** First reads at a time: somebody waits for each. */
const concurrentFirstReads = 16;
const waitingFirstReads = 4_096;

/** Reads at a time of hosts that are loaded. */
const concurrentRefreshes = 8;
const waitingRefreshes = 4_096;

/** First reads of hosts that have no pins: an attacker may choose their names. */
const unknownHosts = { burst: 64, perSecond: 20 };

/** What is read, and for whom. */
export interface HostRead {
  readonly host: string;
  /** The first one of this host. */
  readonly isFirst: boolean;
  readonly inForce: InForce;
  readonly requiredHosts: RequiredHosts;
}

/** `turned-away`: the store was not asked, and why. */
export type HostAnswer = DocumentAnswer | { readonly outcome: 'turned-away'; readonly error: PinError };

/** Reads the documents of hosts, within what the store can be expected to bear. */
export class HostReads {
  readonly store: StoreWatch;
  readonly #settings: ResolverSettings;
  // One for each read, so that no signal gathers listeners.
  readonly #underWay = new Set<AbortController>();
  readonly #first: Turns;
  readonly #refreshes: Turns;
  #count = 0;

  constructor(settings: ResolverSettings) {
    const { clock, refreshIntervalMs, random, readTimeoutMs } = settings;
    this.#settings = settings;
    this.store = new StoreWatch(refreshIntervalMs, clock, random);
    this.#first = new Turns(
      { concurrent: concurrentFirstReads, waiting: waitingFirstReads, waitMs: readTimeoutMs },
      clock,
      new ReadBudget(unknownHosts, clock),
    );
    this.#refreshes = new Turns(
      { concurrent: concurrentRefreshes, waiting: waitingRefreshes, waitMs: readTimeoutMs },
      clock,
    );
  }

  /** How often the store was asked. */
  get count(): number {
    return this.#count;
  }

  /** Reads under way, and those that wait for their turn. */
  get pending(): number {
    return this.#first.size + this.#refreshes.size;
  }

  /** While the resolver starts, a read holds the process. */
  isStarting = false;

  /** Never rejects. */
  async read(read: HostRead): Promise<HostAnswer> {
    const { isFirst } = read;
    if (!this.store.isOpenToReads) return this.#leftAlone();
    const turns = isFirst ? this.#first : this.#refreshes;
    if (!(await turns.take())) return turnedAway(this.#settings.provider.name);
    let answer: HostAnswer | undefined;
    try {
      // Others may have found out meanwhile.
      answer = this.store.isOpenToReads ? await this.#ask(read) : this.#leftAlone();
      return answer;
    } finally {
      const isOfNoHost = answer?.outcome === 'rejected' || answer?.outcome === 'failed';
      turns.done(!isOfNoHost);
    }
  }

  /** Ends what is under way, and turns away who waits. */
  close(): void {
    for (const ending of this.#underWay) ending.abort();
    this.#first.close();
    this.#refreshes.close();
  }

  async #ask({ host, inForce, requiredHosts }: HostRead): Promise<DocumentAnswer> {
    const { provider, clock, readTimeoutMs, maxDocumentBytes } = this.#settings;
    this.#count += 1;
    const startedAt = this.store.begin();
    const ending = new AbortController();
    this.#underWay.add(ending);
    const limits = { timeoutMs: readTimeoutMs, signal: ending.signal, keepAlive: this.isStarting, host };
    const answer = await readDocument({ provider, limits, clock, maxDocumentBytes, requiredHosts }, inForce);
    this.#underWay.delete(ending);
    if (answer.outcome === 'failed' && isOutage(answer.error.code)) this.store.away(answer.error, startedAt);
    else this.store.answered();
    return answer;
  }

  #leftAlone(): HostAnswer {
    const error = this.store.lastError ?? turnedAway(this.#settings.provider.name).error;
    return { outcome: 'turned-away', error };
  }
}

function turnedAway(provider: string): { readonly outcome: 'turned-away'; readonly error: PinError } {
  const text = 'too many hosts wait to be read: the store was not asked';
  return {
    outcome: 'turned-away',
    error: new PinProviderError('ERR_PROVIDER_THROTTLED', text, { provider, detail: 'busy' }),
  };
}
