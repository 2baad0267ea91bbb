import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import https from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import type { PinResolver } from '@pinvault/core';
import { PinnedAgent, type PinnedAgentOptions, type PinSource } from '#src/index.js';
import { loopbackLookup } from '@pinvault/testing';
import { type Answer, codeOf, host, PinnedService, request } from './support/pinned-service.js';
import { until } from './support/until.js';

/** A resolver with something put in place of what it has. */
function sourceOf(pins: PinResolver, rest: Pick<PinSource, 'prepare' | 'recheck'>): PinSource {
  return {
    verify: (target, certificate) => pins.verify(target, certificate),
    judge: (evidence) => pins.judge(evidence),
    on: (name, listener) => pins.on(name, listener),
    off: (name, listener) => pins.off(name, listener),
    ...rest,
  };
}

function deferred<Result>(): {
  readonly promise: Promise<Result>;
  resolve: (result: Result) => void;
  reject: (error: Error) => void;
} {
  let resolve: (result: Result) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<Result>((accept, refuse) => {
    resolve = accept;
    reject = refuse;
  });
  return { promise, resolve, reject };
}

/** The error that a request ends with. */
async function errorOf(sent: ClientRequest): Promise<NodeJS.ErrnoException> {
  // 'close' may come in the very tick of the error.
  const closed = new Promise((resolve) => sent.once('close', resolve));
  const [error] = (await once(sent, 'error')) as [NodeJS.ErrnoException];
  await closed;
  return error;
}

describe('a request that has to wait for its pins', () => {
  let service: PinnedService;
  let agent: PinnedAgent;
  let waiting: ReturnType<typeof deferred<void>>;
  let asked: unknown[];

  async function start(options: PinnedAgentOptions = {}): Promise<void> {
    service = await PinnedService.start();
    waiting = deferred<void>();
    asked = [];
    const prepare: PinSource['prepare'] = (target) => {
      asked.push(target);
      return waiting.promise;
    };
    const source = sourceOf(service.pins, { prepare });
    agent = new PinnedAgent(source, { ca: service.root.pem, lookup: loopbackLookup, ...options });
  }

  const send = (options: https.RequestOptions = {}): ClientRequest =>
    https.get({ host, port: service.server.port, agent, ...options });

  afterEach(async () => {
    agent.destroy();
    await service.close();
  });

  it('is dialled when they are there, and not before', async () => {
    await start();
    const answer = request({ host, port: service.server.port, agent });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([service.server.connections, asked]).to.deep.equal([0, [{ host, port: service.server.port }]]);
    waiting.resolve();
    expect(await answer).to.deep.equal({ status: 200, text: 'ok' });
  });

  it('asks for the name that the agent verifies', async () => {
    await start({ servername: 'other.example.test', port: 9 });
    send()
      .on('error', () => undefined)
      .destroy();
    expect(asked).to.deep.equal([{ host: 'other.example.test', port: 9 }]);
  });

  it('ends with the reason why they did not come, and nothing is dialled', async () => {
    await start();
    const reason = new Error('no pins');
    const ended = errorOf(send());
    waiting.reject(reason);
    expect(await ended).to.equal(reason);
    expect(service.server.connections).to.equal(0);
  });

  it('ends at once when it is destroyed or aborted', async () => {
    await start();
    const reason = new Error('changed my mind');
    const [first, second, aborting] = [send(), send(), new AbortController()];
    const third = send({ signal: aborting.signal });
    const ended = Promise.all([errorOf(first), errorOf(second), errorOf(third)]);
    expect(first.destroy(reason)).to.equal(first);
    second.destroy();
    aborting.abort();
    const [given, hungUp, aborted] = await ended;
    expect(given).to.equal(reason);
    expect([hungUp.code, aborted.code]).to.deep.equal(['ECONNRESET', 'ABORT_ERR']);
    waiting.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    expect([service.server.connections, Object.keys(agent.sockets)]).to.deep.equal([0, []]);
  });

  it('waits for nothing where it was aborted before it began', async () => {
    await start();
    const aborted = await errorOf(send({ signal: AbortSignal.abort() }));
    expect(aborted.code).to.equal('ABORT_ERR');
    expect(asked).to.deep.equal([]);
    expect(service.server.applicationBytes).to.equal(0);
  });

  it('tells of its timeout', async () => {
    await start();
    const byOption = send({ timeout: 5 });
    const byMethod = send();
    byMethod.setTimeout(5);
    await Promise.all([once(byOption, 'timeout'), once(byMethod, 'timeout')]);
    const ended = Promise.all([errorOf(byOption), errorOf(byMethod)]);
    byOption.destroy();
    byMethod.destroy();
    await ended;
    expect(service.server.connections).to.equal(0);
  });
});

describe('a request whose connection is in its handshake', () => {
  let silent: Server;
  let accepted: Socket[];
  let service: PinnedService;

  beforeEach(async () => {
    accepted = [];
    // Takes connections, and says nothing: no handshake ever ends.
    silent = createServer((socket) => {
      accepted.push(socket);
      socket.on('error', () => undefined);
    });
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    service = await PinnedService.start();
  });

  afterEach(async () => {
    for (const socket of accepted) socket.destroy();
    silent.close();
    await service.close();
  });

  const send = (options: https.RequestOptions = {}): ClientRequest =>
    https.get({ host, port: (silent.address() as AddressInfo).port, agent: service.agent, ...options });

  it('hears of its socket, and times out by option and by method', async () => {
    const byOption = send({ timeout: 20 });
    const byMethod = send();
    byMethod.setTimeout(20);
    const late = send();
    late.on('socket', (socket) => late.setTimeout(socket.connecting ? 20 : 1_000));
    const all = [byOption, byMethod, late];
    await Promise.all(all.map((sent) => once(sent, 'timeout')));
    for (const sent of all) expect(sent.socket).to.have.property('destroyed', false);
    const ended = Promise.all(all.map(errorOf));
    for (const sent of all) sent.destroy();
    expect((await ended).map(({ code }) => code)).to.deep.equal(['ECONNRESET', 'ECONNRESET', 'ECONNRESET']);
    expect(Object.keys(service.agent.sockets)).to.deep.equal([]);
  });

  it('ends with its socket when it is destroyed, and when the socket is', async () => {
    const reason = new Error('changed my mind');
    const first = send();
    const second = send();
    const [[socket]] = (await Promise.all([once(second, 'socket'), once(first, 'socket')])) as [
      [Socket],
      unknown,
    ];
    const ended = Promise.all([errorOf(first), errorOf(second)]);
    first.destroy(reason);
    // As follow-redirects does on a timeout.
    socket.destroy();
    const [given, hungUp] = await ended;
    expect(given).to.equal(reason);
    expect(hungUp.code).to.equal('ECONNRESET');
  });

  it('ends where it was over before it got there: aborted from the start, or destroyed in the queue', async () => {
    const agent = new PinnedAgent(service.pins, { maxSockets: 1, lookup: loopbackLookup });
    const aborted = send({ agent, signal: AbortSignal.abort() });
    expect((await errorOf(aborted)).code).to.equal('ABORT_ERR');
    const [first, second] = [send({ agent }), send({ agent })];
    const ended = Promise.all([errorOf(first), errorOf(second)]);
    second.destroy();
    await new Promise((resolve) => setTimeout(resolve, 5));
    first.destroy();
    expect((await ended).map(({ code }) => code)).to.deep.equal(['ECONNRESET', 'ECONNRESET']);
    agent.destroy();
  });

  it('hears of its socket once, and has it to the end', async () => {
    const told: unknown[] = [];
    const sent = https.get({ host, port: service.server.port, agent: service.agent });
    sent.on('socket', (socket) => told.push(socket, socket.connecting));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    response.resume();
    expect(told).to.deep.equal([response.socket, true]);
    expect(sent.socket).to.equal(response.socket);
  });

  it('counts for maxSockets', async () => {
    const agent = new PinnedAgent(service.pins, {
      ca: service.root.pem,
      lookup: loopbackLookup,
      maxSockets: 1,
    });
    const { port } = service.server;
    const answers = await Promise.all(Array.from({ length: 5 }, () => request({ host, port, agent })));
    expect(answers.map((answer) => 'status' in answer && answer.status)).to.deep.equal([
      200, 200, 200, 200, 200,
    ]);
    expect(service.server.connections).to.equal(1);
    agent.destroy();
  });

  it('gets no connection whose handshake ended without a check', async () => {
    const sent = https.get({ host, port: service.server.port, agent: service.agent });
    // What Node does after a resumed session: it asks nobody.
    sent.on('socket', (socket) => socket.emit('secureConnect'));
    expect(await errorOf(sent)).to.have.property('code', 'ERR_PIN_MISMATCH');
    expect(service.server.applicationBytes).to.equal(0);
  });
});

describe('a request whose connection was refused', () => {
  let service: PinnedService;
  let agent: PinnedAgent;
  let refusals: Error[];
  let chance: (refusal: Error) => Promise<boolean> | undefined;

  async function start(options: PinnedAgentOptions = {}): Promise<void> {
    service = await PinnedService.start();
    refusals = [];
    chance = () => undefined;
    const recheck: PinSource['recheck'] = (refusal) => {
      refusals.push(refusal);
      return chance(refusal);
    };
    const source = sourceOf(service.pins, { recheck });
    agent = new PinnedAgent(source, { ca: service.root.pem, lookup: loopbackLookup, ...options });
    service.server.use([service.newLeaf]);
  }

  const both = (): Record<string, string> => ({ [host]: `${service.oldLeaf.pin} ${service.newLeaf.pin}` });
  const get = async (options: https.RequestOptions = {}, body?: Buffer): Promise<Answer> =>
    request({ host, port: service.server.port, agent, ...options }, body);

  /** The second chance that a rotation gives. */
  const rotating = async (): Promise<boolean> => {
    await service.rotate(both());
    return true;
  };

  afterEach(async () => {
    agent.destroy();
    await service.close();
  });

  it('is dialled once more where it has a second chance, with all of its body', async () => {
    await start();
    chance = rotating;
    const body = Buffer.alloc(200_000, 'x');
    expect(await get({ method: 'POST' }, body)).to.deep.equal({ status: 200, text: 'ok' });
    expect(service.server.connections).to.equal(2);
    expect([service.server.requests, refusals.map((error) => codeOf({ error }))]).to.deep.equal([
      1,
      ['ERR_PIN_MISMATCH'],
    ]);
  });

  it('ends with the refusal where it has none, and no byte was sent', async () => {
    await start();
    for (const given of [undefined, Promise.resolve(false)]) {
      chance = () => given;
      const answer = await get();
      expect(codeOf(answer)).to.equal('ERR_PIN_MISMATCH');
      expect('error' in answer && answer.error).to.equal(refusals.at(-1));
    }
    expect([service.server.connections, service.server.applicationBytes]).to.deep.equal([2, 0]);
  });

  it('gets no third', async () => {
    await start();
    chance = async () => true;
    expect(codeOf(await get())).to.equal('ERR_PIN_MISMATCH');
    expect([service.server.connections, refusals.length, service.server.applicationBytes]).to.deep.equal([
      2, 1, 0,
    ]);
  });

  it('is not asked about for a failure that is none of the pins', async () => {
    await start();
    chance = () => undefined;
    await service.server.close();
    const answer = await get();
    expect(codeOf(answer)).to.equal('ECONNREFUSED');
  });

  it('ends at once when it is destroyed while the chance is being found out', async () => {
    await start();
    const finding = deferred<boolean>();
    chance = () => finding.promise;
    const sent = https.get({ host, port: service.server.port, agent });
    const ended = errorOf(sent);
    await until(() => refusals.length > 0);
    const reason = new Error('changed my mind');
    sent.destroy(reason);
    expect(await ended).to.equal(reason);
    finding.resolve(true);
    await new Promise((resolve) => setImmediate(resolve));
    expect(service.server.connections).to.equal(1);
  });

  it('keeps its place in the count of maxSockets, as do those that wait', async () => {
    await start({ maxSockets: 1 });
    let most = 0;
    chance = rotating;
    const answers = Promise.all([get(), get(), get()]);
    const watching = setInterval(
      () => (most = Math.max(most, Object.values(agent.sockets).flat().length)),
      1,
    );
    const codes = (await answers).map((answer) => ('status' in answer ? answer.status : codeOf(answer)));
    clearInterval(watching);
    expect(codes).to.deep.equal([200, 200, 200]);
    expect(most).to.equal(1);
  });

  it('takes its timeout along', async () => {
    await start();
    chance = rotating;
    const sent = https.get({ host, port: service.server.port, agent });
    sent.setTimeout(12_345);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(response.socket.timeout).to.equal(12_345);
    const timedOut = once(sent, 'timeout');
    response.socket.emit('timeout');
    await timedOut;
    response.resume();
  });

  it('stays in the context of its caller, as do those that wait', async () => {
    await start({ maxSockets: 1 });
    chance = rotating;
    const storage = new AsyncLocalStorage<number>();
    const seen = await Promise.all(
      [1, 2, 3].map((number) =>
        storage.run(number, async () => {
          const sent = https.get({ host, port: service.server.port, agent });
          return new Promise<unknown[]>((resolve, reject) => {
            sent.on('error', reject);
            sent.on('response', (response) => {
              const atResponse = storage.getStore();
              response.resume().on('end', () => resolve([number, atResponse, storage.getStore()]));
            });
          });
        }),
      ),
    );
    expect(seen).to.deep.equal([1, 2, 3].map((number) => [number, number, number]));
  });
});
