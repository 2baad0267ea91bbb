import { expect } from 'chai';
import { once } from 'node:events';
import { Agent } from 'node:https';
import type { DetailedPeerCertificate, SecureVersion } from 'node:tls';
import {
  createRootCa,
  EXTENDED_KEY_USAGES,
  startTlsServer,
  type TestTlsServer,
  type KeyType,
  type TestCertificate,
  type TlsServerOptions,
} from '#src/index.js';
import { dial, eventually, get, host } from './client.js';
import { readCertificateFlight } from './certificate-flight.js';

const versions: readonly SecureVersion[] = ['TLSv1.2', 'TLSv1.3'];
const keyTypes: readonly KeyType[] = ['ec', 'ec384', 'rsa', 'rsa-pss', 'ed25519'];

describe('startTlsServer', function () {
  this.timeout(10_000);
  let root: TestCertificate;
  let intermediate: TestCertificate;
  let leaf: TestCertificate;
  let server: TestTlsServer | undefined;

  const start = async (options: Partial<TlsServerOptions> = {}): Promise<TestTlsServer> => {
    server = await startTlsServer({ chain: [leaf, intermediate], ...options });
    return server;
  };

  before(async () => {
    root = await createRootCa();
    intermediate = await root.issueCa();
    leaf = await intermediate.issue({ hosts: [host] });
  });

  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  it('answers a client that verifies chain and name', async () => {
    const running = await start();
    const { status, body, socket } = await get(running, root.pem);
    expect({ status, body, authorized: socket.authorized }).to.deep.equal({
      status: 200,
      body: 'ok',
      authorized: true,
    });
    expect(running.origin).to.equal(`https://127.0.0.1:${running.port}`);
  });

  it('is refused by a client that does not trust the root', async () => {
    const running = await start();
    const stranger = await createRootCa();
    const error = await get(running, stranger.pem).catch((reason: unknown) => reason);
    expect(error).to.have.property('code', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY');
    expect(running.applicationBytes).to.equal(0);
  });

  for (const keyType of keyTypes) {
    it(`completes a handshake with ${keyType} keys`, async () => {
      const ownRoot = await createRootCa({ keyType });
      const running = await start({ chain: [await ownRoot.issue({ hosts: [host], keyType })] });
      expect((await get(running, ownRoot.pem)).socket.authorized).to.equal(true);
    });
  }

  it('presents the chain in the order given, junk included', async () => {
    const junk = await createRootCa();
    const running = await start({ chain: [leaf, junk, intermediate], maxVersion: 'TLSv1.2' });
    const socket = await dial(running, root.pem);
    const flight = await readCertificateFlight(running);
    expect(flight.indexOf(leaf.der)).to.be.greaterThan(0);
    expect(flight.indexOf(junk.der)).to.be.greaterThan(flight.indexOf(leaf.der));
    expect(flight.indexOf(intermediate.der)).to.be.greaterThan(flight.indexOf(junk.der));
    const shown: DetailedPeerCertificate = socket.getPeerCertificate(true);
    expect(shown.issuerCertificate.raw.equals(intermediate.der)).to.equal(true);
    socket.destroy();
  });

  for (const version of versions) {
    it(`counts the bytes of ${version} clients exactly, of half a request too`, async () => {
      const running = await start({ minVersion: version, maxVersion: version });
      const silent = await dial(running, root.pem);
      await eventually(() => running.handshakes === 1);
      expect(running.applicationBytes).to.equal(0);
      const half = 'GET / HTTP/1.1\r\nHost: api.exa';
      silent.write(half);
      await eventually(() => running.applicationBytes > 0);
      expect(running.applicationBytes).to.equal(half.length);
      expect(running.requests).to.equal(0);
      silent.destroy();
      await eventually(() => running.applicationBytes === half.length);

      const second = await dial(running, root.pem);
      const whole = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello';
      second.resume().write(whole);
      await once(second, 'close');
      expect(running.applicationBytes).to.equal(half.length + whole.length);
      expect(running.requests).to.equal(1);
      expect([running.connections, running.handshakes]).to.deep.equal([2, 2]);
    });
  }

  it('counts no byte from a client whose own check refuses', async () => {
    const running = await start();
    const refusal = new Error('not this one');
    const error = await get(running, root.pem, { checkServerIdentity: () => refusal }).catch(
      (reason: unknown) => reason,
    );
    expect(error).to.equal(refusal);
    await eventually(() => running.connections === 1);
    expect(running.applicationBytes).to.equal(0);
    expect(running.requests).to.equal(0);
  });

  for (const version of versions) {
    it(`resumes and counts ${version} sessions, also after a switch of certificates`, async () => {
      const running = await start({ minVersion: version, maxVersion: version });
      const agent = new Agent({ maxCachedSessions: 1 });
      expect((await get(running, root.pem, { agent })).status).to.equal(200);
      running.use([await intermediate.issue({ hosts: [host] }), intermediate]);
      expect((await get(running, root.pem, { agent })).status).to.equal(200);
      expect([running.handshakes, running.resumed]).to.deep.equal([2, 1]);
      agent.destroy();
    });
  }

  it('switches key and certificate for new handshakes and keeps open connections', async () => {
    const running = await start();
    const before = await dial(running, root.pem);
    const next = await intermediate.issue({ hosts: [host], keyType: 'rsa' });
    running.use([next, intermediate]);
    const after = await dial(running, root.pem);
    expect(after.getPeerCertificate().raw.equals(next.der)).to.equal(true);
    expect(before.getPeerCertificate().raw.equals(leaf.der)).to.equal(true);
    expect(before.destroyed).to.equal(false);
    before.destroy();
    after.destroy();
  });

  it('keeps its protocol versions through a switch', async () => {
    const running = await start({ maxVersion: 'TLSv1.2' });
    running.use([leaf, intermediate]);
    const socket = await dial(running, root.pem);
    expect(socket.getProtocol()).to.equal('TLSv1.2');
    socket.destroy();
  });

  it('asks for a client certificate and refuses a client without one', async () => {
    const running = await start({ requestCert: true, ca: [root], maxVersion: 'TLSv1.2' });
    const error = await get(running, root.pem).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(Error);
    const client = await root.issue({ extendedKeyUsages: [EXTENDED_KEY_USAGES.clientAuth] });
    const { status } = await get(running, root.pem, { cert: client.pem, key: client.key.privateKeyPem });
    expect(status).to.equal(200);
  });

  it('hands requests to the handler', async () => {
    const running = await start({
      respond: (request, response) => response.writeHead(418).end(`${request.method} ${request.url}`),
    });
    const { status, body } = await get(running, root.pem, { path: '/tea' });
    expect([status, body]).to.deep.equal([418, 'GET /tea']);
  });

  it('destroys open connections on request and goes on listening', async () => {
    const running = await start();
    const socket = await dial(running, root.pem);
    socket.on('error', () => undefined);
    const closed = once(socket.resume(), 'close');
    running.closeConnections();
    await closed;
    expect((await get(running, root.pem)).status).to.equal(200);
  });

  it('closes with connections open, and a second time', async () => {
    const running = await start();
    const socket = await dial(running, root.pem);
    socket.on('error', () => undefined).resume();
    await running.close();
    await running.close();
    const error = await get(running, root.pem).catch((reason: unknown) => reason);
    expect(error).to.have.property('code', 'ECONNREFUSED');
  });

  it('refuses an empty chain', async () => {
    const error = await startTlsServer({ chain: [] }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(TypeError).with.property('message').that.includes('"chain"');
  });
});
