import { once } from 'node:events';
import * as grpc from '@grpc/grpc-js';
import { expect } from 'chai';
import { pinErrorCode } from '@pinvault/core';
import { chainPem, type TestCertificate } from '@pinvault/testing';
import { createPinnedGrpcClient, type PinnedGrpcClientOptions, proveLive } from '#src/index.js';
import { Http2Server } from './support/http2-server.js';
import { host, PinnedService } from './support/pinned-service.js';

const plain = { serialize: (value: Buffer): Buffer => value, deserialize: (bytes: Buffer): Buffer => bytes };
const method = (path: string, responseStream: boolean): grpc.MethodDefinition<Buffer, Buffer> => ({
  path,
  requestStream: false,
  responseStream,
  requestSerialize: plain.serialize,
  requestDeserialize: plain.deserialize,
  responseSerialize: plain.serialize,
  responseDeserialize: plain.deserialize,
});
const service = { say: method('/test.Echo/Say', false), watch: method('/test.Echo/Watch', true) };
const Echo = grpc.makeGenericClientConstructor(service, 'Echo');

interface EchoClient extends grpc.Client {
  say(
    request: Buffer,
    callback: (error: grpc.ServiceError | null, answer?: Buffer) => void,
  ): grpc.ClientUnaryCall;
  watch(request: Buffer): grpc.ClientReadableStream<Buffer>;
}

/** A real server of grpc-js. */
class GrpcServer {
  readonly peers = new Set<string>();
  readonly watching: grpc.ServerWritableStream<Buffer, Buffer>[] = [];
  readonly #server = new grpc.Server();
  port = 0;

  async start(leaf: TestCertificate, port = 0): Promise<void> {
    const key = { private_key: Buffer.from(leaf.key.privateKeyPem), cert_chain: Buffer.from(chainPem(leaf)) };
    this.#server.addService(service, {
      say: (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) => {
        this.peers.add(call.getPeer());
        callback(null, Buffer.from('hello'));
      },
      watch: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
        this.peers.add(call.getPeer());
        this.watching.push(call);
        call.write(Buffer.from('first'));
      },
    });
    this.port = await new Promise((resolve, reject) => {
      const credentials = grpc.ServerCredentials.createSsl(null, [key]);
      this.#server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
  }

  stop(): void {
    this.#server.forceShutdown();
  }
}

describe('createPinnedGrpcClient', () => {
  let pinned: PinnedService;
  let server: GrpcServer;
  let made = 0;
  const clients: EchoClient[] = [];

  beforeEach(async () => {
    made = 0;
    pinned = await PinnedService.start();
    server = new GrpcServer();
    await server.start(pinned.oldLeaf);
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    server.stop();
    await pinned.close();
  });

  type Options = PinnedGrpcClientOptions<EchoClient, grpc.ChannelCredentials, grpc.InterceptingCall>;

  function clientFor(port: number, options: Partial<Options> = {}): EchoClient {
    const client = createPinnedGrpcClient<EchoClient, grpc.ChannelCredentials, grpc.InterceptingCall>(
      pinned.pins,
      grpc,
      {
        target: { host, port },
        rootCerts: Buffer.from(pinned.root.pem),
        create: (credentials, channel) => {
          made += 1;
          return new Echo(`127.0.0.1:${port}`, credentials, {
            ...channel,
            'grpc.ssl_target_name_override': host,
            'grpc.default_authority': host,
          }) as unknown as EchoClient;
        },
        ...options,
      },
    );
    clients.push(client);
    return client;
  }

  async function say(client: EchoClient): Promise<string> {
    return new Promise((resolve) => {
      client.say(Buffer.from('hi'), (error, answer) =>
        resolve(error === null ? String(answer) : (pinErrorCode(error) ?? error.message)),
      );
    });
  }

  async function startWatch(client: EchoClient): Promise<{
    readonly stream: grpc.ClientReadableStream<Buffer>;
    readonly end: Promise<string>;
  }> {
    const stream = client.watch(Buffer.from('hi'));
    const end = new Promise<string>((resolve) => {
      stream.on('error', (error) => resolve(pinErrorCode(error) ?? error.message));
      stream.on('end', () => resolve('end'));
    });
    await once(stream, 'data');
    stream.on('data', () => undefined);
    return { stream, end };
  }

  it('is a client as any other, over a connection that matches', async () => {
    const client = clientFor(server.port);
    expect(await say(client)).to.equal('hello');
    expect(await say(client)).to.equal('hello');
    expect([made, server.peers.size]).to.deep.equal([1, 1]);
    expect(client).to.be.an.instanceOf(grpc.Client);
    expect('say' in client).to.equal(true);
  });

  it('refuses a mismatch with the code in its details, and not a byte is sent', async () => {
    const counting = await Http2Server.start(pinned.newLeaf);
    try {
      expect(await say(clientFor(counting.port))).to.equal('ERR_PIN_MISMATCH');
      expect(counting.applicationBytes).to.equal(0);
    } finally {
      await counting.close();
    }
  });

  it('wants the name of its target in the certificate, whatever the override says', async () => {
    const client = clientFor(server.port, { target: { host: 'other.example.test', port: server.port } });
    await pinned.rotate({ [host]: pinned.oldLeaf.pin, 'other.example.test': pinned.oldLeaf.pin });
    expect(await say(client)).to.match(/other\.example\.test/);
    expect(server.peers.size).to.equal(0);
  });

  it('meets the new pins in a handshake of its own after a rotation: no connection is handed on', async () => {
    const client = clientFor(server.port);
    expect(await say(client)).to.equal('hello');
    await pinned.rotate({ [host]: pinned.newLeaf.pin });
    expect(await say(client)).to.equal('ERR_PIN_MISMATCH');
    expect(server.peers.size).to.equal(1);
    await pinned.rotate({ [host]: `${pinned.newLeaf.pin} ${pinned.oldLeaf.pin}` });
    // At once: no back-off of the refused one is waited for.
    expect(await say(client)).to.equal('hello');
    expect(server.peers.size).to.equal(2);
  });

  it('closes an idle channel at once, and not only when the next call comes', async () => {
    const client = clientFor(server.port);
    await say(client);
    const channel = client.getChannel();
    expect(channel.getConnectivityState(false)).to.equal(grpc.connectivityState.READY);
    await pinned.rotate({ [host]: pinned.newLeaf.pin });
    expect(channel.getConnectivityState(false)).to.equal(grpc.connectivityState.SHUTDOWN);
    expect(made).to.equal(1);
  });

  it('stays on its connection while a rotation still accepts it', async () => {
    const client = clientFor(server.port);
    await say(client);
    await pinned.rotate({ [host]: `${pinned.oldLeaf.pin} ${pinned.newLeaf.pin}` });
    await say(client);
    expect([made, server.peers.size]).to.deep.equal([1, 1]);
  });

  it('lets a stream under way finish, and begins nothing new beside it', async () => {
    const reasons: (string | undefined)[] = [];
    const client = clientFor(server.port, { onDrain: (reason) => reasons.push(pinErrorCode(reason)) });
    const { end } = await startWatch(client);
    await pinned.rotate({ [host]: pinned.newLeaf.pin });
    expect(reasons).to.deep.equal(['ERR_PIN_MISMATCH']);
    expect(await say(client)).to.equal('ERR_PIN_MISMATCH');
    server.watching[0]?.end();
    expect(await end).to.equal('end');
  });

  it('ends it when the grace is over', async () => {
    const { end } = await startWatch(clientFor(server.port, { graceMs: 1 }));
    await pinned.rotate({ [host]: pinned.newLeaf.pin });
    expect(await end).to.equal('ERR_PIN_MISMATCH');
  });

  it('ends it at once under $revoked, keep or not, and under close', async () => {
    const watches = await Promise.all(
      [{}, { policy: 'keep' as const }].map((options) => startWatch(clientFor(server.port, options))),
    );
    const closed = await startWatch(clientFor(server.port, { policy: 'close' }));
    await pinned.rotate({ [host]: pinned.newLeaf.pin });
    expect(await closed.end).to.equal('ERR_PIN_MISMATCH');
    await pinned.rotate({ [host]: pinned.newLeaf.pin, $revoked: pinned.oldLeaf.pin });
    expect(await Promise.all(watches.map(({ end }) => end))).to.deep.equal([
      'ERR_PIN_REVOKED',
      'ERR_PIN_REVOKED',
    ]);
  });

  it('goes on under keep', async () => {
    const client = clientFor(server.port, { policy: 'keep' });
    await say(client);
    await pinned.rotate({ [host]: pinned.newLeaf.pin });
    expect(await say(client)).to.equal('hello');
    expect([made, server.peers.size]).to.deep.equal([1, 1]);
  });

  it('is closed for good: a rotation makes no new client', async () => {
    const client = clientFor(server.port);
    await say(client);
    client.close();
    await pinned.rotate({ [host]: pinned.newLeaf.pin });
    expect(
      await new Promise((resolve) => {
        try {
          client.say(Buffer.from('hi'), (error) => resolve(error instanceof Error));
        } catch (error) {
          resolve(error instanceof Error);
        }
      }),
    ).to.equal(true);
    expect(made).to.equal(1);
  });

  it('refuses what is no resolver, no target, no maker and no policy', () => {
    for (const options of [{ target: {} }, { target: null }, { create: undefined }, { policy: 'sometimes' }])
      expect(() => clientFor(1, options as object))
        .to.throw(TypeError)
        .with.property('code', 'ERR_INVALID_OPTION');
    expect(() => createPinnedGrpcClient({} as never, grpc, {} as never))
      .to.throw(TypeError)
      .with.property('code', 'ERR_INVALID_OPTION');
  });

  it('is proven by its own calls, while those of others go on over their connection', async () => {
    const client = clientFor(server.port);
    expect(await say(client)).to.equal('hello');
    const proving = new AbortController();
    const answers = new Set<string>();
    const traffic = (async (): Promise<void> => {
      while (!proving.signal.aborted) answers.add(await say(client));
    })();
    const ask = async (): Promise<void> => {
      const answer = await say(client);
      if (answer !== 'hello') throw new Error(answer);
    };
    try {
      const proof = await proveLive(pinned.pins, ask, `https://${host}:${server.port}`);
      expect(proof).to.include({ refusedFirst: true, refusedReused: true, restored: true });
    } finally {
      proving.abort();
      await traffic;
    }
    expect([...answers]).to.deep.equal(['hello']);
    const peers = server.peers.size;
    expect(await say(client)).to.equal('hello');
    expect(server.peers.size).to.equal(peers);
  });
});
