import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { invalidOption, PinMismatchError, type Target, type WrongPinTrial } from '@pinvault/core';

/** What a proof needs of a resolver, by shape. */
export interface ProvablePins {
  underWrongPin<Result>(target: Target, run: () => Promise<Result>): Promise<WrongPinTrial<Result>>;
  prove<Result>(run: () => Promise<Result>): Promise<Result>;
}

/** Any client, as a function that makes one whole request and reads the answer to its end; pinned `fetch` fits as it is. */
export type ProvableRequest = (url: string, options: { readonly signal: AbortSignal }) => Promise<unknown>;

/** An undici dispatcher, by shape. */
export interface ProvableDispatcher {
  request(options: {
    origin: string;
    path: string;
    method: 'GET';
    signal: AbortSignal;
  }): Promise<{ body: { dump(): Promise<unknown> } }>;
}

/** Options of {@link proveLive}. */
export interface ProveLiveOptions {
  /** Whose pins the client asks for, where the URL does not tell. @defaultValue host and port of the URL */
  readonly target?: Target | undefined;
  /** For each of the four requests, in milliseconds. @defaultValue 10 000 */
  readonly timeoutMs?: number | undefined;
}

/** What was shown; plain data, for a health endpoint. */
export interface LiveProof {
  readonly url: string;
  /** The client refused a wrong pin before it had any connection of the proof. */
  readonly refusedFirst: true;
  /** It refused where a request had just succeeded: a pooled connection or a TLS session was at hand. */
  readonly refusedReused: true;
  /** And serves again. */
  readonly restored: true;
  readonly tookMs: number;
}

const ports: Readonly<Record<string, number>> = {
  'https:': 443,
  'wss:': 443,
  'mqtts:': 8_883,
  'amqps:': 5_671,
  'rediss:': 6_379,
  'postgres:': 5_432,
  'postgresql:': 5_432,
};

/**
 * Shows that this client obeys the pins: with a pin that no key has, a first request is refused, and so is one for which
 * a connection or a session is at hand; with the pins in force it is served, before and after. For start-up checks and
 * health endpoints; costs four requests.
 *
 * Only what the proof itself starts meets the wrong pin; other requests, rotations and guarded sockets go on meanwhile,
 * and nothing has to be put back. `PinnedAgent`, `PinnedDispatcher` and a pinned client of gRPC give a proof connections
 * of its own, also where a function uses them, which end with it. A function that uses a pool of another library has to
 * make one for the request: what such a pool dials in the proof, be it for others, meets the wrong pin.
 *
 * @param client - a `PinnedAgent`, a `PinnedDispatcher`, pinned `fetch`, or any function that makes one request
 * @param url - of something cheap to ask for, which answers under the pins in force
 * @throws PinMismatchError (`ERR_PIN_MISMATCH`) where the client did not refuse; the client's own error where it failed
 *   for another reason; TypeError (`ERR_INVALID_OPTION`)
 */
export async function proveLive(
  pins: ProvablePins,
  client: Agent | ProvableDispatcher | ProvableRequest,
  url: string | URL,
  options: ProveLiveOptions = {},
): Promise<LiveProof> {
  const given: Partial<ProvablePins> | null = pins;
  if (typeof given?.underWrongPin !== 'function' || typeof given.prove !== 'function')
    throw invalidOption('pins', 'is no resolver: pass what createPinResolver() resolved with');
  const { timeoutMs = 10_000 } = options;
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0) || timeoutMs > 2 ** 31 - 1)
    throw invalidOption('timeoutMs', 'is no number of milliseconds');
  const parsed = new URL(url);
  const target = options.target ?? targetOfUrl(parsed);
  const send = requesterOf(client);
  const ask = async (): Promise<void> => {
    await send(parsed, AbortSignal.timeout(timeoutMs));
    // A turn later the connection is back in its pool: a request that waits for it there is asked for by nobody.
    await new Promise((resolve) => setImmediate(resolve));
  };
  const startedAt = performance.now();
  await pins.prove(async () => {
    assertRefused('a first connection', target, await pins.underWrongPin(target, ask));
    await ask();
    assertRefused('a connection at hand', target, await pins.underWrongPin(target, ask));
    await ask();
  });
  return {
    url: parsed.origin === 'null' ? `${parsed.protocol}//${parsed.host}` : parsed.origin,
    refusedFirst: true,
    refusedReused: true,
    restored: true,
    tookMs: Math.round(performance.now() - startedAt),
  };
}

function assertRefused(which: string, { host }: Target, trial: WrongPinTrial<unknown>): void {
  const { asked, refused, result } = trial;
  // A failure of another kind proves nothing: only what the wrong pin has refused counts.
  if (result.status === 'rejected' && refused > 0) return;
  if (result.status === 'rejected') throw result.reason;
  const why =
    asked === 0
      ? 'it did not ask for the pins: it has no check, resumes sessions, or uses connections that nobody judges'
      : 'it asked for the pins and did not obey: rejectUnauthorized is false, or its check was wrapped';
  throw new PinMismatchError(
    'ERR_PIN_MISMATCH',
    `${host}: the client sent a request over ${which} under a wrong pin: ${why}`,
    { host },
  );
}

function targetOfUrl({ hostname, port, protocol }: URL): Target {
  const number = port === '' ? ports[protocol] : Number(port);
  return { host: hostname.replace(/^\[|\]$/g, ''), ...(number === undefined ? {} : { port: number }) };
}

type Requester = (url: URL, signal: AbortSignal) => Promise<unknown>;

function requesterOf(client: Agent | ProvableDispatcher | ProvableRequest): Requester {
  if (typeof client === 'function') return async (url, signal) => finish(await client(url.href, { signal }));
  if (client instanceof Agent) return agentRequester(client);
  if (typeof (client as Partial<ProvableDispatcher> | null)?.request === 'function') {
    return async ({ origin, pathname, search }, signal) => {
      const { body } = await client.request({ origin, path: pathname + search, method: 'GET', signal });
      await body.dump();
    };
  }
  throw invalidOption('client', 'is no agent, no dispatcher and no function that makes a request');
}

/** A connection is at hand for the next request only when the answer was read: what fetch resolves with has not been. */
async function finish(answer: unknown): Promise<void> {
  if (answer instanceof Response) await answer.arrayBuffer();
}

function agentRequester(agent: Agent): Requester {
  return async (url, signal) => {
    const sent = request(url, { agent, signal }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
  };
}
