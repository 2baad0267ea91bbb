import { expect } from 'chai';
import { createRootCa, startDevVault, startTlsServer, type DevVault } from '@pinvault/testing';
import { PinProviderError } from '@pinvault/core';
import { createVaultProvider } from '#src/index.js';
import { answering, kvAnswer } from './support/answers.js';
import { documentError, failureOf, providerError } from './support/errors.js';
import { documentOf, optionsFor, readOnce } from './support/provider.js';
import { startRawServer, type RawServer } from './support/raw-server.js';

const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';

describe('a vault that does not answer', () => {
  let server: RawServer | undefined;
  let vault: DevVault | undefined;

  afterEach(async () => {
    await server?.close();
    await vault?.close();
    server = vault = undefined;
  });

  const read = (address: string, options = {}, signal?: AbortSignal) =>
    readOnce(optionsFor({ address, token: 't' }, options), signal);

  it('is given up after timeoutMs: a hang before the answer', async () => {
    vault = await startDevVault();
    vault.respondWith(() => undefined);
    const { address } = vault;
    const error = await providerError(() => read(address, { timeoutMs: 60 }), 'ERR_PROVIDER_TIMEOUT');
    expect(error.message).to.contain('60 ms').and.to.contain(new URL(address).host);
  });

  it('is given up after timeoutMs: a connection that says nothing, an answer without an end, a slow drip', async () => {
    for (const onConnection of [
      () => undefined,
      (socket: { write(text: string): unknown }) => socket.write(`${head}5\r\n{"dat`),
      (socket: { write(text: string): unknown; once(name: 'close', listener: () => void): unknown }) => {
        socket.write(head);
        const timer = setInterval(() => socket.write('1\r\n \r\n'), 5);
        socket.once('close', () => clearInterval(timer));
      },
    ]) {
      const raw = (server = await startRawServer(onConnection));
      await providerError(() => read(raw.address, { timeoutMs: 300 }), 'ERR_PROVIDER_TIMEOUT');
      await raw.closed();
      await raw.close();
    }
    server = undefined;
  });

  it('is given up after a fraction of a millisecond, too', async () => {
    const raw = (server = await startRawServer(() => undefined));
    await providerError(() => read(raw.address, { timeoutMs: 0.5 }), 'ERR_PROVIDER_TIMEOUT');
  });

  it('is given up when the caller says so, in the words of the caller', async () => {
    for (const onConnection of [
      () => undefined,
      (socket: { write(text: string): unknown }) => socket.write(head),
    ]) {
      const controller = new AbortController();
      const reason = new PinProviderError('ERR_PROVIDER_TIMEOUT', 'the caller gave up', { provider: 'x' });
      const raw = (server = await startRawServer((socket) => {
        onConnection(socket);
        setImmediate(() => controller.abort(reason));
      }));
      expect(await failureOf(() => read(raw.address, {}, controller.signal))).to.equal(reason);
      await raw.closed();
      await raw.close();
    }
    server = undefined;
  });

  it('is not even asked by a caller who has given up before, and repeats no foreign reason', async () => {
    const raw = (server = await startRawServer(() => undefined));
    const signal = AbortSignal.abort(new Error('s3cret'));
    const error = await providerError(() => read(raw.address, {}, signal), 'ERR_PROVIDER_UNAVAILABLE');
    expect(error.detail).to.equal('aborted');
    expect(error.message).not.to.contain('s3cret');
    expect(raw.connections).to.equal(0);
  });

  it('does not hold a caller whose token function hangs', async () => {
    const controller = new AbortController();
    const token = (): Promise<string> => {
      setImmediate(() => controller.abort());
      return new Promise(() => undefined);
    };
    const error = await providerError(
      () => read('http://127.0.0.1:9', { token }, controller.signal),
      'ERR_PROVIDER_UNAVAILABLE',
    );
    expect(error.detail).to.equal('aborted');
  });

  it('says that nothing listens', async () => {
    const raw = await startRawServer(() => undefined);
    await raw.close();
    const error = await providerError(() => read(raw.address), 'ERR_PROVIDER_UNAVAILABLE');
    expect(error.detail).to.equal('ECONNREFUSED');
    expect(error.message).to.contain('VAULT_ADDR').and.to.contain(new URL(raw.address).host);
  });

  it('says that the connection was reset, before and within the answer', async () => {
    for (const text of ['', `${head}5\r\n{"dat`, 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}']) {
      const raw = (server = await startRawServer((socket) => {
        socket.once('data', () => socket.write(text, () => void socket.resetAndDestroy()));
      }));
      const error = await providerError(() => read(raw.address), 'ERR_PROVIDER_UNAVAILABLE');
      expect(error.detail).to.equal('ECONNRESET');
      await raw.close();
    }
    server = undefined;
  });

  it('says that the host does not exist, or that nobody could tell', async () => {
    const address = 'https://vault.invalid:8200';
    const error = await providerError(() => read(address), 'ERR_PROVIDER_UNAVAILABLE');
    expect(error.detail).to.be.oneOf(['ENOTFOUND', 'EAI_AGAIN']);
    expect(error.message).to.contain('vault.invalid:8200');
  });

  it('says that https does not fit a plain port', async () => {
    vault = await startDevVault();
    const address = vault.address.replace('http:', 'https:');
    const error = await providerError(() => read(address), 'ERR_PROVIDER_UNAVAILABLE');
    expect(error.message).to.contain('wrong version number');
    expect(error.message).to.contain('http where it is https, or the reverse');
  });

  it('is unavailable where http meets a TLS port, and no token is read there', async () => {
    const leaf = await (await createRootCa()).issue({ hosts: ['127.0.0.1'] });
    const tls = await startTlsServer({ chain: [leaf] });
    try {
      const address = tls.origin.replace('https:', 'http:');
      await providerError(() => read(address), 'ERR_PROVIDER_UNAVAILABLE');
      expect(tls.applicationBytes).to.equal(0);
    } finally {
      await tls.close();
    }
  });

  it('is taken for misconfigured where a TLS port of Go answers plain http', async () => {
    const text = 'Client sent an HTTP request to an HTTPS server.\n';
    const raw = (server = await startRawServer((socket) => {
      socket.end(`HTTP/1.0 400 Bad Request\r\n\r\n${text}`);
    }));
    const error = await providerError(() => read(raw.address), 'ERR_PROVIDER_MISCONFIGURED');
    expect(error.message).to.contain('http where it is https');
  });

  it('is unavailable where what answers is no HTTP', async () => {
    const raw = (server = await startRawServer((socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n')));
    const error = await providerError(() => read(raw.address), 'ERR_PROVIDER_UNAVAILABLE');
    expect(error.detail).to.match(/^HPE_/);
  });

  it('is unavailable where it switches to another protocol, which nobody asked for', async () => {
    const raw = (server = await startRawServer((socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n');
    }));
    const error = await providerError(() => read(raw.address), 'ERR_PROVIDER_UNAVAILABLE');
    expect(error.detail).to.equal('ECONNRESET');
    await raw.closed();
  });

  it('is malformed where its answer is nested without end', async () => {
    vault = await startDevVault();
    const { address } = vault;
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    vault.respondWith(answering(200, `{"data":{"a":${deep}}}`));
    for (const kvVersion of [1, 2])
      await documentError(() => read(address, { kvVersion }), 'ERR_DOCUMENT_MALFORMED');
  });

  it('is cut off where its answer has no end: 2 MiB, whether counted or not', async () => {
    const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
    let sent = 0;
    const raw = (server = await startRawServer((socket) => {
      const send = (): void => {
        while (!socket.destroyed && socket.write(chunk)) sent += 0x10000;
        sent += 0x10000;
      };
      socket.write(head);
      socket.on('drain', send);
      send();
    }));
    const error = await documentError(() => read(raw.address), 'ERR_DOCUMENT_TOO_LARGE');
    expect(error.message).to.contain('secret/tls-pins');
    await raw.closed();
    expect(sent)
      .to.be.above(2 * 1024 * 1024)
      .and.below(32 * 1024 * 1024);
  });

  it('may answer with nearly as much', async () => {
    vault = await startDevVault();
    const { address } = vault;
    const note = 'x'.repeat(2 * 1024 * 1024 - 200);
    vault.respondWith((_request, response) =>
      response.setHeader('Content-Type', 'application/json').end(JSON.stringify(kvAnswer({ $note: note }))),
    );
    expect(await read(address)).to.have.nested.property('document.$note', note);
    vault.respondWith((_request, response) =>
      response
        .setHeader('Content-Type', 'application/json')
        .end(JSON.stringify(kvAnswer({ $note: `${note}${note}` }))),
    );
    await documentError(() => read(address), 'ERR_DOCUMENT_TOO_LARGE');
  });

  it('may come back: the provider holds nothing against it', async () => {
    const back = (vault = await startDevVault());
    back.write('tls-pins', { a: 'none' });
    const provider = createVaultProvider(optionsFor(back, { timeoutMs: 1_000 }));
    back.respondWith(() => undefined);
    await providerError(() => documentOf(provider), 'ERR_PROVIDER_TIMEOUT');
    back.respondWith(undefined);
    expect(await documentOf(provider)).to.deep.equal({ a: 'none' });
    await provider.close?.();
  });
});
