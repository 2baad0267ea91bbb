import { createRootCa } from '@pinvault/testing';
import { createPinResolver, PinMismatchError, type PinResolver, type PinSource } from 'pinvault';
import { host, type Road, type Site } from './roads.js';

/** Something that could let a request through that pins forbid. */
export interface Trap {
  readonly name: string;
  /** Codes that the refusal may have. */
  readonly codes: readonly string[];
  /** Roads on which there is such a trap. @defaultValue all three */
  readonly roads?: readonly Road[];
  /** Sets it; what comes of it must never be a connection. */
  readonly set: (site: Site, clock: TestClock) => Promise<PinSource>;
  /** What is added to the options of the request or connection. */
  readonly addition?: object;
  /** What the client's own error listener does. */
  readonly onError?: () => void;
  /** What is done after the pins have been made and before the client dials. */
  readonly afterwards?: (site: Site, pins: PinSource, clock: TestClock) => Promise<void>;
}

/** A clock that runs until it is broken. */
export interface TestClock {
  isBroken: boolean;
  now(): number;
  monotonic(): number;
  after(delayMs: number, callback: () => void): { cancel(): void };
}

export function testClock(): TestClock {
  const read = (time: () => number) =>
    function instant(this: TestClock): number {
      if (this.isBroken) throw new RangeError('the clock is broken');
      return time();
    };
  return {
    isBroken: false,
    now: read(() => Date.now()),
    monotonic: read(() => performance.now()),
    after: () => ({ cancel: () => undefined }),
  };
}

async function resolverOf(
  document: object,
  options: Partial<Parameters<typeof createPinResolver>[0]> = {},
): Promise<PinResolver> {
  const provider = { name: 'test', read: async () => ({ document, revision: '1' }) };
  return createPinResolver({ provider, warnings: false, ...options }, {});
}

const wrongPin = async ({ other }: Site): Promise<PinResolver> => resolverOf({ [host]: other.pin });
const rightPin = async ({ leaf }: Site, clock: TestClock): Promise<PinResolver> =>
  resolverOf({ [host]: leaf.pin }, { clock });

/** A resolver by shape, as another copy of the package would be one. */
function sourceOf(answer: () => unknown): PinSource {
  const verify = (): never => answer() as never;
  return { verify, judge: verify, on: () => undefined, off: () => undefined };
}

const explode = (): never => {
  throw new Error('this throws');
};
const mismatch = ['ERR_PIN_MISMATCH'];

// dNSName with a NUL and a newline in it, as IA5String (RFC 5280 §4.2.1.6 allows neither): Node's own check throws.
const malformedName = { oid: '2.5.29.17', critical: false, value: Buffer.from('300682046100620a', 'hex') };

/** No trap: the pins allow the connection, and it is made. Else the refusals of the others would prove nothing. */
export const control: Trap = { name: 'nothing', codes: [], set: rightPin };

/** Each of them with an `uncaughtException` handler present, with and without NODE_TLS_REJECT_UNAUTHORIZED=0. */
export const traps: readonly Trap[] = [
  { name: 'another pin', codes: mismatch, set: wrongPin },
  {
    name: 'rejectUnauthorized: false, on the connection',
    codes: mismatch,
    roads: ['request', 'connect'],
    set: wrongPin,
    addition: { rejectUnauthorized: false },
  },
  {
    name: 'rejectUnauthorized: false, on a request to the agent',
    codes: ['ERR_INVALID_OPTION'],
    roads: ['agent'],
    set: wrongPin,
    addition: { rejectUnauthorized: false },
  },
  {
    name: 'an own check, on a request to the agent',
    codes: ['ERR_INVALID_OPTION'],
    roads: ['agent'],
    set: wrongPin,
    addition: { checkServerIdentity: () => undefined },
  },
  {
    name: 'rejectUnauthorized: undefined',
    codes: mismatch,
    set: wrongPin,
    addition: { rejectUnauthorized: undefined },
  },
  {
    name: 'a Host header of a host that is not pinned',
    codes: mismatch,
    roads: ['agent', 'request'],
    set: async ({ other }) => resolverOf({ [host]: other.pin, 'free.example.test': 'none' }),
    addition: { headers: { host: 'free.example.test' } },
    afterwards: async (site) =>
      site.server.use([await site.root.issue({ hosts: [host, 'free.example.test'], key: site.leaf.key })]),
  },
  {
    name: 'an error listener that throws',
    codes: mismatch,
    set: wrongPin,
    onError: explode,
  },
  {
    name: 'an event listener that throws',
    codes: mismatch,
    set: async ({ other }) => resolverOf({ [host]: other.pin }, { onEvent: explode }),
  },
  {
    name: 'a clock that throws',
    codes: ['ERR_PIN_CHAIN_UNVERIFIED', 'ERR_RESOLVER_EXPIRED', 'RangeError'],
    set: rightPin,
    afterwards: async (_site, _pins, clock) => void (clock.isBroken = true),
  },
  {
    name: 'a name in the certificate that Node cannot read',
    codes: ['ERR_TLS_CERT_ALTNAME_FORMAT', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    set: rightPin,
    afterwards: async (site) =>
      site.server.use([
        await site.root.issue({ subject: host, extensions: [malformedName], key: site.leaf.key }),
      ]),
  },
  {
    name: 'a certificate of another name, with the pinned key',
    codes: ['ERR_TLS_CERT_ALTNAME_INVALID'],
    set: rightPin,
    afterwards: async (site) =>
      site.server.use([await site.root.issue({ hosts: ['elsewhere.test'], key: site.leaf.key })]),
  },
  {
    name: 'a certificate of nobody, with the pinned key',
    codes: ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    set: rightPin,
    afterwards: async (site) => {
      const nobody = await createRootCa({ subject: 'Nobody' });
      site.server.use([await nobody.issue({ hosts: [host], key: site.leaf.key })]);
    },
  },
  {
    name: 'no row for the host',
    codes: ['ERR_PIN_HOST_UNCOVERED'],
    set: async ({ leaf }) => resolverOf({ 'other.example.test': leaf.pin }),
  },
  {
    name: 'a row that cannot be read, from the start',
    codes: ['ERR_PIN_ROW_INVALID'],
    set: async ({ leaf }) => resolverOf({ [host]: `${leaf.pin}mistyped`, 'other.example.test': leaf.pin }),
  },
  {
    name: 'pins that are past their date',
    codes: ['ERR_PIN_EXPIRED'],
    set: async ({ leaf }) => resolverOf({ [host]: `${leaf.pin} until=2020-01-01`, '*': 'none' }),
  },
  {
    name: 'a resolver that was closed',
    codes: ['ERR_RESOLVER_CLOSED'],
    set: rightPin,
    afterwards: async (_site, pins) => (pins as PinResolver).close(),
  },
  {
    name: 'pins of the host that are not loaded',
    codes: ['ERR_PIN_NOT_LOADED'],
    roads: ['agent'],
    set: async () =>
      sourceOf(() => {
        throw new PinMismatchError('ERR_PIN_NOT_LOADED', 'not loaded', { host });
      }),
  },
  { name: 'a source that throws', codes: ['Error'], roads: ['agent'], set: async () => sourceOf(explode) },
  {
    name: 'a source that answers nothing',
    codes: mismatch,
    roads: ['agent'],
    set: async () => sourceOf(() => undefined),
  },
  {
    name: 'a source that answers true',
    codes: mismatch,
    roads: ['agent'],
    set: async () => sourceOf(() => true),
  },
  {
    name: 'a source that answers with a promise',
    codes: mismatch,
    roads: ['agent'],
    set: async () => sourceOf(() => Promise.resolve({ outcome: 'match', evidence: {} })),
  },
  {
    name: 'a source with a getter that throws',
    codes: ['Error'],
    roads: ['agent'],
    set: async () => sourceOf(() => Object.defineProperty({}, 'outcome', { get: explode, enumerable: true })),
  },
];
