import { once } from 'node:events';
import https from 'node:https';
import tls, { type TLSSocket } from 'node:tls';
import * as grpc from '@grpc/grpc-js';
import { expect } from 'chai';
import { pinErrorCode, PinMismatchError } from '@pinvault/core';
import { createSelfSigned, loopbackLookup, type TestCertificate } from '@pinvault/testing';
import {
  connectPinnedHttp2,
  connectPinnedTls,
  createPinnedGrpcClient,
  PinnedProxyAgent,
  proveLive,
} from '#src/index.js';
import { ConnectProxy } from './support/connect-proxy.js';
import { Http2Server } from './support/http2-server.js';
import { codeOf, host, PinnedService, request } from './support/pinned-service.js';

describe('with NODE_TLS_REJECT_UNAUTHORIZED=0', () => {
  let service: PinnedService;
  let stranger: TestCertificate;
  let before: string | undefined;

  beforeEach(async () => {
    service = await PinnedService.start();
    // Its key is pinned, and nobody vouches for it: with the variable in force Node lets it in.
    stranger = await createSelfSigned({ subject: host, hosts: [host, '127.0.0.1'] });
    await service.rotate({ [host]: stranger.pin, '127.0.0.1': stranger.pin });
    before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  });

  afterEach(async () => {
    if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    await service.close();
  });

  const codeOfRejection = async (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => undefined,
      (error: unknown) => (error as NodeJS.ErrnoException).code,
    );

  it('connectPinnedTls, connectPinnedHttp2 and a gRPC client refuse a chain that Node would let pass', async () => {
    const server = await Http2Server.start(stranger);
    const { port } = server;
    try {
      const common = { lookup: loopbackLookup };
      expect(await codeOfRejection(connectPinnedTls(service.pins, { host, port, ...common }))).to.equal(
        'DEPTH_ZERO_SELF_SIGNED_CERT',
      );
      expect(
        await codeOfRejection(connectPinnedHttp2(service.pins, `https://${host}:${port}`, common)),
      ).to.equal('DEPTH_ZERO_SELF_SIGNED_CERT');
      const client = createPinnedGrpcClient<grpc.Client, grpc.ChannelCredentials, grpc.InterceptingCall>(
        service.pins,
        grpc,
        {
          target: { host, port },
          create: (credentials, options) =>
            new grpc.Client(`127.0.0.1:${port}`, credentials, {
              ...options,
              'grpc.ssl_target_name_override': host,
            }),
        },
      );
      const code = await new Promise((resolve) => {
        const same = (value: Buffer): Buffer => value;
        client.makeUnaryRequest('/test.Echo/Say', same, same, Buffer.from('hi'), (error) =>
          resolve(error?.code),
        );
      });
      client.close();
      expect(code).to.equal(grpc.status.UNAVAILABLE);
      expect(server.applicationBytes).to.equal(0);
    } finally {
      await server.close();
    }
  });

  it('a proxy that nobody vouches for gets no CONNECT', async () => {
    const proxy = await ConnectProxy.start(stranger);
    const agent = new PinnedProxyAgent(service.pins, { proxy: proxy.url });
    try {
      expect(codeOf(await service.get({ agent }))).to.equal('DEPTH_ZERO_SELF_SIGNED_CERT');
      expect(proxy.asked).to.deep.equal([]);
    } finally {
      agent.destroy();
      await proxy.close();
    }
  });

  it('guardSocket destroys what Node has let in', async () => {
    service.server.use([stranger]);
    const socket: TLSSocket = tls.connect({
      host,
      port: service.server.port,
      servername: host,
      lookup: loopbackLookup,
    } as tls.ConnectionOptions);
    service.pins.guardSocket(socket, { host, port: service.server.port });
    socket.write('GET / HTTP/1.1\r\n\r\n');
    const [error] = (await once(socket, 'error')) as [unknown];
    expect(pinErrorCode(error)).to.equal('ERR_PIN_CHAIN_UNVERIFIED');
    await new Promise((resolve) => setImmediate(resolve));
    expect(service.server.applicationBytes).to.equal(0);
  });
});

describe('rejectUnauthorized: false', () => {
  it('is refused where it is passed, on every road to an open connection, and nothing is dialled', async () => {
    const service = await PinnedService.start();
    const { pins, server } = service;
    const off = { rejectUnauthorized: false };
    const address = { host, port: server.port, lookup: loopbackLookup };
    const proxy = 'http://127.0.0.1:1';
    try {
      for (const attempt of [
        async () => connectPinnedTls(pins, { ...address, ...off }),
        async () => connectPinnedHttp2(pins, server.origin, off),
        async () => new PinnedProxyAgent(pins, { proxy, ...off }),
        async () => new PinnedProxyAgent(pins, { proxy, proxyTls: off }),
      ]) {
        const error: unknown = await attempt().catch((thrown: unknown) => thrown);
        expect(error).to.be.an.instanceOf(TypeError).with.property('code', 'ERR_INVALID_OPTION');
      }
      expect(server.connections).to.equal(0);
    } finally {
      await service.close();
    }
  });
});

describe('proveLive', () => {
  it('finds a client whose rejectUnauthorized is false, so that Node drops the answer of its check', async () => {
    const service = await PinnedService.start();
    const { pins } = service;
    try {
      const client = async (): Promise<void> => {
        const answer = await request({
          host,
          port: service.server.port,
          lookup: loopbackLookup,
          agent: new https.Agent({ maxCachedSessions: 0 }),
          ca: service.root.pem,
          rejectUnauthorized: false,
          // An arrow in between: the check does not see the options that it is called with.
          checkServerIdentity: (name, certificate) => pins.checkServerIdentity(name, certificate),
        });
        if ('error' in answer) throw answer.error;
      };
      const url = `https://${host}:${service.server.port}`;
      const error = await proveLive(pins, client, url).catch((thrown: unknown) => thrown);
      expect(error).to.be.an.instanceOf(PinMismatchError);
    } finally {
      await service.close();
    }
  });
});
