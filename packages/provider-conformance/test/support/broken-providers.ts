import http from 'node:http';
import {
  decodeDocument,
  type PinProvider,
  PinProviderError,
  type PinReadRequest,
  type PinReadResult,
} from '@pinvault/core';
import { failure, type ReferenceOptions, ReferenceProvider } from './reference-provider.js';

type Found = Extract<PinReadResult, { readonly document: unknown }>;

/** A provider with one fault, as they are found in the wild. */
export interface BrokenProvider {
  readonly fault: string;
  readonly create: (options: ReferenceOptions) => PinProvider;
  /** The fact that catches it. */
  readonly caughtBy: string;
  /** What else has to fail with it, and nothing beyond. A topic stands for all its facts. */
  readonly also?: readonly string[];
}

/** The reference, with another way to read. */
function reading(
  readAs: (
    request: PinReadRequest,
    read: (request: PinReadRequest) => Promise<PinReadResult>,
  ) => Promise<PinReadResult>,
): (options: ReferenceOptions) => PinProvider {
  return (options) => {
    const good = new ReferenceProvider(options);
    const provider: PinProvider = {
      name: good.name,
      scope: good.scope,
      read: async (request) => readAs(request, async (inner) => good.read(inner)),
      close: async () => good.close(),
    };
    return provider;
  };
}

/** With a memory of its own for each provider. */
function remembering<Memory>(
  start: () => Memory,
  readAs: (
    memory: Memory,
    request: PinReadRequest,
    read: (request: PinReadRequest) => Promise<PinReadResult>,
  ) => Promise<PinReadResult>,
): (options: ReferenceOptions) => PinProvider {
  return (options) => {
    const memory = start();
    return reading(async (request, read) => readAs(memory, request, read))(options);
  };
}

function codeOf(error: unknown): string {
  return error instanceof PinProviderError ? error.code : '';
}

/** What a careless provider makes of bytes. */
function textOf({ document }: Found): string {
  return Buffer.from(document as Uint8Array).toString();
}

function isFound(result: PinReadResult): result is Found {
  return 'document' in result;
}

export const brokenProviders: readonly BrokenProvider[] = [
  {
    fault: 'takes what is denied for what is not there',
    create: reading(async (request, read) => {
      try {
        return await read(request);
      } catch (error) {
        throw codeOf(error) === 'ERR_PROVIDER_DENIED'
          ? failure('ERR_PROVIDER_NOT_FOUND', 'no secret')
          : error;
      }
    }),
    caughtBy: 'a read that is denied: is denied, and not "not found"',
    also: [
      'a read that is denied',
      'reads at the same time: each fail with an error of their own',
      'credentials that expire',
    ],
  },
  {
    fault: 'answers with an empty document when the store is away',
    create: reading(async (request, read) => {
      try {
        return await read(request);
      } catch (error) {
        if (codeOf(error) !== 'ERR_PROVIDER_UNAVAILABLE') throw error;
        return { document: {}, revision: '0' };
      }
    }),
    caughtBy: 'a store that is away: is unavailable when nothing listens',
    also: [
      'a store that is away',
      'abort and timeout',
      'reads at the same time: are no cache: a read that begins after a failure is a new one',
      'close: ends the reads that are under way',
      'close: ends reading: a later read is refused and reaches no store',
      'no secret in any error: of a read that was aborted',
    ],
  },
  {
    fault: 'goes on with its last document when the store is away',
    create: remembering(
      () => ({ last: undefined as Found | undefined }),
      async (memory, request, read) => {
        try {
          const result = await read(request);
          if (isFound(result)) memory.last = result;
          return result;
        } catch (error) {
          if (memory.last === undefined || codeOf(error) !== 'ERR_PROVIDER_UNAVAILABLE') throw error;
          return memory.last;
        }
      },
    ),
    caughtBy:
      'a store that is away: is unavailable when it goes away between two reads, also where the revision is known',
    also: [
      'a store that is away',
      'abort and timeout: before the read lets nothing begin',
      'abort and timeout: of one read does not end another',
      'close: ends reading: a later read is refused and reaches no store',
      'no secret in any error: of a store that is away',
      'no secret in any error: of a store that fails',
    ],
  },
  {
    fault: 'does not look at the signal',
    create: reading(async (request, read) => read({ ...request, signal: new AbortController().signal })),
    caughtBy: 'abort and timeout: ends a read that waits for the store',
    also: ['abort and timeout', 'no secret in any error: of a read that was aborted'],
  },
  {
    fault: 'settles when the signal aborts, and leaves the request behind',
    create: reading(async (request, read) => {
      const { signal } = request;
      signal.throwIfAborted();
      const aborted = new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(failure('ERR_PROVIDER_UNAVAILABLE', 'aborted')));
      });
      return Promise.race([read({ ...request, signal: new AbortController().signal }), aborted]);
    }),
    caughtBy: 'abort and timeout: ends the request, too: no connection is left waiting',
  },
  {
    fault: 'says "unchanged" without a look',
    create: reading(async (request, read) => {
      const { knownRevision = '' } = request;
      return knownRevision === '' ? read(request) : { unchanged: true, revision: knownRevision };
    }),
    caughtBy: 'the revision: that is known is no reason to miss what was published since',
    also: [
      "the revision: that is another store's brings the document",
      'a secret that is not there: is not found either where a revision is known',
      'a secret that was deleted or disabled: is not "unchanged" after it was deleted',
      'a secret that was deleted or disabled: is not found while its newest version is switched off',
      'a read that is denied: is denied also where the revision is known',
      'a store that is away: is unavailable when it goes away between two reads, also where the revision is known',
      'a store that is away: is unavailable when it fails, and read again afterwards',
      'credentials that expire: are a denied read',
    ],
  },
  {
    fault: 'takes a secret that is gone for one that did not change',
    create: reading(async (request, read) => {
      try {
        return await read(request);
      } catch (error) {
        const { knownRevision } = request;
        if (knownRevision === undefined || codeOf(error) !== 'ERR_PROVIDER_NOT_FOUND') throw error;
        return { unchanged: true, revision: knownRevision };
      }
    }),
    caughtBy: 'a secret that was deleted or disabled: is not "unchanged" after it was deleted',
    also: [
      'a secret that is not there: is not found either where a revision is known',
      'a secret that was deleted or disabled: is not found while its newest version is switched off',
    ],
  },
  {
    fault: 'has one revision for everything',
    create: reading(async (request, read) => ({ ...(await read(request)), revision: '1' })),
    caughtBy: 'the revision: is another one when the document is another one',
  },
  {
    fault: 'makes a new revision for each read',
    create: remembering(
      () => ({ count: 0 }),
      async (memory, request, read) => {
        memory.count += 1;
        return { ...(await read({ ...request, knownRevision: '' })), revision: `r${String(memory.count)}` };
      },
    ),
    caughtBy: 'the revision: stays while the document stays, for every reader',
    also: ['the revision: that is known brings the document or "unchanged", under the same revision'],
  },
  {
    fault: 'takes seconds for milliseconds',
    create: reading(async (request, read) => {
      const result = await read(request);
      if (!isFound(result) || result.createdAt === undefined) return result;
      return { ...result, createdAt: new Date(result.createdAt.getTime() / 1_000) };
    }),
    caughtBy: 'reading: says when the version was made, or nothing',
  },
  {
    fault: 'loses the rows with a label',
    create: reading(async (request, read) => {
      const result = await read(request);
      if (!isFound(result)) return result;
      try {
        const rows = Object.entries(JSON.parse(textOf(result)) as object);
        const kept = Object.fromEntries(rows.filter(([key]) => !key.includes('#')));
        return rows.length === 0 ? result : { ...result, document: JSON.stringify(kept) };
      } catch {
        return result;
      }
    }),
    caughtBy: 'reading: brings every row and every character of it',
    also: [
      'the harness: gives each check a store of its own',
      'reading: brings what was published last, each time',
      'the revision: that is known is no reason to miss what was published since',
      'a secret that was deleted or disabled: is read again after it was deleted and written anew',
      'a secret that was deleted or disabled: is not found while its newest version is switched off',
      'an answer that is no document: is refused where the same key stands in it twice',
      'an answer that is no document: is refused where its bytes are no UTF-8',
      'credentials that expire: are replaced by new ones without a new provider',
    ],
  },
  {
    fault: 'parses the document, and so keeps the last of two equal keys',
    create: reading(async (request, read) => {
      const result = await read(request);
      if (!isFound(result)) return result;
      try {
        return { ...result, document: JSON.parse(textOf(result)) as object };
      } catch {
        return result;
      }
    }),
    caughtBy: 'an answer that is no document: is refused where the same key stands in it twice',
    also: ['an answer that is no document: is refused where its bytes are no UTF-8'],
  },
  {
    fault: 'replaces bytes that are no UTF-8',
    create: reading(async (request, read) => {
      const result = await read(request);
      return isFound(result) ? { ...result, document: textOf(result) } : result;
    }),
    caughtBy: 'an answer that is no document: is refused where its bytes are no UTF-8',
  },
  {
    fault: 'goes on with its last document when the new one is broken',
    create: remembering(
      () => ({ last: { document: '{"*":"none"}', revision: '0' } as Found }),
      async (memory, request, read) => {
        const result = await read(request);
        if (!isFound(result)) return result;
        try {
          decodeDocument(result.document);
          memory.last = result;
        } catch {
          // Nobody will notice.
        }
        return memory.last;
      },
    ),
    caughtBy: 'an answer that is no document: is refused where it is a text that is no JSON',
    also: ['an answer that is no document', 'no secret in any error'],
  },
  {
    fault: 'takes throttling for an outage',
    create: reading(async (request, read) => {
      try {
        return await read(request);
      } catch (error) {
        throw codeOf(error) === 'ERR_PROVIDER_THROTTLED'
          ? failure('ERR_PROVIDER_UNAVAILABLE', 'away')
          : error;
      }
    }),
    caughtBy: 'a store that throttles: is told apart from one that is away, with the time that it asks for',
    also: ['a store that throttles: is read again afterwards'],
  },
  {
    fault: 'forgets how long the store asked to wait',
    create: reading(async (request, read) => {
      try {
        return await read(request);
      } catch (error) {
        throw codeOf(error) === 'ERR_PROVIDER_THROTTLED' ? failure('ERR_PROVIDER_THROTTLED', 'later') : error;
      }
    }),
    caughtBy: 'a store that throttles: is told apart from one that is away, with the time that it asks for',
  },
  {
    fault: 'tries ten times by itself',
    create: reading(async (request, read) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await read(request);
        } catch (error) {
          if (attempt === 10 || codeOf(error) !== 'ERR_PROVIDER_UNAVAILABLE') throw error;
        }
      }
    }),
    caughtBy: 'a store that is away: is asked a few times at most for one read',
  },
  {
    fault: 'remembers a failure for a minute',
    create: remembering(
      () => ({ until: 0, error: undefined as unknown }),
      async (memory, request, read) => {
        if (Date.now() < memory.until) throw memory.error;
        try {
          return await read(request);
        } catch (error) {
          Object.assign(memory, { until: Date.now() + 60_000, error });
          throw error;
        }
      },
    ),
    caughtBy: 'a read that is denied: is allowed again without a new provider',
    also: [
      'a secret that is not there: is read once it is there',
      'a secret that was deleted or disabled: is read again after it was deleted and written anew',
      'a secret that was deleted or disabled: is not found while its newest version is switched off',
      'a store that throttles: is read again afterwards',
      'a store that is away: is read again when it is back',
      'a store that is away: is unavailable when it fails, and read again afterwards',
      'credentials that expire: are replaced by new ones without a new provider',
      'abort and timeout: leaves the provider fit for the next read',
      'reads at the same time: are no cache: a read that begins after a failure is a new one',
    ],
  },
  {
    fault: 'lets one read answer all who ask, under the signal of the first',
    create: remembering(
      () => ({ flight: undefined as Promise<PinReadResult> | undefined }),
      async (memory, request, read) => {
        if (request.host !== undefined) return read(request);
        memory.flight ??= read(request).finally(() => (memory.flight = undefined));
        return memory.flight;
      },
    ),
    caughtBy: 'abort and timeout: of one read does not end another',
  },
  {
    fault: 'waits for ever where the store never answers',
    create: ({ url, token }) => new ReferenceProvider({ url, token, timeoutMs: 3_600_000 }),
    caughtBy: 'abort and timeout: ends a read by itself where the store never answers',
    also: ['one secret per host'],
  },
  {
    fault: 'keeps the credentials that it began with',
    create: (options) => {
      const token = options.token();
      return new ReferenceProvider({ ...options, token: () => token });
    },
    caughtBy: 'credentials that expire: are replaced by new ones without a new provider',
  },
  {
    fault: "passes the client's own error on",
    create: (options) => {
      const good = new ReferenceProvider(options);
      return {
        name: good.name,
        scope: good.scope,
        close: async () => good.close(),
        async read(request) {
          try {
            return await good.read(request);
          } catch (error) {
            if (codeOf(error) !== 'ERR_PROVIDER_UNAVAILABLE') throw error;
            const headers = { authorization: `Bearer ${options.token()}` };
            throw Object.assign(new Error('request failed'), { config: { headers } });
          }
        },
      };
    },
    caughtBy: 'no secret in any error: of a store that is away',
    also: [
      'a store that is away',
      'abort and timeout',
      'reads at the same time: are no cache: a read that begins after a failure is a new one',
      'close: ends the reads that are under way',
      'close: ends reading: a later read is refused and reaches no store',
      'no secret in any error',
    ],
  },
  {
    fault: "hides the client's error in the cause, and with it the credentials",
    create: (options) =>
      reading(async (request, read) => {
        try {
          return await read(request);
        } catch (error) {
          if (codeOf(error) !== 'ERR_PROVIDER_DENIED') throw error;
          const cause = new Error(`GET with Basic ${Buffer.from(`x:${options.token()}`).toString('base64')}`);
          throw new PinProviderError('ERR_PROVIDER_DENIED', 'denied', { provider: 'reference', cause });
        }
      })(options),
    caughtBy: 'no secret in any error: of a read that is denied',
    also: [
      'no secret in any error: of an answer that repeats the request',
      'no secret in any error: of credentials that have expired',
    ],
  },
  {
    fault: 'shows its credentials to whoever prints it',
    create: (options) => Object.assign(new ReferenceProvider(options), { token: options.token() }),
    caughtBy: 'no secret in any error: nor in the provider itself, after a read',
  },
  {
    fault: 'quotes the document that it cannot read',
    create: reading(async (request, read) => {
      const result = await read(request);
      if (!isFound(result)) return result;
      try {
        JSON.parse(textOf(result));
      } catch {
        throw failure('ERR_PROVIDER_UNAVAILABLE', `no JSON: ${textOf(result)}`);
      }
      return result;
    }),
    caughtBy: 'no secret in any error: of a document that is broken, nor what stands in its rows',
    also: [
      'an answer that is no document: is refused where it is a text that is no JSON',
      'an answer that is no document: is refused where it is empty',
    ],
  },
  {
    fault: 'mixes hosts that are read at the same time',
    create: remembering(
      () => ({ flight: undefined as Promise<PinReadResult> | undefined }),
      async (memory, request, read) => {
        if (request.host === undefined) return read(request);
        memory.flight ??= read(request).finally(() => (memory.flight = undefined));
        return memory.flight;
      },
    ),
    caughtBy:
      'one secret per host: never mixes hosts that are read at the same time, nor a missing one among them',
  },
  {
    fault: 'lets a host lead out of its folder',
    create: (options) =>
      new (class extends ReferenceProvider {
        protected override pathOf(host: string | undefined): string {
          return this.scope === 'document' ? '/pins' : `/hosts/${(host ?? '').replace('tls-pins', 'pins')}`;
        }
      })(options),
    caughtBy: 'one secret per host: is never read outside its folder, whatever the host',
  },
  {
    fault: 'fails when it is closed again',
    create: (options) => {
      const good = new ReferenceProvider(options);
      let isClosed = false;
      return {
        name: good.name,
        scope: good.scope,
        read: async (request) => good.read(request),
        async close() {
          if (isClosed) throw new Error('closed already');
          isClosed = true;
          await good.close();
        },
      };
    },
    caughtBy: 'close: may come twice, also both at once',
    // The suite closes what it made, too.
    also: ['close', 'open handles'],
  },
  {
    fault: 'reads on after it was closed',
    create: (options) => {
      const provider = {
        ...reading(async (request, read) => read(request))(options),
        close: async () => undefined,
      };
      return provider;
    },
    caughtBy: 'close: ends reading: a later read is refused and reaches no store',
    also: ['close: ends the reads that are under way'],
  },
  {
    fault: 'leaves a timer behind',
    create: (options) => {
      const timer = setInterval(() => undefined, 60_000);
      // Its own end is the test's to bring about: close() does not.
      leftTimers.push(timer);
      return new ReferenceProvider(options);
    },
    caughtBy: 'open handles: are no timer between two reads',
    also: ['open handles: are none after close: nothing that keeps the process alive'],
  },
  {
    fault: 'leaves its connections open',
    create: (options) => {
      const agent = new http.Agent({ keepAlive: true });
      leftAgents.push(agent);
      const good = new ReferenceProvider(options, agent);
      return {
        name: good.name,
        scope: good.scope,
        read: async (request) => good.read(request),
        close: async () => closeBut(agent, good),
      };
    },
    caughtBy: 'open handles: are none after close: no connection to the store',
    also: [
      'open handles: are none after close: nothing that keeps the process alive',
      'abort and timeout: ends the request, too: no connection is left waiting',
    ],
  },
];

/** All of the end, but the connections. */
async function closeBut(agent: http.Agent, provider: ReferenceProvider): Promise<void> {
  const destroy = agent.destroy.bind(agent);
  agent.destroy = () => undefined;
  await provider.close();
  agent.destroy = destroy;
}

const leftTimers: NodeJS.Timeout[] = [];
const leftAgents: http.Agent[] = [];

/** Ends what the broken providers have left behind. */
export function clearUp(): void {
  for (const timer of leftTimers.splice(0)) clearInterval(timer);
  for (const agent of leftAgents.splice(0)) agent.destroy();
}
