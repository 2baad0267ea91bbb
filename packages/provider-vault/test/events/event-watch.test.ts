import { expect } from 'chai';
import { once } from 'node:events';
import { Agent } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { VirtualClock } from '@pinvault/testing';
import { PinProviderError } from '@pinvault/core';
import { type EventSource, EventWatch } from '#src/events/event-watch.js';
import type { Hint } from '#src/events/event-hint.js';
import { locate } from '#src/kv/location.js';
import { parseSecretPath } from '#src/secret-path.js';

const location = locate(parseSecretPath('secret/tls-pins'), { path: 'secret', version: 2 });
const minuteMs = 60_000;

describe('the watch over the events of a vault', () => {
  let clock: VirtualClock;
  let server: WebSocketServer;
  let agent: Agent;
  let watch: EventWatch | undefined;
  let sockets: WebSocket[];
  let hints: Hint[];
  let tries: number;

  beforeEach(async () => {
    clock = new VirtualClock(0);
    agent = new Agent();
    sockets = [];
    hints = [];
    tries = 0;
    server = new WebSocketServer({ host: '127.0.0.1', port: 0, autoPong: false });
    server.on('connection', (socket) => sockets.push(socket));
    await once(server, 'listening');
  });

  afterEach(() => {
    watch?.close();
    for (const socket of sockets) socket.terminate();
    server.close();
  });

  function begin(source: Partial<EventSource> = {}): EventWatch {
    const { port } = server.address() as AddressInfo;
    watch = new EventWatch(
      {
        address: new URL(`http://127.0.0.1:${String(port)}`),
        clock,
        timeoutMs: 5_000,
        random: () => 1,
        hasEvents: undefined,
        locate: async () => location,
        async connect(path) {
          tries += 1;
          const url = new URL(`ws://127.0.0.1:${String(port)}/v1/${path}`);
          return { headers: { 'X-Vault-Token': 't' }, road: { url, options: { agent }, headers: {} } };
        },
        ...source,
      },
      (hint) => hints.push(hint),
    );
    return watch;
  }

  async function connected(count: number): Promise<WebSocket> {
    const until = Date.now() + 5_000;
    while (sockets.length < count || watch?.updates.by !== 'events') {
      if (Date.now() > until)
        throw new Error(`${String(sockets.length)} connections: ${JSON.stringify(watch?.updates)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return sockets.at(-1) as WebSocket;
  }

  async function disconnected(): Promise<void> {
    const until = Date.now() + 5_000;
    while (watch?.updates.by === 'events') {
      if (Date.now() > until) throw new Error('still connected');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  it('tries again after pauses that double up to five minutes', async () => {
    const triedAt: number[] = [];
    begin({
      async locate() {
        triedAt.push(clock.monotonic());
        throw new PinProviderError('ERR_PROVIDER_UNAVAILABLE', 'it is away', { provider: 'vault' });
      },
    });
    await clock.advance(20 * minuteMs);
    const pauses = triedAt.slice(1, 12).map((at, index) => at - (triedAt[index] ?? NaN));
    expect(pauses.map((pause) => pause / 1_000)).to.deep.equal([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    expect(watch?.updates).to.deep.equal({ by: 'polling', reason: 'it is away' });
  });

  it('asks a vault that has no events once an hour', async () => {
    let asked = 0;
    begin({
      hasEvents: async () => {
        asked += 1;
        return false;
      },
    });
    await clock.advance(59 * minuteMs);
    expect(asked).to.equal(1);
    expect(watch?.updates.reason).to.contain('not Vault Enterprise');
    await clock.advance(2 * minuteMs);
    expect(asked).to.equal(2);
    expect(tries).to.equal(0);
  });

  it('begins its pauses anew only after a connection that has lasted', async () => {
    begin();
    for (const [count, pauseMs] of [
      [1, 1_000],
      [2, 2_000],
      [3, 4_000],
    ] as const) {
      (await connected(count)).terminate();
      await disconnected();
      await clock.advance(pauseMs - 1);
      expect(tries).to.equal(count);
      await clock.advance(1);
    }
    const lasting = await connected(4);
    await clock.advance(minuteMs - 1);
    lasting.ping();
    await clock.advance(1);
    lasting.terminate();
    await disconnected();
    await clock.advance(1_000);
    await connected(5);
  });

  it('gives a connection up on which nobody has answered for two minutes', async () => {
    begin();
    await connected(1);
    await clock.advance(2 * minuteMs);
    await disconnected();
    expect(watch?.updates.reason).to.contain('has ended the connection');
  });

  it('keeps one on which somebody answers, or tells', async () => {
    begin();
    const socket = await connected(1);
    for (const sign of [() => socket.pong(), () => socket.send('{}')]) {
      await clock.advance(1.5 * minuteMs);
      const before = hints.length;
      sign();
      // The message has arrived when a later one has.
      socket.send('{}');
      while (hints.length === before) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await clock.advance(minuteMs);
    expect(watch?.updates).to.deep.equal({ by: 'events' });
  });

  it('tells each time that it is connected, and of each event', async () => {
    begin();
    const socket = await connected(1);
    expect(hints).to.deep.equal([{}]);
    socket.send('not JSON');
    while (hints.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    socket.terminate();
    await disconnected();
    await clock.advance(1_000);
    await connected(2);
    expect(hints).to.have.length(3);
  });

  it('ends, also between two attempts', async () => {
    begin({
      locate: async () => {
        tries += 1;
        throw new Error('x');
      },
    });
    await clock.advance(0);
    watch?.close();
    watch?.close();
    await clock.advance(24 * 60 * minuteMs);
    expect(tries).to.equal(1);
  });
});
