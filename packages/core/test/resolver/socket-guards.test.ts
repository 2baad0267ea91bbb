import { EventEmitter } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { PinError } from '#src/errors.js';
import type { GuardableSocket, GuardOptions } from '#src/resolver/guard-options.js';
import { PinResolver } from '#src/resolver/resolver.js';
import type { NodeCertificate } from '#src/verify/certificate.js';
import { host, lonePeer, pinOf, testTime } from '../support/chains.js';
import { FakeClock } from '../support/fake-clock.js';
import { HostProvider } from '../support/host-provider.js';
import { startResolver, type Started } from '../support/resolvers.js';

const lone = pinOf('lone');
const other = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const target = { host, port: 443 };

/** A stand-in for tls.TLSSocket, whose clock is the test's: the real one is met in packages/node. */
class FakeSocket extends EventEmitter implements GuardableSocket {
  destroyed = false;
  authorized = false;
  authorizationError: unknown = null;
  isResumed = false;
  certificate: NodeCertificate | null = lonePeer('lone');
  reason: Error | undefined;

  secure(): this {
    this.authorized = true;
    this.emit('secureConnect');
    return this;
  }

  isSessionReused(): boolean {
    return this.isResumed;
  }

  getPeerCertificate(): NodeCertificate | null {
    return this.certificate;
  }

  destroy(error?: Error): void {
    this.destroyed = true;
    this.reason ??= error;
    this.emit('close');
  }

  get code(): string | undefined {
    return PinError.isPinError(this.reason) ? this.reason.code : undefined;
  }
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

async function publish(started: Started, rows: object): Promise<void> {
  started.provider.publish(rows);
  await started.resolver.refresh();
}

describe('guardSocket', () => {
  let started: Started;
  const start = async (rows: object = { [host]: lone }, options: object = {}): Promise<Started> =>
    (started = await startResolver(rows, options));
  const guard = (
    socket: FakeSocket,
    options?: GuardOptions,
  ): ReturnType<Started['resolver']['guardSocket']> => started.resolver.guardSocket(socket, target, options);

  afterEach(() => started.resolver.close());

  it('judges a connection that is open already, and one that is not when it is', async () => {
    await start({ [host]: other });
    const open = new FakeSocket().secure();
    guard(open);
    expect(open.code).to.equal('ERR_PIN_MISMATCH');
    const opening = new FakeSocket();
    guard(opening);
    expect(opening.destroyed).to.equal(false);
    opening.secure();
    expect(opening.code).to.equal('ERR_PIN_MISMATCH');
  });

  it('destroys what was refused in its handshake, whatever the policy', async () => {
    await start({ [host]: other });
    for (const policy of ['drain', 'close', 'keep'] as const) {
      const socket = new FakeSocket();
      guard(socket, { policy });
      expect(socket.secure().code, policy).to.equal('ERR_PIN_MISMATCH');
    }
  });

  it('destroys what proves nothing: not authorized, resumed, without a certificate', async () => {
    await start();
    const unauthorized = new FakeSocket();
    unauthorized.authorizationError = 'DEPTH_ZERO_SELF_SIGNED_CERT';
    guard(unauthorized);
    expect(unauthorized.code).to.equal('ERR_PIN_CHAIN_UNVERIFIED');
    const resumed = new FakeSocket();
    resumed.isResumed = true;
    guard(resumed);
    expect(resumed.secure().code).to.equal('ERR_PIN_MISMATCH');
    for (const certificate of [null, {} as NodeCertificate]) {
      const without = new FakeSocket();
      without.certificate = certificate;
      guard(without);
      expect(without.secure().code).to.equal('ERR_PIN_MISMATCH');
    }
  });

  it('lets a connection be while a rotation still accepts it', async () => {
    await start();
    const socket = new FakeSocket().secure();
    guard(socket);
    await publish(started, { [host]: `${lone} ${other}` });
    await started.clock.advance(120_000);
    expect(socket.destroyed).to.equal(false);
  });

  it('tells the owner, and ends the connection when the grace is over and not before', async () => {
    await start();
    const socket = new FakeSocket().secure();
    const told: Error[] = [];
    guard(socket, { graceMs: 5_000, onDrain: (reason) => told.push(reason) });
    await publish(started, { [host]: other });
    expect(told.map((reason) => (reason as PinError).code)).to.deep.equal(['ERR_PIN_MISMATCH']);
    await publish(started, { [host]: `${other} sha256/BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=` });
    expect(told).to.have.length(1);
    await started.clock.advance(4_999);
    expect(socket.destroyed).to.equal(false);
    await started.clock.advance(1);
    expect(socket.reason).to.equal(told[0]);
  });

  it('has a grace of 30 s by default', async () => {
    await start();
    const socket = new FakeSocket().secure();
    guard(socket);
    await publish(started, { [host]: other });
    await started.clock.advance(29_999);
    expect(socket.destroyed).to.equal(false);
    await started.clock.advance(1);
    expect(socket.code).to.equal('ERR_PIN_MISMATCH');
  });

  it('lets it live where a later rotation takes the removal back', async () => {
    await start();
    const socket = new FakeSocket().secure();
    guard(socket);
    await publish(started, { [host]: other });
    await publish(started, { [host]: `${other} ${lone}` });
    await started.clock.advance(60_000);
    expect(socket.destroyed).to.equal(false);
  });

  it('ends it at once under the policy close', async () => {
    await start();
    const socket = new FakeSocket().secure();
    guard(socket, { policy: 'close' });
    await publish(started, { [host]: other });
    expect(socket.code).to.equal('ERR_PIN_MISMATCH');
  });

  it('keeps it under the policy keep, until its key is revoked', async () => {
    await start();
    const socket = new FakeSocket().secure();
    guard(socket, { policy: 'keep' });
    await publish(started, { [host]: other });
    await started.clock.advance(90_000);
    expect(socket.destroyed).to.equal(false);
    await publish(started, { [host]: other, $revoked: lone });
    expect(socket.code).to.equal('ERR_PIN_REVOKED');
  });

  it('ends a revoked key at once, in the middle of its grace', async () => {
    await start();
    const socket = new FakeSocket().secure();
    guard(socket);
    await publish(started, { [host]: other });
    expect(socket.destroyed).to.equal(false);
    await publish(started, { [host]: other, $revoked: lone });
    expect(socket.code).to.equal('ERR_PIN_REVOKED');
  });

  it('ends by until= to the millisecond, with no read in between', async () => {
    const until = testTime + 10_000;
    await start({ [host]: `${lone} until=${new Date(until).toISOString()}` });
    const socket = new FakeSocket().secure();
    guard(socket, { policy: 'close' });
    await started.clock.advance(10_000);
    expect(socket.destroyed).to.equal(false);
    await started.clock.advance(1);
    expect(socket.code).to.equal('ERR_PIN_EXPIRED');
  });

  it('finds within 30 s what ended while the process was frozen', async () => {
    await start({ [host]: `${lone} until=${new Date(testTime + 3_600_000).toISOString()}` });
    const socket = new FakeSocket().secure();
    guard(socket, { policy: 'close' });
    started.clock.freeze(3_600_001);
    await started.clock.advance(30_000);
    expect(socket.code).to.equal('ERR_PIN_EXPIRED');
  });

  it('ends by maxStaleMs', async () => {
    await start({ [host]: lone }, { maxStaleMs: 90_000 });
    const socket = new FakeSocket().secure();
    guard(socket, { policy: 'close' });
    started.provider.answer(new Error('away'));
    await started.clock.advance(91_000);
    expect(socket.code).to.equal('ERR_RESOLVER_EXPIRED');
  });

  it('ends with the resolver, open or opening; under keep what is open is let go', async () => {
    await start();
    const [open, opening, kept, openingKept] = [1, 2, 3, 4].map(() => new FakeSocket()) as [
      FakeSocket,
      FakeSocket,
      FakeSocket,
      FakeSocket,
    ];
    guard(open.secure());
    guard(opening);
    guard(kept.secure(), { policy: 'keep' });
    guard(openingKept, { policy: 'keep' });
    await started.resolver.close();
    expect([open, opening, openingKept].map(({ code }) => code)).to.deep.equal(
      Array(3).fill('ERR_RESOLVER_CLOSED'),
    );
    expect(kept.destroyed).to.equal(false);
    expect(started.clock.delays).to.deep.equal([]);
    const late = new FakeSocket();
    guard(late);
    expect(late.code).to.equal('ERR_RESOLVER_CLOSED');
  });

  it('judges all the same where somebody has taken every listener off the socket', async () => {
    await start();
    const socket = new FakeSocket();
    guard(socket, { policy: 'close' });
    socket.removeAllListeners();
    for (let round = 0; round < 3; round += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      collectGarbage();
    }
    socket.secure();
    await publish(started, { [host]: `${lone} ${other}` });
    await publish(started, { [host]: other });
    expect(socket.code).to.equal('ERR_PIN_MISMATCH');
  });

  it('is released by its owner, by using, and by the end of the socket; then there is no timer of it', async () => {
    await start();
    const before = started.clock.delays.length;
    const [released, disposed, closed] = [1, 2, 3].map(() => new FakeSocket().secure()) as [
      FakeSocket,
      FakeSocket,
      FakeSocket,
    ];
    const first = guard(released);
    const second = guard(disposed);
    guard(closed);
    expect(started.clock.delays).to.have.length(before + 1);
    first.release();
    first.release();
    second[Symbol.dispose]();
    closed.destroy();
    expect(started.clock.delays).to.have.length(before);
    await publish(started, { [host]: other });
    await started.clock.advance(60_000);
    expect([released.destroyed, disposed.destroyed]).to.deep.equal([false, false]);
    expect(released.listenerCount('close') + released.listenerCount('secureConnect')).to.equal(0);
  });

  it('holds no process open', async () => {
    await start();
    guard(new FakeSocket().secure());
    expect(started.clock.keepingAlive).to.equal(0);
  });

  it('holds a socket weakly, and lets the pins of its host go with it', async () => {
    await start();
    const collected: true[] = [];
    const registry = new FinalizationRegistry<undefined>(() => collected.push(true));
    (() => {
      const socket = new FakeSocket().secure();
      registry.register(socket, undefined);
      guard(socket);
    })();
    const before = started.clock.delays.length;
    for (let round = 0; round < 50 && collected.length === 0; round += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      collectGarbage();
    }
    expect(collected).to.have.length(1);
    await publish(started, { [host]: other });
    expect(started.clock.delays).to.have.length(before - 1);
  });

  it('asks for the pins in force, also within the trial of a wrong one', async () => {
    await start();
    const socket = new FakeSocket().secure();
    guard(socket, { policy: 'close' });
    await started.resolver.underWrongPin(target, () => started.clock.advance(30_000));
    expect(socket.destroyed).to.equal(false);
  });

  it('follows the document of its own host, and keeps it from being evicted', async () => {
    const store = new HostProvider({
      [host]: { [host]: lone },
      'other.example.test': { 'other.example.test': other },
    });
    const clock = new FakeClock(testTime);
    const resolver = await PinResolver.create(store, {
      warnings: false,
      random: () => 0,
      clock,
      maxHosts: 1,
    });
    try {
      await resolver.ready(host);
      const socket = new FakeSocket().secure();
      resolver.guardSocket(socket, target, { policy: 'close' });
      await resolver.ready('other.example.test');
      expect(resolver.lookup(host).rule).to.equal('pins');
      store.publish('other.example.test', { 'other.example.test': lone });
      await resolver.refresh('other.example.test');
      expect(socket.destroyed).to.equal(false);
      store.publish(host, { [host]: other });
      await resolver.refresh(host);
      expect(socket.code).to.equal('ERR_PIN_MISMATCH');
    } finally {
      await resolver.close();
    }
  });

  it('judges the others where a socket throws as it is destroyed', async () => {
    await start();
    const [broken, next] = [new FakeSocket().secure(), new FakeSocket().secure()];
    for (const socket of [broken, next]) guard(socket, { policy: 'close' });
    broken.destroy = (): never => {
      throw new Error('this throws');
    };
    await publish(started, { [host]: other });
    expect(next.code).to.equal('ERR_PIN_MISMATCH');
  });

  it('survives an owner that throws', async () => {
    await start();
    const socket = new FakeSocket().secure();
    guard(socket, {
      graceMs: 10,
      onDrain: () => {
        throw new Error('the owner is confused');
      },
    });
    await publish(started, { [host]: other });
    await started.clock.advance(10);
    expect(socket.code).to.equal('ERR_PIN_MISMATCH');
  });

  it('refuses what is no TLS socket, and options that contradict each other', async () => {
    await start();
    const invalid = (socket: object | null, options?: object): void => {
      expect(() => started.resolver.guardSocket(socket as GuardableSocket, target, options))
        .to.throw(TypeError)
        .with.property('code', 'ERR_INVALID_OPTION');
    };
    invalid(null);
    invalid(new EventEmitter());
    for (const options of [
      { policy: 'sometimes' },
      { graceMs: -1 },
      { graceMs: Infinity },
      { graceMs: '5s' },
      { onDrain: 'later' },
      { policy: 'close', graceMs: 5 },
      { policy: 'keep', onDrain: () => undefined },
    ])
      invalid(new FakeSocket(), options);
  });
});
