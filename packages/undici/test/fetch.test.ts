import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { findPinError, pinErrorCode } from '@pinvault/core';
import { loopbackLookup } from '@pinvault/testing';
import { expect } from 'chai';
import { describeWithEach } from './support/majors.js';
import { host, Scene, until } from './support/scene.js';

/** Answers with what it has got; `/gzip`, `/redirect`, `/elsewhere`, `/stream` and `/never` do what they say. */
function respond(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url ?? '';
  if (path === '/gzip') {
    response.setHeader('content-encoding', 'gzip').end(gzipSync('packed'));
  } else if (path === '/redirect') {
    response.writeHead(302, { location: '/echo' }).end();
  } else if (path.startsWith('/to?')) {
    response.writeHead(307, { location: decodeURIComponent(path.slice(4)) }).end();
  } else if (path === '/stream') {
    response.write('first ');
    setImmediate(() => response.end('last'));
  } else if (path !== '/never') {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const type = (request.headers['content-type'] ?? '').replace(/;.*/, '');
      response.end(`${request.method} ${type} ${Buffer.concat(chunks).toString()}`);
    });
  }
}

describeWithEach('createPinnedFetch', (major) => {
  let scene: Scene;
  let pinnedFetch: typeof fetch;

  beforeEach(async () => {
    scene = await Scene.start(major, { server: { respond } });
    pinnedFetch = major.pinned.createPinnedFetch(scene.pins, { dispatcher: scene.dispatcher });
  });

  afterEach(() => scene.close());

  const url = (path: string): string => `${scene.origin}${path}`;
  const text = async (answer: Promise<Response>): Promise<string> => (await answer).text();
  const failure = async (answer: Promise<unknown>): Promise<Error> =>
    answer.then(
      () => new Error('no failure'),
      (error: unknown) => error as Error,
    );

  describe('does what the built-in fetch does:', () => {
    it('GET', async () => {
      expect(await text(pinnedFetch(url('/echo')))).to.equal('GET  ');
      expect(await text(pinnedFetch(new URL(url('/echo'))))).to.equal('GET  ');
    });

    it('compressed responses', async () => {
      expect(await text(pinnedFetch(url('/gzip')))).to.equal('packed');
    });

    it('redirects', async () => {
      const response = await pinnedFetch(url('/redirect'));
      expect([response.redirected, await response.text()]).to.deep.equal([true, 'GET  ']);
    });

    it('POST of a text', async () => {
      const answer = pinnedFetch(url('/echo'), { method: 'POST', body: 'body' });
      expect(await text(answer)).to.equal('POST text/plain body');
    });

    it('POST of a stream', async () => {
      const body = Readable.toWeb(Readable.from(['one ', 'two'])) as never;
      const answer = pinnedFetch(url('/echo'), { method: 'POST', body, duplex: 'half' } as never);
      expect(await text(answer)).to.equal('POST  one two');
    });

    it('POST of a FormData', async () => {
      const body = new FormData();
      body.set('name', 'value');
      const answer = await text(pinnedFetch(url('/echo'), { method: 'POST', body }));
      expect(answer).to.match(/^POST multipart\/form-data [^]*name="name"\r\n\r\nvalue/u);
    });

    it('an init that inherits what it says, as a Request does', async () => {
      const request = new Request('https://other.example.test/', { method: 'POST', body: 'body' });
      expect(await text(pinnedFetch(url('/echo'), request))).to.equal('POST text/plain body');
      class Put {
        get method(): string {
          return 'PUT';
        }
      }
      expect(await text(pinnedFetch(url('/echo'), new Put()))).to.equal('PUT  ');
    });

    it('a Request, also one that names a dispatcher of its own', async () => {
      const dispatcher = {
        dispatch(): boolean {
          throw new Error('not to be asked');
        },
      };
      const request = new Request(url('/echo'), { method: 'PUT', body: 'body', dispatcher } as never);
      expect(await text(pinnedFetch(request))).to.equal('PUT text/plain body');
    });

    it('abort', async () => {
      const controller = new AbortController();
      const answer = pinnedFetch(url('/never'), { signal: controller.signal });
      await until(() => scene.server.requests === 1);
      controller.abort();
      expect(await failure(answer)).to.have.property('name', 'AbortError');
    });

    it('streamed responses', async () => {
      const { body } = await pinnedFetch(url('/stream'));
      const chunks: string[] = [];
      for await (const chunk of body as unknown as AsyncIterable<Uint8Array>)
        chunks.push(Buffer.from(chunk).toString());
      expect(chunks.join('')).to.equal('first last');
    });

    it('a Response of the global class', async () => {
      expect(await pinnedFetch(url('/echo'))).to.be.an.instanceOf(Response);
    });
  });

  it('is refused with our error as the cause, and sends nothing', async () => {
    scene.server.use([scene.newLeaf]);
    const error = await failure(pinnedFetch(url('/echo'), { method: 'POST', body: 'secret' }));
    expect(error).to.be.an.instanceOf(TypeError);
    expect(findPinError(error)?.code).to.equal('ERR_PIN_MISMATCH');
    expect(scene.server.applicationBytes).to.equal(0);
  });

  it('judges each hop of a redirect', async () => {
    const other = 'other.example.test';
    const { root, server } = scene;
    const both = await root.issue({ hosts: [host, other] });
    server.use([both]);
    await scene.rotate({ [host]: both.pin, [other]: scene.newLeaf.pin });
    const to = (target: string): string => url(`/to?${encodeURIComponent(target)}`);
    const secret = { method: 'POST', body: 'secret' };
    const elsewhere = await failure(pinnedFetch(to(`https://${other}:${server.port}/echo`), secret));
    expect(pinErrorCode(elsewhere)).to.equal('ERR_PIN_MISMATCH');
    const plain = await failure(pinnedFetch(to(`http://${host}:${server.port}/echo`), secret));
    expect(pinErrorCode(plain)).to.equal('ERR_PIN_INSECURE_SCHEME');
    // The two that were redirected, and no third.
    expect(server.requests).to.equal(2);
  });

  it('follows a rotation', async () => {
    expect(await text(pinnedFetch(url('/echo')))).to.equal('GET  ');
    const bytes = scene.server.applicationBytes;
    await scene.rotate({ [host]: scene.newLeaf.pin });
    const error = await failure(pinnedFetch(url('/echo'), { method: 'POST', body: 'secret' }));
    expect([pinErrorCode(error), scene.server.applicationBytes]).to.deep.equal(['ERR_PIN_MISMATCH', bytes]);
  });

  it('makes a dispatcher of its own from options', async () => {
    const own = major.pinned.createPinnedFetch(scene.pins, {
      connect: { ca: scene.root.pem, lookup: loopbackLookup },
    });
    expect(await text(own(url('/echo'), { headers: { connection: 'close' } }))).to.equal('GET  ');
  });

  it('refuses another dispatcher, for a request and for all', async () => {
    const { pins, dispatcher } = scene;
    const error = await failure(pinnedFetch(url('/echo'), { dispatcher } as never));
    expect(error).to.include({ name: 'TypeError', code: 'ERR_INVALID_OPTION' });
    const create = (options: object) => () => major.pinned.createPinnedFetch(pins, options);
    for (const options of [
      { dispatcher: new major.undici.Agent() },
      { dispatcher, drainTimeoutMs: 1 },
      { connect: () => undefined },
    ])
      expect(create(options)).to.throw(TypeError).with.property('code', 'ERR_INVALID_OPTION');
    const other = await Scene.start(major);
    expect(create({ dispatcher: other.dispatcher }))
      .to.throw(TypeError)
      .with.property('code', 'ERR_INVALID_OPTION');
    await other.close();
  });

  it('refuses every request where something that overlooks dispatchers is the global fetch', async () => {
    const builtIn = globalThis.fetch;
    let asked = 0;
    globalThis.fetch = async () => {
      asked += 1;
      return new Response('not pinned');
    };
    try {
      const overlooking = major.pinned.createPinnedFetch(scene.pins);
      for (const attempt of [1, 2])
        expect(await failure(overlooking(url('/echo'))), String(attempt)).to.have.property(
          'code',
          'ERR_INVALID_OPTION',
        );
      // The trial, and nothing of the caller's.
      expect(asked).to.equal(1);
    } finally {
      globalThis.fetch = builtIn;
    }
  });

  it('is not made where the undici inside Node is one that nobody has tried', () => {
    const versions = Object.getOwnPropertyDescriptor(process, 'versions') as PropertyDescriptor;
    try {
      for (const undici of ['9.0.0', undefined]) {
        Object.defineProperty(process, 'versions', { ...versions, value: { ...process.versions, undici } });
        expect(() => major.pinned.createPinnedFetch(scene.pins))
          .to.throw(TypeError)
          .with.property('code', 'ERR_INVALID_OPTION');
      }
    } finally {
      Object.defineProperty(process, 'versions', versions);
    }
  });
});

const hasWebSocket = 'WebSocket' in globalThis;

describeWithEach(
  `the built-in WebSocket with a PinnedDispatcher${hasWebSocket ? '' : ` (skipped: Node ${process.versions.node} has none)`}`,
  (major) => {
    let scene: Scene;

    before(function () {
      if (!hasWebSocket) this.skip(); // Node 20 has none built in
    });

    afterEach(() => scene.close());

    /** The handshake of RFC 6455 §4.2.2, and one text message. */
    function upgrade(request: IncomingMessage, response: ServerResponse): void {
      const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
      const accept = createHash('sha1').update(key).digest('base64');
      response.socket?.write(
        `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
      );
      response.socket?.write(Buffer.from([0x81, 2, 0x6f, 0x6b]));
    }

    interface Socket extends EventTarget {
      close(): void;
    }

    function open(): { readonly socket: Socket; readonly message: Promise<string> } {
      const { WebSocket } = globalThis as unknown as {
        WebSocket: new (url: string, options: object) => Socket;
      };
      const socket = new WebSocket(`wss://${host}:${scene.server.port}/`, { dispatcher: scene.dispatcher });
      const message = new Promise<string>((resolve) => {
        socket.addEventListener('message', (event) =>
          resolve(String((event as unknown as { data: unknown }).data)),
        );
        socket.addEventListener('error', () => resolve('error'));
      });
      return { socket, message };
    }

    it('speaks to a server that matches, until its key is revoked', async () => {
      scene = await Scene.start(major, { server: { respond: upgrade } });
      const { socket, message } = open();
      expect(await message).to.equal('ok');
      const closed = new Promise((resolve) => socket.addEventListener('close', resolve));
      await scene.rotate({ [host]: scene.newLeaf.pin, $revoked: scene.oldLeaf.pin });
      await closed;
    });

    it('sends nothing to one that does not', async () => {
      scene = await Scene.start(major, { server: { respond: upgrade } });
      scene.server.use([scene.newLeaf]);
      expect(await open().message).to.equal('error');
      expect([scene.server.connections, scene.server.applicationBytes]).to.deep.equal([1, 0]);
    });
  },
);
