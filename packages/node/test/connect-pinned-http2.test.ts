import { once } from 'node:events';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import tls from 'node:tls';
import { expect } from 'chai';
import { findPinError, pinErrorCode } from '@pinvault/core';
import { chainPem, loopbackLookup } from '@pinvault/testing';
import { connectPinnedHttp2, type PinnedHttp2Options } from '#src/index.js';
import { Http2Server } from './support/http2-server.js';
import { host, PinnedService } from './support/pinned-service.js';

describe('connectPinnedHttp2', () => {
  let service: PinnedService;
  let server: Http2Server;

  beforeEach(async () => {
    service = await PinnedService.start();
    server = await Http2Server.start(service.oldLeaf);
  });

  afterEach(async () => {
    await service.close();
    await server.close();
  });

  async function connect(options: PinnedHttp2Options = {}): Promise<ClientHttp2Session> {
    const session = await connectPinnedHttp2(service.pins, `https://${host}:${server.port}`, {
      ca: service.root.pem,
      lookup: loopbackLookup,
      ...options,
    });
    session.on('error', () => undefined);
    return session;
  }

  async function text(stream: ClientHttp2Stream): Promise<string> {
    let read = '';
    for await (const chunk of stream as AsyncIterable<Buffer>) read += chunk.toString();
    return read;
  }

  /** A stream in the middle of its answer. */
  async function startSlow(session: ClientHttp2Session): Promise<ClientHttp2Stream> {
    const stream = session.request({ ':path': '/slow' });
    await once(stream, 'response');
    return stream;
  }

  /** Not once(), which takes the error before it for its own. */
  const closeOf = async (session: ClientHttp2Session): Promise<void> =>
    new Promise((resolve) => session.once('close', () => resolve()));

  const codeOf = async (promise: Promise<unknown>): Promise<string | undefined> =>
    promise.then(
      () => undefined,
      (error: unknown) => pinErrorCode(error),
    );

  it('speaks HTTP/2 over a connection that matches', async () => {
    const session = await connect();
    expect(session.alpnProtocol).to.equal('h2');
    expect(await text(session.request({ ':path': '/' }))).to.equal('ok');
    session.close();
  });

  it('rejects on a mismatch, with the very error, and sends no byte', async () => {
    await service.rotate({ [host]: service.newLeaf.pin });
    expect(await codeOf(connect())).to.equal('ERR_PIN_MISMATCH');
    expect(server.applicationBytes).to.equal(0);
  });

  it('dials once more where a refresh cures the mismatch', async () => {
    server.use(service.newLeaf);
    service.provider.update({ [host]: service.newLeaf.pin });
    const session = await connect();
    expect(await text(session.request({ ':path': '/' }))).to.equal('ok');
    session.close();
  });

  it('drains when the pin is removed: what is open finishes, nothing new begins, then the session is closed', async () => {
    const reasons: (string | undefined)[] = [];
    const session = await connect({ onDrain: (reason) => reasons.push(pinErrorCode(reason)) });
    const stream = await startSlow(session);
    const closed = closeOf(session);
    await service.rotate({ [host]: service.newLeaf.pin });
    expect(reasons).to.deep.equal(['ERR_PIN_MISMATCH']);
    let refused: unknown;
    try {
      const late = session.request({ ':path': '/' });
      [refused] = (await once(late, 'error')) as [unknown];
    } catch (error) {
      refused = error;
    }
    expect(refused).to.have.property('code', 'ERR_HTTP2_GOAWAY_SESSION');
    server.streams[0]?.end('last');
    expect(await text(stream)).to.equal('first last');
    await closed;
    expect(server.streams).to.have.length(1);
  });

  it('closes an idle session at once when its pin is removed', async () => {
    const session = await connect();
    await text(session.request({ ':path': '/' }));
    const closed = closeOf(session);
    await service.rotate({ [host]: service.newLeaf.pin });
    await closed;
  });

  it('destroys the session when the grace is over, and the streams tell why', async () => {
    const session = await connect({ graceMs: 1 });
    const stream = await startSlow(session);
    const failed = text(stream).catch((error: unknown) => error);
    await service.rotate({ [host]: service.newLeaf.pin });
    expect(findPinError(await failed)?.code).to.equal('ERR_PIN_MISMATCH');
    expect(session.destroyed).to.equal(true);
  });

  it('destroys it at once under $revoked, keep or not', async () => {
    const sessions = [await connect(), await connect({ policy: 'keep' })];
    const streams = await Promise.all(sessions.map(startSlow));
    const failed = streams.map(async (stream) => text(stream).catch((error: unknown) => error));
    const { oldLeaf, newLeaf } = service;
    await service.rotate({ [host]: newLeaf.pin, $revoked: oldLeaf.pin });
    expect((await Promise.all(failed)).map((error) => findPinError(error)?.code)).to.deep.equal([
      'ERR_PIN_REVOKED',
      'ERR_PIN_REVOKED',
    ]);
  });

  it('goes on under keep, and ends at once under close', async () => {
    const kept = await connect({ policy: 'keep' });
    const ended = await connect({ policy: 'close' });
    const closed = closeOf(ended);
    await service.rotate({ [host]: service.newLeaf.pin });
    await closed;
    expect(await text(kept.request({ ':path': '/' }))).to.equal('ok');
    kept.close();
  });

  it('keeps a session that still matches', async () => {
    const session = await connect({ policy: 'close' });
    await service.rotate({ [host]: `${service.oldLeaf.pin} ${service.newLeaf.pin}` });
    expect(await text(session.request({ ':path': '/' }))).to.equal('ok');
    session.close();
  });

  it('refuses anything but https, a server without HTTP/2, and options that would open a hole', async () => {
    const failure = (options: object, url = `https://${host}:${server.port}`): Promise<unknown> =>
      connectPinnedHttp2(service.pins, url, {
        ca: service.root.pem,
        lookup: loopbackLookup,
        ...options,
      }).then(
        () => undefined,
        (error: unknown) => error,
      );
    expect(await failure({}, `http://${host}:${server.port}`)).to.have.property(
      'code',
      'ERR_PIN_INSECURE_SCHEME',
    );
    expect(await failure({}, `https://${host}:${service.server.port}`)).to.be.an.instanceOf(Error);
    for (const options of [
      { checkServerIdentity: () => undefined },
      { session: Buffer.from('ticket') },
      { policy: 'sometimes' },
      { createConnection: () => new PassThrough() },
    ])
      expect(await failure(options)).to.have.property('code', 'ERR_INVALID_OPTION');
    expect(server.applicationBytes).to.equal(0);
  });

  it('refuses a server that agrees on no protocol', async () => {
    const mute = tls.createServer({
      key: service.oldLeaf.key.privateKeyPem,
      cert: chainPem(service.oldLeaf),
    });
    mute.listen(0, '127.0.0.1');
    await once(mute, 'listening');
    try {
      const { port } = mute.address() as AddressInfo;
      const error: unknown = await connectPinnedHttp2(service.pins, `https://${host}:${port}`, {
        ca: service.root.pem,
        lookup: loopbackLookup,
      }).catch((thrown: unknown) => thrown);
      expect(error).to.be.an.instanceOf(Error);
    } finally {
      mute.close();
    }
  });

  it('gives up when it is told to', async () => {
    const reason = new Error('no time');
    const error = await connect({ signal: AbortSignal.abort(reason) }).catch((thrown: unknown) => thrown);
    expect(error).to.equal(reason);
  });
});
