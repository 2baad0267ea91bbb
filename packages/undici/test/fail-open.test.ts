import { createStaticProvider, PinResolver } from '@pinvault/core';
import { createRootCa, loopbackLookup, startTlsServer, type TestTlsServer } from '@pinvault/testing';
import { expect } from 'chai';
import type { PinSource } from '#src/index.js';
import { describeWithEach } from './support/majors.js';
import { answerOf, host } from './support/scene.js';

const variable = 'NODE_TLS_REJECT_UNAUTHORIZED';

describeWithEach('PinnedDispatcher in a process that lets everything pass', (major) => {
  const before = process.env[variable];
  let swallowed: NodeJS.UncaughtExceptionListener[];
  const swallow = (): void => undefined;

  beforeEach(() => {
    process.env[variable] = '0';
    // As loggers and test runners install it: what is thrown in a check would send the request.
    swallowed = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', swallow);
  });

  afterEach(() => {
    if (before === undefined) delete process.env[variable];
    else process.env[variable] = before;
    process.off('uncaughtException', swallow);
    for (const listener of swallowed) process.on('uncaughtException', listener);
  });

  interface Trap {
    readonly pinned: 'leaf' | 'other';
    readonly isUntrusted?: boolean;
    readonly isMalformed?: boolean;
    source?(pins: PinResolver): PinSource;
    readonly code: string;
  }

  const bare = (pins: PinResolver, verify: () => unknown): PinSource => ({
    verify: verify as PinSource['verify'],
    judge: pins.judge.bind(pins),
    on: pins.on.bind(pins),
    off: pins.off.bind(pins),
  });

  const traps: Readonly<Record<string, Trap>> = {
    'a wrong key': { pinned: 'other', code: 'ERR_PIN_MISMATCH' },
    'a chain that nobody vouches for, with the pinned key': {
      pinned: 'leaf',
      isUntrusted: true,
      code: 'SELF_SIGNED_CERT_IN_CHAIN',
    },
    'a name on which Node throws': {
      pinned: 'leaf',
      isMalformed: true,
      // In the words of this Node: of the format, or that no name fits.
      code: 'ERR_TLS_CERT_ALTNAME_',
    },
    'a resolver that throws': {
      pinned: 'leaf',
      source: (pins) =>
        bare(pins, () => {
          throw new Error('a store that throws');
        }),
      code: 'Error: a store that throws',
    },
    'a resolver that answers with a promise': {
      pinned: 'leaf',
      source: (pins) => bare(pins, async () => undefined),
      code: 'ERR_PIN_MISMATCH',
    },
  };

  for (const [title, trap] of Object.entries(traps)) {
    it(`sends nothing in spite of ${title}`, async () => {
      const root = await createRootCa({ subject: 'Example Root' });
      const stranger = await createRootCa({ subject: 'Stranger' });
      const malformed = { oid: '2.5.29.17', critical: false, value: Buffer.from('300682046100620a', 'hex') };
      const names = trap.isMalformed === true ? { extensions: [malformed] } : { hosts: [host] };
      const leaf = await (trap.isUntrusted === true ? stranger : root).issue({ subject: host, ...names });
      const other = await root.issue({ hosts: [host] });
      const server: TestTlsServer = await startTlsServer({
        chain: trap.isUntrusted === true ? [leaf, stranger] : [leaf],
      });
      const provider = createStaticProvider({ [host]: (trap.pinned === 'leaf' ? leaf : other).pin });
      const pins = await PinResolver.create(provider, { warnings: false });
      const connect = { ca: root.pem, lookup: loopbackLookup };
      const dispatcher = new major.pinned.PinnedDispatcher(trap.source?.(pins) ?? pins, { connect });
      // The twin that shows that the switch is in force.
      const plain = new major.undici.Agent({ connect });
      try {
        const request = {
          origin: `https://${host}:${server.port}`,
          path: '/',
          method: 'POST',
          headers: { authorization: 'Bearer canary' },
          body: 'x'.repeat(200_000),
        } as const;
        const answer = await answerOf(async () => String((await dispatcher.request(request)).statusCode));
        expect(answer.startsWith(trap.code), answer).to.equal(true);
        expect(server.applicationBytes).to.equal(0);
        if (trap.isMalformed !== true) expect((await plain.request(request)).statusCode).to.equal(200);
      } finally {
        await Promise.all([dispatcher.destroy(), plain.destroy()]);
        await server.close();
        await pins.close();
      }
    });
  }
});
