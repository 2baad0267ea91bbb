import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';
import type { PinError, PinResolver } from '@pinvault/core';
import { createEndpointResolver, PinnedAgent } from '@pinvault/node';
import { closed, endedByCaller, requestFailure, timedOut } from './failures.js';
import { guard } from './guard.js';
import type { AwsSettings } from './options.js';
import { type Command, loadSdk, type Sdk, type SdkClient } from './sdk.js';

/** The client of the SDK with its transport: the caller's, or one of our own whose agent, pins and end are ours. */
export class AwsClient {
  readonly #settings: AwsSettings;
  readonly #underWay = new Set<AbortController>();
  #sdk: Promise<Sdk> | undefined;
  #client: Promise<SdkClient> | undefined;
  #endpointPins: Promise<PinResolver> | undefined;
  #isClosed = false;

  constructor(settings: AwsSettings) {
    this.#settings = settings;
  }

  /**
   * Runs a piece of work that ends in time: by the deadline, by the caller's signal, or by `close()`, also where the
   * SDK waits for credentials, which know no signal.
   *
   * @throws PinError
   */
  async during<Value>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
    if (this.#isClosed) throw closed();
    if (signal.aborted) throw endedByCaller(signal.reason);
    const { timeoutMs } = this.#settings;
    const ending = new AbortController();
    const onAbort = (): void => ending.abort(endedByCaller(signal.reason));
    // Background reads hold no process; the resolver's own timer does while it starts.
    const timer = setTimeout(() => ending.abort(timedOut(timeoutMs)), timeoutMs).unref();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#underWay.add(ending);
    const ended = new Promise<never>((_resolve, reject) => {
      ending.signal.addEventListener('abort', () => reject(ending.signal.reason as PinError), { once: true });
    });
    try {
      return await Promise.race([work(ending.signal), ended]);
    } catch (error) {
      throw ending.signal.aborted ? (ending.signal.reason as PinError) : error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      this.#underWay.delete(ending);
    }
  }

  /**
   * Sends one command; once more where the credentials were refused and there are others by now, or where the clock was
   * off, which the SDK has corrected then. Its own errors are never passed on: what hangs on them may hold the request.
   *
   * @param secret - the id, for people
   * @throws PinError
   */
  async send(make: (sdk: Sdk) => Command, signal: AbortSignal, secret: string): Promise<unknown> {
    this.#client ??= this.#createClient();
    const client = this.#client;
    try {
      return await this.#sendWith(client, make, signal, secret);
    } catch (error) {
      const { detail } = error as { readonly detail?: unknown };
      const isWorthAnother =
        detail === 'clock' || (detail === 'credentials' && (await this.#hasOtherThan(client)));
      if (!isWorthAnother || signal.aborted) throw error;
      return await this.#sendWith(this.#client, make, signal, secret);
    }
  }

  async #sendWith(
    client: Promise<SdkClient>,
    make: (sdk: Sdk) => Command,
    signal: AbortSignal,
    secret: string,
  ): Promise<unknown> {
    // The client first: where the SDK is missing, this is the one place that is told.
    const sdkClient = await this.#ready(client);
    const command = make(await this.#loadedSdk());
    guard(command, this.#settings);
    try {
      return await sdkClient.send(command, { abortSignal: signal });
    } catch (error) {
      throw requestFailure(error, secret);
    }
  }

  /** A client that could not be made is made anew at the next read. */
  async #ready(client: Promise<SdkClient>): Promise<SdkClient> {
    try {
      return await client;
    } catch (error) {
      if (this.#client === client) [this.#client, this.#sdk] = [undefined, undefined];
      throw error;
    }
  }

  async #loadedSdk(): Promise<Sdk> {
    this.#sdk ??= loadSdk();
    return this.#sdk;
  }

  /**
   * Looks for credentials anew, as a new process would: the SDK keeps those without an end for ever, also when the file
   * that they came from holds others by now.
   */
  async #hasOtherThan(refused: Promise<SdkClient>): Promise<boolean> {
    // The caller's client is the caller's to mend.
    if (this.#settings.client !== undefined || this.#isClosed) return false;
    if (this.#client === refused) this.#client = this.#createClient();
    const [old, next] = await Promise.all([identityOf(refused), identityOf(this.#client)]);
    return next !== undefined && next !== old;
  }

  /** Ends what is under way, too. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const ending of this.#underWay) ending.abort(closed());
    if (this.#isOurs) (await this.#client?.catch(() => undefined))?.destroy?.();
    await (await this.#endpointPins?.catch(() => undefined))?.close();
  }

  /** A client or a transport that somebody else has made may serve others, too. */
  get #isOurs(): boolean {
    const { client, clientOptions } = this.#settings;
    const { requestHandler } = clientOptions as { readonly requestHandler?: { readonly handle?: unknown } };
    return client === undefined && typeof requestHandler?.handle !== 'function';
  }

  async #createClient(): Promise<SdkClient> {
    const { client, clientOptions, region } = this.#settings;
    if (client !== undefined) return client;
    const { SecretsManagerClient } = await this.#loadedSdk();
    const requestHandler =
      'requestHandler' in clientOptions ? {} : { requestHandler: await this.#createHandler() };
    return new SecretsManagerClient({
      // One layer owns retries, and it is the resolver: it knows the time, and nothing waits behind its back.
      maxAttempts: 1,
      ...(region === undefined ? {} : { region }),
      ...requestHandler,
      ...clientOptions,
    });
  }

  /** A connection per read: at one in a minute a pool saves nothing, and each verifies the endpoint's certificate anew. */
  async #createHandler(): Promise<object> {
    const { ca, pins } = this.#settings;
    const tlsOptions = {
      keepAlive: false,
      maxCachedSessions: 0,
      minVersion: 'TLSv1.2' as const,
      // Explicit, so that no variable switches it off.
      rejectUnauthorized: true,
      ...(ca === undefined ? {} : { ca }),
    };
    const httpsAgent =
      pins === undefined
        ? new HttpsAgent(tlsOptions)
        : new PinnedAgent(await this.#resolverOf(pins), tlsOptions);
    const httpAgent = new HttpAgent({ keepAlive: false });
    return { httpsAgent: holdingNothing(httpsAgent), httpAgent: holdingNothing(httpAgent) };
  }

  async #resolverOf(pins: readonly string[]): Promise<PinResolver> {
    this.#endpointPins ??= createEndpointResolver('aws.pins', pins);
    const resolver = await this.#endpointPins;
    if (this.#isClosed) await resolver.close();
    return resolver;
  }
}

/** The agent, whose connections hold no process. */
function holdingNothing<Agent extends HttpAgent>(agent: Agent): Agent {
  const create = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const socket = create(options, callback);
    (socket as Socket | null | undefined)?.unref();
    return socket;
  };
  return agent;
}

/** What tells credentials from others; `undefined` where there are none. */
async function identityOf(client: Promise<SdkClient> | undefined): Promise<string | undefined> {
  try {
    const found = (await (await client)?.config?.credentials?.()) as
      { readonly accessKeyId?: unknown; readonly sessionToken?: unknown } | undefined;
    return found === undefined ? undefined : JSON.stringify([found.accessKeyId, found.sessionToken]);
  } catch {
    return undefined;
  }
}
