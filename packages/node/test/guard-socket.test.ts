import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { type GuardOptions, pinErrorCode, type PinProvider, PinResolver } from '@pinvault/core';
import { loopbackLookup } from '@pinvault/testing';
import { connectPinnedTls } from '#src/index.js';
import { host, PinnedService } from './support/pinned-service.js';

describe('guardSocket on real sockets', () => {
  let service: PinnedService;
  const open: TLSSocket[] = [];

  afterEach(async () => {
    for (const socket of open.splice(0)) socket.destroy();
    await service.close();
  });

  function dial(options: tls.ConnectionOptions = {}): TLSSocket {
    const socket = tls.connect({
      host,
      port: service.server.port,
      servername: host,
      lookup: loopbackLookup,
      ca: service.root.pem,
      ...options,
    } as tls.ConnectionOptions);
    open.push(socket);
    return socket;
  }

  const guard = (socket: TLSSocket, options?: GuardOptions): unknown =>
    service.pins.guardSocket(socket, { host, port: service.server.port }, options);

  const endOf = async (socket: TLSSocket): Promise<string | undefined> => {
    const [error] = (await once(socket, 'error')) as [unknown];
    return pinErrorCode(error);
  };

  const hello = `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`refuses a connection without a check of its own before a byte that waits is sent (${version})`, async () => {
      service = await PinnedService.start({ server: { maxVersion: version } });
      await service.rotate({ [host]: service.newLeaf.pin });
      const socket = dial();
      guard(socket);
      socket.write(hello);
      expect(await endOf(socket)).to.equal('ERR_PIN_MISMATCH');
      await new Promise((resolve) => setImmediate(resolve));
      expect(service.server.applicationBytes).to.equal(0);
    });

    it(`refuses a resumed session before a byte that waits is sent (${version})`, async () => {
      service = await PinnedService.start({ server: { maxVersion: version } });
      const first = dial();
      guard(first);
      const ticket = once(first, 'session') as Promise<[Buffer]>;
      first.write(hello);
      const [session] = await ticket;
      await once(first, 'data');
      const unguarded = dial({ session });
      await once(unguarded, 'secureConnect');
      expect(unguarded.isSessionReused()).to.equal(true);
      const bytes = service.server.applicationBytes;
      const resumed = dial({ session });
      guard(resumed);
      resumed.write(hello);
      expect(await endOf(resumed)).to.equal('ERR_PIN_MISMATCH');
      await new Promise((resolve) => setImmediate(resolve));
      expect(service.server.applicationBytes).to.equal(bytes);
    });
  }

  for (const moment of ['before', 'after'] as const) {
    it(`refuses a socket whose certificate nobody verifies, taken ${moment} its handshake`, async () => {
      service = await PinnedService.start();
      const raw = connectTcp(service.server.port, '127.0.0.1');
      const socket = new tls.TLSSocket(raw, { isServer: false });
      open.push(socket);
      // Such a socket begins its handshake when it is written to.
      socket.write(hello);
      if (moment === 'after') await once(socket, 'secure');
      const end = endOf(socket);
      guard(socket, { policy: 'keep' });
      expect(await end).to.equal('ERR_PIN_CHAIN_UNVERIFIED');
      await new Promise((resolve) => setImmediate(resolve));
      if (moment === 'before') expect(service.server.applicationBytes).to.equal(0);
    });
  }

  it('counts a handshake once, whether a check was passed or not', async () => {
    service = await PinnedService.start();
    for (const options of [service.pins.tlsOptions({ host, port: service.server.port }), {}]) {
      const before = service.pins.status().counters.matches;
      const socket = dial(options);
      guard(socket);
      await once(socket, 'secureConnect');
      expect(service.pins.status().counters.matches).to.equal(before + 1);
    }
  });

  it('judges before an owner that writes as soon as the handshake is over', async () => {
    service = await PinnedService.start();
    await service.rotate({ [host]: service.newLeaf.pin });
    let isTold = false;
    const socket = dial();
    socket.on('secureConnect', () => {
      isTold = true;
      socket.write(hello);
    });
    guard(socket);
    expect(await endOf(socket)).to.equal('ERR_PIN_MISMATCH');
    await new Promise((resolve) => setImmediate(resolve));
    expect([isTold, socket.bytesWritten, service.server.applicationBytes]).to.deep.equal([true, 0, 0]);
  });

  it('drains by default, closes where it is told to, and keeps what still matches', async () => {
    service = await PinnedService.start();
    const [drained, closed] = [dial(service.pins.tlsOptions({ host })), dial()];
    const told: (string | undefined)[] = [];
    guard(drained, { onDrain: (reason) => told.push(pinErrorCode(reason)) });
    guard(closed, { policy: 'close' });
    await Promise.all([once(drained, 'secureConnect'), once(closed, 'secureConnect')]);
    await service.rotate({ [host]: `${service.oldLeaf.pin} ${service.newLeaf.pin}` });
    expect([drained.destroyed, closed.destroyed, told.length]).to.deep.equal([false, false, 0]);
    const end = endOf(closed);
    await service.rotate({ [host]: service.newLeaf.pin });
    expect(await end).to.equal('ERR_PIN_MISMATCH');
    expect(told).to.deep.equal(['ERR_PIN_MISMATCH']);
    expect(drained.destroyed).to.equal(false);
  });

  it('judges a connection that is opened while the pins rotate under the later ones', async () => {
    service = await PinnedService.start();
    const socket = dial();
    guard(socket);
    const end = endOf(socket);
    await service.rotate({ [host]: service.newLeaf.pin });
    expect(await end).to.equal('ERR_PIN_MISMATCH');
    expect(service.server.applicationBytes).to.equal(0);
  });

  describe('connectPinnedTls', () => {
    const connect = async (options: object = {}): Promise<TLSSocket> => {
      const socket = await connectPinnedTls(service.pins, {
        host,
        port: service.server.port,
        ca: service.root.pem,
        lookup: loopbackLookup,
        ...options,
      });
      open.push(socket);
      return socket;
    };

    it('resolves with a connection that matches, and guards it', async () => {
      service = await PinnedService.start();
      const socket = await connect({ policy: 'close' });
      expect(socket.authorized).to.equal(true);
      const end = endOf(socket);
      await service.rotate({ [host]: service.newLeaf.pin });
      expect(await end).to.equal('ERR_PIN_MISMATCH');
    });

    it('rejects on a mismatch; dials once more where a refresh cures it', async () => {
      service = await PinnedService.start();
      service.server.use([service.newLeaf]);
      const refused = await connect().catch((error: unknown) => error);
      expect(pinErrorCode(refused)).to.equal('ERR_PIN_MISMATCH');
      expect(service.server.applicationBytes).to.equal(0);
      await service.close();
      service = await PinnedService.start();
      service.server.use([service.newLeaf]);
      service.provider.update({ [host]: service.newLeaf.pin });
      expect((await connect()).authorized).to.equal(true);
      expect(service.server.connections).to.equal(2);
    });

    it('rejects with the reason of an abort in the middle of a handshake', async () => {
      service = await PinnedService.start();
      const abort = new AbortController();
      const pending = connect({ signal: abort.signal }).catch((error: unknown) => error);
      const reason = new Error('no time');
      abort.abort(reason);
      expect(await pending).to.equal(reason);
      expect(service.server.applicationBytes).to.equal(0);
    });

    it('loads the pins of a host that has a document of its own before it dials', async () => {
      service = await PinnedService.start();
      const { oldLeaf } = service;
      let answer: () => void = () => undefined;
      const gate = new Promise<void>((resolve) => (answer = resolve));
      const provider: PinProvider = {
        name: 'by-host',
        scope: 'host',
        read: async () => {
          await gate;
          return { document: { [host]: oldLeaf.pin }, revision: '1' };
        },
      };
      const pins = await PinResolver.create(provider, { warnings: false });
      const options = { host, port: service.server.port, ca: service.root.pem, lookup: loopbackLookup };
      try {
        const abort = new AbortController();
        const given = connectPinnedTls(pins, { ...options, signal: abort.signal }).catch(
          (error: unknown) => error,
        );
        const connecting = connectPinnedTls(pins, { ...options, signal: new AbortController().signal });
        const reason = new Error('no time');
        abort.abort(reason);
        expect(await given).to.equal(reason);
        expect(service.server.connections).to.equal(0);
        answer();
        const socket = await connecting;
        open.push(socket);
        expect(service.server.connections).to.equal(1);
        // And keeps them while the connection is open.
        const end = endOf(socket);
        await pins.close();
        expect(await end).to.equal('ERR_RESOLVER_CLOSED');
      } finally {
        await pins.close();
      }
    });

    it('refuses what would open a hole', async () => {
      service = await PinnedService.start();
      for (const options of [{ pskCallback: () => null }, { host: '' }]) {
        const error = await connect(options).catch((thrown: unknown) => thrown);
        expect(error).to.be.an.instanceOf(TypeError).with.property('code', 'ERR_INVALID_OPTION');
      }
      expect(service.server.connections).to.equal(0);
    });
  });
});
