import { type Clock, parseRetryAfter, type PinError, systemClock } from '@pinvault/core';
import type { VaultNode } from './connection/address.js';
import { Cluster, dnsLookup, type SrvLookup } from './connection/cluster.js';
import { Exchange, type SocketRoad } from './connection/exchange.js';
import { pause } from './connection/pause.js';
import { RateLimit } from './connection/rate-limit.js';
import { followRedirect } from './connection/redirect.js';
import { type Attempt, delayMsAfter, kindOf, mayAskNext, mayRepeat, tellingOf } from './connection/retry.js';
import { closed, endedByCaller, refusedRedirect, requestFailure, timedOut } from './failures.js';
import type { VaultSettings } from './options.js';

/** What came back, as far as anybody looks at it. */
export interface VaultResponse {
  readonly statusCode: number;
  readonly contentType: string;
  readonly retryAfter: string | undefined;
  readonly text: string;
  /** The node that answered, as texts name it. */
  readonly from: string;
  /** The log-in inside the request failed, and not the request (OpenBao's inline authentication). */
  readonly isLoginRefused: boolean;
}

/** One request. The token is among the headers; the body goes out as JSON. */
export interface VaultRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'LIST';
  /** Of the first node; another node gets the same path. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: object | undefined;
  /** What of headers and body must appear nowhere. @defaultValue the token */
  readonly secrets?: readonly string[];
}

/** What tests put in place of the machine's own. */
export interface TransportSeams {
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly lookup?: SrvLookup;
}

/** The header that holds the token. */
export const tokenHeader = 'X-Vault-Token';

// With others to ask, a node that hangs may not use up the whole read.
const longestForOneNodeMs = 1_000;

/**
 * The way to the vault: which node is asked, how often, and for how long. The token goes to the nodes and to named
 * redirects, and there only after the certificate was checked.
 */
export class VaultTransport {
  readonly #settings: VaultSettings;
  readonly #exchange: Exchange;
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #rateLimit: RateLimit | undefined;
  readonly #underWay = new Set<AbortController>();
  #isClosed = false;

  constructor(settings: VaultSettings, seams: TransportSeams = {}) {
    const { clock = systemClock, random = Math.random, lookup = dnsLookup } = seams;
    this.#settings = settings;
    this.#exchange = new Exchange(settings);
    this.#cluster = new Cluster(settings.nodes, settings.srvLookup ? lookup : undefined);
    this.#clock = clock;
    this.#random = random;
    this.#rateLimit = settings.rateLimit && new RateLimit(settings.rateLimit, clock);
  }

  /** One GET, as {@link request}. @throws PinError */
  async get(
    url: URL,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<VaultResponse> {
    return this.request({ method: 'GET', url, headers }, signal);
  }

  /**
   * One request, repeated where that may help. What may have taken effect is repeated only if it reads.
   * @throws PinError where no node answered
   */
  async request(asked: VaultRequest, signal: AbortSignal): Promise<VaultResponse> {
    const { address, timeoutMs } = this.#settings;
    if (this.#isClosed) throw closed(address);
    if (signal.aborted) throw endedByCaller(address, signal.reason);
    const ending = new AbortController();
    const onAbort = (): void => ending.abort(endedByCaller(address, signal.reason));
    const timer = this.#clock.after(timeoutMs, () => ending.abort(timedOut(address, timeoutMs)));
    signal.addEventListener('abort', onAbort, { once: true });
    this.#underWay.add(ending);
    try {
      const last = await this.#rounds(asked, ending.signal);
      if ('error' in last) throw last.error;
      return last.response;
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      this.#underWay.delete(ending);
    }
  }

  /**
   * How a WebSocket to the node that answered last is opened. `path` is that of a request, with its query.
   * @throws PinProviderError where no road leads there
   */
  async webSocket(path: string, signal: AbortSignal): Promise<SocketRoad> {
    const { address } = this.#settings;
    if (this.#isClosed) throw closed(address);
    const [node] = await this.#cluster.inOrder(signal);
    if (node === undefined) throw requestFailure(undefined, address);
    const url = new URL(`${node.url.href.replace(/\/+$/u, '')}/v1/${path}`);
    return this.#exchange.webSocketTo(node, url, signal);
  }

  /** Ends what is under way, too. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const ending of this.#underWay) ending.abort(closed(this.#settings.address));
    await this.#exchange.close();
  }

  /** All nodes once, then again while that may help. @throws PinError where the request was ended */
  async #rounds(asked: VaultRequest, signal: AbortSignal): Promise<Attempt> {
    for (let round = 0; ; round += 1) {
      const last = await this.#round(asked, signal);
      if (round === this.#settings.maxRetries || !mayRepeat(last, isRead(asked))) return last;
      const retryAfter = 'response' in last ? parseRetryAfter(last.response.retryAfter) : undefined;
      const delayMs = delayMsAfter(round, retryAfter, this.#random());
      if (delayMs === undefined) return last;
      await pause(this.#clock, delayMs, signal);
      if (this.#isClosed) throw signal.reason as PinError;
      // Why the vault refuses says more than that time ran out.
      if (signal.aborted) return last;
    }
  }

  async #round(asked: VaultRequest, signal: AbortSignal): Promise<Attempt> {
    const nodes = await this.#cluster.inOrder(signal);
    let telling: Attempt | undefined;
    for (const [index, node] of nodes.entries()) {
      const next = nodes[index + 1];
      // Before the node's own time begins: it is not the one that waits.
      await this.#rateLimit?.turn(signal);
      const attempt = await this.#attempt(asked, node, signal, nodes.length);
      if (signal.aborted) {
        // It hung: the next read begins elsewhere.
        if (nodes.length > 1) this.#cluster.prefer(next ?? node);
        throw signal.reason as PinError;
      }
      if (!mayAskNext(attempt, isRead(asked))) {
        // A log-in that may have taken effect is not repeated; where a read would go on, the next log-in begins elsewhere.
        this.#cluster.prefer(mayAskNext(attempt, true) ? (next ?? nodes[0] ?? node) : node);
        return attempt;
      }
      telling = tellingOf(telling, attempt);
    }
    return telling as Attempt;
  }

  async #attempt(
    asked: VaultRequest,
    node: VaultNode,
    signal: AbortSignal,
    nodeCount: number,
  ): Promise<Attempt> {
    const ending = new AbortController();
    const end = (): void => ending.abort(signal.reason);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    const limitMs = Math.min(longestForOneNodeMs, this.#settings.timeoutMs / nodeCount);
    let isSent = false;
    const timer =
      nodeCount === 1
        ? undefined
        : this.#clock.after(limitMs, () => {
            if (isRead(asked) || !isSent) ending.abort(timedOut(node, limitMs));
          });
    const onSent = (): void => void (isSent = true);
    try {
      return { response: await this.#ask(asked, node, ending.signal, onSent) };
    } catch (error) {
      const failure = ending.signal.aborted
        ? (ending.signal.reason as PinError)
        : requestFailure(error, node);
      return { error: failure, kind: kindOf(failure), isSent };
    } finally {
      timer?.cancel();
      signal.removeEventListener('abort', end);
    }
  }

  /** Follows at most one redirect, and none to where the token may not go. */
  async #ask(
    asked: VaultRequest,
    node: VaultNode,
    signal: AbortSignal,
    onSent: () => void,
  ): Promise<VaultResponse> {
    const url = placedAt(node, asked.url, this.#settings.address);
    const first = await this.#exchange.run(asked, { node, url, signal, onSent });
    if (first.location === undefined) return first;
    const { secrets = [asked.headers[tokenHeader] ?? ''] } = asked;
    const to = followRedirect(first.location, { node, url, secrets }, this.#settings);
    await this.#rateLimit?.turn(signal);
    const second = await this.#exchange.run(asked, { ...to, signal, onSent });
    if (second.location === undefined) return second;
    followRedirect(second.location, { ...to, secrets }, this.#settings);
    throw refusedRedirect(to.node, 'a second time; only one redirect is followed');
  }
}

function isRead({ method }: VaultRequest): boolean {
  return method === 'GET' || method === 'LIST';
}

/** The same request at another node: what follows the folder of the first one follows that of the other. */
function placedAt({ url: base }: VaultNode, url: URL, first: URL): URL {
  const folder = (each: URL): string => each.pathname.replace(/\/+$/u, '');
  const placed = new URL(base);
  placed.pathname = folder(base) + url.pathname.slice(folder(first).length);
  placed.search = url.search;
  return placed;
}
