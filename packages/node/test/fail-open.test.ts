import { fork } from 'node:child_process';
import { once } from 'node:events';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { checkServerIdentity, createServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { createStaticProvider, PinResolver } from '@pinvault/core';
import { loopbackLookup } from '@pinvault/testing';
import { PinnedAgent, type PinnedAgentOptions, type PinSource } from '#src/index.js';
import { codeOf, host, PinnedService } from './support/pinned-service.js';

// This file is about options that open holes, and so it names them.
const unsafe: readonly [string, PinnedAgentOptions][] = [
  ['rejectUnauthorized', { rejectUnauthorized: false }],
  ['checkServerIdentity', { checkServerIdentity: () => undefined }],
  ['session', { session: Buffer.from('session') }],
  ['pskCallback', { pskCallback: () => null }],
];

describe('an option that would open a hole', () => {
  let service: PinnedService;

  beforeEach(async () => {
    service = await PinnedService.start();
  });

  afterEach(() => service.close());

  for (const [name, option] of unsafe) {
    it(`is refused when it is passed to the agent: ${name}`, () => {
      expect(() => new PinnedAgent(service.pins, option))
        .to.throw(TypeError)
        .with.property('code', 'ERR_INVALID_OPTION');
    });

    it(`is refused when it is passed to a request: ${name}`, async () => {
      await service.rotate({ [host]: service.newLeaf.pin });
      const options = { host, port: service.server.port, agent: service.agent, ...option };
      expect(() => https.get(options))
        .to.throw(TypeError)
        .with.property('code', 'ERR_INVALID_OPTION');
      await new Promise((resolve) => setImmediate(resolve));
      expect(service.server.connections).to.equal(0);
    });
  }

  it('is refused where it makes no sense of maxCachedSessions', () => {
    expect(() => new PinnedAgent(service.pins, { maxCachedSessions: -1 }))
      .to.throw(TypeError)
      .with.property('code', 'ERR_INVALID_OPTION');
  });

  it('does not work when a pre-shared key is slipped in after the agent was made', async () => {
    const psk = Buffer.alloc(32, 7);
    let bytes = 0;
    // TLS 1.3 takes a pre-shared key for a resumed session, and of those Node checks nothing.
    const settings = { minVersion: 'TLSv1.3' } as const;
    const server = createServer(
      { ...settings, pskIdentityHint: 'hint', pskCallback: () => psk },
      (socket) => {
        socket.on('data', (data: Buffer) => (bytes += data.length)).on('error', () => undefined);
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      },
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const pskCallback = (): object => ({ psk, identity: 'client' });
      const dial = { host, port, lookup: loopbackLookup, ...settings };
      // The twin that shows that the server means it: without a pinned agent, no certificate is asked for.
      expect(await service.get({ ...dial, agent: false, pskCallback } as object)).to.include({ status: 200 });
      bytes = 0;
      Object.assign(service.agent.options, { pskCallback });
      expect(await service.get(dial)).to.have.property('error');
      expect(bytes).to.equal(0);
    } finally {
      server.close();
    }
  });

  it('does not work when it is slipped in after the agent was made', async () => {
    await service.rotate({ [host]: service.newLeaf.pin });
    Object.assign(service.agent.options, { rejectUnauthorized: false, checkServerIdentity: () => undefined });
    expect(codeOf(await service.get())).to.equal('ERR_PIN_MISMATCH');
    expect(service.server.applicationBytes).to.equal(0);
  });

  it('is not opened by undefined, which some clients pass for everything', async () => {
    const answer = await service.get({
      rejectUnauthorized: undefined,
      checkServerIdentity: undefined,
    });
    expect(answer).to.deep.equal({ status: 200, text: 'ok' });
    await service.rotate({ [host]: service.newLeaf.pin });
    expect(codeOf(await service.get({ rejectUnauthorized: undefined }))).to.equal('ERR_PIN_MISMATCH');
  });

  it("is not opened by Node's own check, which got passes with each request", async () => {
    expect(await service.get({ checkServerIdentity })).to.deep.equal({ status: 200, text: 'ok' });
    await service.rotate({ [host]: service.newLeaf.pin });
    expect(codeOf(await service.get({ checkServerIdentity }))).to.equal('ERR_PIN_MISMATCH');
  });

  for (const drainTimeoutMs of [-1, Number.NaN, 2 ** 31, '5' as unknown as number]) {
    it(`or makes no sense is refused: drainTimeoutMs ${String(drainTimeoutMs)}`, () => {
      expect(() => new PinnedAgent(service.pins, { drainTimeoutMs }))
        .to.throw(TypeError)
        .with.property('code', 'ERR_INVALID_OPTION');
    });
  }

  it('is also something that is no resolver', () => {
    for (const pins of [undefined, null, {}, 'pins', Promise.resolve()]) {
      expect(() => new PinnedAgent(pins as PinSource))
        .to.throw(TypeError)
        .with.property('code', 'ERR_INVALID_OPTION');
    }
  });
});

const soonRefused = async (): Promise<never> => {
  throw new Error('refused, but too late');
};

describe('a check that fails in an unforeseen way', () => {
  const failures: readonly [string, () => never][] = [
    [
      'an Error',
      () => {
        throw new RangeError('unforeseen');
      },
    ],
    [
      'a string',
      () => {
        throw 'unforeseen' as unknown as Error;
      },
    ],
    [
      'undefined',
      () => {
        throw undefined as unknown as Error;
      },
    ],
  ];

  for (const [what, fail] of failures) {
    it(`refuses: it throws ${what}`, async () => {
      const service = await PinnedService.start();
      try {
        const source: PinSource = { verify: fail, judge: fail, on: () => undefined, off: () => undefined };
        const agent = new PinnedAgent(source, { ca: service.root.pem, lookup: loopbackLookup });
        const answer = await service.get({ agent });
        expect('error' in answer && answer.error).to.be.an.instanceOf(Error);
        expect(service.server.applicationBytes).to.equal(0);
        agent.destroy();
      } finally {
        await service.close();
      }
    });
  }

  for (const [what, answer] of [
    ['a promise that will be rejected', soonRefused],
    ['nothing', () => undefined],
    ['an outcome that nobody knows', () => ({ outcome: 'fine', evidence: {} })],
    ['a verdict without evidence', () => ({ outcome: 'match' })],
  ] as const) {
    it(`refuses: it answers with ${what}`, async () => {
      const service = await PinnedService.start();
      try {
        const verify = (): never => {
          const given: unknown = answer();
          if (given instanceof Promise) given.catch(() => undefined);
          return given as never;
        };
        const source: PinSource = { verify, judge: verify, on: () => undefined, off: () => undefined };
        const agent = new PinnedAgent(source, { ca: service.root.pem, lookup: loopbackLookup });
        expect(codeOf(await service.get({ agent }))).to.equal('ERR_PIN_MISMATCH');
        expect(service.server.applicationBytes).to.equal(0);
        // A connection that was let in once is judged by the same rule when it is taken from the pool.
        const judging: PinSource = {
          ...source,
          verify: (target, certificate) => service.pins.verify(target, certificate),
        };
        const late = new PinnedAgent(judging, { ca: service.root.pem, lookup: loopbackLookup });
        const before = service.server.connections;
        expect(await service.get({ agent: late })).to.include({ status: 200 });
        expect(await service.get({ agent: late })).to.include({ status: 200 });
        expect(service.server.connections - before).to.equal(2);
        agent.destroy();
        late.destroy();
      } finally {
        await service.close();
      }
    });
  }

  it('takes a resolver of another copy of the package, by its shape', async () => {
    const service = await PinnedService.start();
    try {
      const pins = await PinResolver.create(createStaticProvider({ [host]: service.oldLeaf.pin }), {
        warnings: false,
      });
      const copy: PinSource = {
        verify: (target, certificate) => pins.verify(target, certificate),
        judge: (evidence) => pins.judge(evidence),
        on: (name, listener) => pins.on(name, listener),
        off: (name, listener) => pins.off(name, listener),
      };
      const agent = new PinnedAgent(copy, { ca: service.root.pem, lookup: loopbackLookup });
      expect(await service.get({ agent })).to.deep.equal({ status: 200, text: 'ok' });
      agent.destroy();
      await pins.close();
    } finally {
      await service.close();
    }
  });
});

describe('a process with an uncaughtException handler and verification switched off by its environment', () => {
  // In Node a check that throws sends the request in such a process; and the variable makes its answer worthless.
  for (const scenario of [
    'wrong pin',
    'malformed name',
    'throwing listener',
    'throwing store',
    'untrusted',
  ] as const) {
    it(`sends no byte: ${scenario}`, async () => {
      const program = fileURLToPath(new URL('support/hostile-process.js', import.meta.url));
      const child = fork(program, [scenario], {
        env: { PATH: process.env['PATH'], NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_NO_WARNINGS: '1' },
        execArgv: [],
      });
      const exited = once(child, 'exit');
      const [report] = (await once(child, 'message', { signal: AbortSignal.timeout(15_000) })) as [
        Record<string, unknown>,
      ];
      const [exitCode] = (await exited) as [number];
      expect(report['plainStatus']).to.equal(200);
      expect(report['bytes']).to.equal(0);
      expect(report['error']).to.be.a('string').and.not.equal('');
      expect(exitCode).to.equal(0);
    });
  }
});
