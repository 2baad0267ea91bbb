import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { type GuardOptions, pinErrorCode } from '@pinvault/core';
import { chainPem, loopbackLookup } from '@pinvault/testing';
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws';
import { PinnedAgent, PinnedProxyAgent } from '#src/index.js';
import { ConnectProxy } from './support/connect-proxy.js';
import { host, PinnedService } from './support/pinned-service.js';

/** ws 8, by the lines that docs/clients.md gives. */
describe('a WebSocket of ws', () => {
  let service: PinnedService;
  let server: Server;
  let port: number;
  let received: string[];
  let bytes: () => number;

  beforeEach(async () => {
    service = await PinnedService.start();
    const { oldLeaf } = service;
    server = createServer({ key: oldLeaf.key.privateKeyPem, cert: chainPem(oldLeaf) });
    const sockets: TLSSocket[] = [];
    server.on('secureConnection', (socket: TLSSocket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
    });
    bytes = () => sockets.reduce((sum, socket) => sum + socket.bytesRead, 0);
    received = [];
    new WebSocketServer({ server }).on('connection', (socket) => {
      socket.on('message', (message: Buffer) => {
        received.push(message.toString());
        socket.send(`echo ${message.toString()}`);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });

  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await service.close();
  });

  function dial(options: ClientOptions = {}): WebSocket {
    return new WebSocket(`wss://${host}:${port}`, {
      lookup: loopbackLookup,
      ca: service.root.pem,
      ...service.pins.tlsOptions({ host, port }),
      ...options,
    } as ClientOptions);
  }

  /** The recipe. */
  function dialGuarded(options: GuardOptions | ((socket: WebSocket) => GuardOptions)): WebSocket {
    const socket = dial();
    socket.once('upgrade', (response: IncomingMessage) => {
      const guard = typeof options === 'function' ? options(socket) : options;
      service.pins.guardSocket(response.socket as TLSSocket, { host, port }, guard);
    });
    return socket;
  }

  const drain = (socket: WebSocket): GuardOptions => ({ onDrain: () => socket.close(1012) });

  const closeOf = async (socket: WebSocket): Promise<number> =>
    new Promise((resolve) => {
      socket.on('error', () => undefined);
      socket.on('close', (code) => resolve(code));
    });

  it('is refused on a mismatch with our very error, and no byte is sent', async () => {
    await service.rotate({ [host]: service.newLeaf.pin });
    const agent = new PinnedAgent(service.pins, { ca: service.root.pem, lookup: loopbackLookup });
    for (const socket of [dial(), new WebSocket(`wss://${host}:${port}`, { agent })]) {
      const [error] = (await once(socket, 'error')) as [unknown];
      expect(pinErrorCode(error)).to.equal('ERR_PIN_MISMATCH');
    }
    expect(bytes()).to.equal(0);
  });

  it('is closed with 1012 when its pin is removed, and what was sent before has arrived', async () => {
    const socket = dialGuarded(drain);
    await once(socket, 'open');
    socket.send('before');
    await once(socket, 'message');
    const closed = closeOf(socket);
    await service.rotate({ [host]: service.newLeaf.pin });
    expect(socket.readyState).to.equal(WebSocket.CLOSING);
    socket.send('after');
    expect(await closed).to.equal(1012);
    expect(received).to.deep.equal(['before']);
  });

  it('stays open while a rotation still accepts it', async () => {
    const socket = dialGuarded(drain);
    await once(socket, 'open');
    await service.rotate({ [host]: `${service.oldLeaf.pin} ${service.newLeaf.pin}` });
    socket.send('still here');
    const [answer] = (await once(socket, 'message')) as [Buffer];
    expect(answer.toString()).to.equal('echo still here');
    socket.terminate();
  });

  it('ends at once under close, and under $revoked whatever the policy is', async () => {
    const ended = dialGuarded({ policy: 'close' });
    const kept = dialGuarded({ policy: 'keep' });
    await Promise.all([once(ended, 'open'), once(kept, 'open')]);
    const [endedClosed, keptClosed] = [closeOf(ended), closeOf(kept)];
    await service.rotate({ [host]: service.newLeaf.pin });
    expect(await endedClosed).to.equal(1006);
    expect(kept.readyState).to.equal(WebSocket.OPEN);
    await service.rotate({ [host]: service.newLeaf.pin, $revoked: service.oldLeaf.pin });
    expect(await keptClosed).to.equal(1006);
  });

  it('is drained by a PinnedAgent that has opened it, with or without a proxy', async () => {
    const proxy = await ConnectProxy.start();
    const common = { ca: service.root.pem, drainTimeoutMs: 1 };
    const agents = [
      new PinnedAgent(service.pins, { ...common, lookup: loopbackLookup }),
      new PinnedProxyAgent(service.pins, { ...common, proxy: proxy.url }),
    ];
    try {
      const sockets = agents.map((agent) => new WebSocket(`wss://${host}:${port}`, { agent }));
      await Promise.all(sockets.map((socket) => once(socket, 'open')));
      expect(proxy.asked).to.have.length(1);
      const closed = sockets.map(closeOf);
      await service.rotate({ [host]: service.newLeaf.pin });
      expect(await Promise.all(closed)).to.deep.equal([1006, 1006]);
    } finally {
      for (const agent of agents) agent.destroy();
      await proxy.close();
    }
  });
});
