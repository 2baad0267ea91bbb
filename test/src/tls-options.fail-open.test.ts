import https from 'node:https';
import { connect, type ConnectionOptions, type SecureVersion } from 'node:tls';
import { expect } from 'chai';
import {
  askedOnly,
  createRootCa,
  createMemoryProvider,
  loopbackLookup,
  type MemoryProvider,
  startTlsServer,
  type TestCertificate,
  type TestTlsServer,
} from '@pinvault/testing';
import { createPinResolver, findPinError, type PinResolver } from 'pinvault';

const host = 'api.example.test';
const secret = 'password=canary\r\n';

// What a caller may add after our options, knowingly or not.
const additions: readonly [string, ConnectionOptions][] = [
  ['nothing', {}],
  ['rejectUnauthorized: false after it', { rejectUnauthorized: false }],
];

describe('tlsOptions() in tls.connect', () => {
  let root: TestCertificate;
  let leaf: TestCertificate;
  let other: TestCertificate;
  let server: TestTlsServer;
  let provider: MemoryProvider;
  let pins: PinResolver;

  beforeEach(async () => {
    root = await createRootCa({ subject: 'Example Root' });
    leaf = await root.issue({ hosts: [host] });
    other = await root.issue({ hosts: [host] });
    server = await startTlsServer({ chain: [leaf] });
    provider = createMemoryProvider({ [host]: leaf.pin });
    pins = await createPinResolver({ provider, warnings: false, ...askedOnly }, {});
  });

  afterEach(async () => {
    await pins.close();
    await server.close();
  });

  /** Connects and writes at once, as drivers do. */
  async function dial(
    addition: ConnectionOptions,
    target: { readonly host?: string; readonly port?: number } = {},
  ): Promise<unknown> {
    return new Promise((resolve) => {
      const socket = connect({
        host,
        port: server.port,
        ca: root.pem,
        lookup: loopbackLookup,
        ...pins.tlsOptions(target),
        ...addition,
      });
      socket.write(secret);
      socket.once('secureConnect', () => {
        resolve(undefined);
        socket.end();
      });
      socket.once('error', resolve);
    });
  }

  for (const [title, addition] of additions) {
    it(`lets the pinned key pass, with ${title}`, async () => {
      expect(await dial(addition)).to.equal(undefined);
    });

    it(`refuses another key, with ${title}, and not a byte is sent`, async () => {
      provider.write({ [host]: other.pin });
      await pins.refresh();
      expect(findPinError(await dial(addition))?.code).to.equal('ERR_PIN_MISMATCH');
      expect(server.applicationBytes).to.equal(0);
    });
  }

  it('cannot help where rejectUnauthorized: false stands after it and nobody vouches for the chain: Node asks no check', async () => {
    const nobody = await createRootCa({ subject: 'Nobody' });
    server.use([await nobody.issue({ hosts: [host], key: leaf.key })]);
    expect(await dial({})).to.have.property('code', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    expect(server.applicationBytes).to.equal(0);
    // The limit that SECURITY.md states; should Node begin to ask, this line says so.
    expect(await dial({ rejectUnauthorized: false })).to.equal(undefined);
    expect(pins.status().counters).to.include({ matches: 0, mismatches: 0 });
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] satisfies SecureVersion[]) {
    it(`makes an https.Agent that resumes no session, whose certificate nobody would see (${version})`, async () => {
      const options = { ca: root.pem, lookup: loopbackLookup, minVersion: version, maxVersion: version };
      const ask = async (agent: https.Agent): Promise<unknown> =>
        new Promise((resolve) => {
          const request = https.get({ host, port: server.port, agent }, (response) => {
            response.resume().on('end', () => resolve(response.statusCode));
          });
          request.on('error', resolve);
        });
      const plain = new https.Agent({ ...options, keepAlive: false });
      for (let time = 0; time < 3; time += 1) expect(await ask(plain)).to.equal(200);
      // The twin: server and client do resume.
      const { resumed } = server;
      expect(resumed).to.be.greaterThan(0);
      const pinned = new https.Agent({ ...options, ...pins.tlsOptions({ host }), keepAlive: false });
      for (let time = 0; time < 3; time += 1) expect(await ask(pinned)).to.equal(200);
      expect(server.resumed).to.equal(resumed);
      provider.write({ [host]: other.pin });
      await pins.refresh();
      const bytes = server.applicationBytes;
      expect(findPinError(await ask(pinned))?.code).to.equal('ERR_PIN_MISMATCH');
      expect(server.applicationBytes).to.equal(bytes);
    });
  }

  it('goes by the host and port that it was made for', async () => {
    provider.write({ [host]: leaf.pin, [`${host}:${server.port}`]: other.pin });
    await pins.refresh();
    expect(await dial({})).to.equal(undefined);
    const refused = await dial({}, { host, port: server.port });
    expect(findPinError(refused)?.code).to.equal('ERR_PIN_MISMATCH');
  });

  it('serves https.request without an agent', async () => {
    const ask = async (): Promise<unknown> =>
      new Promise((resolve) => {
        const options = {
          host,
          port: server.port,
          agent: false as const,
          ca: root.pem,
          lookup: loopbackLookup,
        };
        https
          .get({ ...options, ...pins.tlsOptions({ host, port: server.port }) }, (response) => {
            response.resume().on('end', () => resolve(response.statusCode));
          })
          .on('error', resolve);
      });
    expect(await ask()).to.equal(200);
    provider.write({ [host]: other.pin });
    await pins.refresh();
    const bytes = server.applicationBytes;
    expect(findPinError(await ask())?.code).to.equal('ERR_PIN_MISMATCH');
    expect(server.applicationBytes).to.equal(bytes);
  });

  it('rides no connection of a shared agent that was opened without pins', async () => {
    provider.write({ [host]: other.pin });
    await pins.refresh();
    const agent = new https.Agent({ keepAlive: true, ca: root.pem, lookup: loopbackLookup });
    const ask = async (options: https.RequestOptions): Promise<unknown> =>
      new Promise((resolve) => {
        https
          .get({ host, port: server.port, agent, ...options }, (response) => {
            // Once more around the event loop: the connection is back in the pool.
            response.resume().on('end', () => setImmediate(resolve, response.statusCode));
          })
          .on('error', resolve);
      });
    expect(await ask({ rejectUnauthorized: true })).to.equal(200);
    expect(Object.keys(agent.freeSockets)).to.have.length(1);
    const bytes = server.applicationBytes;
    const refused = await ask(pins.tlsOptions({ host, port: server.port }));
    expect(findPinError(refused)?.code).to.equal('ERR_PIN_MISMATCH');
    expect(server.applicationBytes).to.equal(bytes);
    agent.destroy();
  });

  it('under mode report tells and lets pass', async () => {
    provider.write({ [host]: other.pin });
    const reporting = await createPinResolver({ provider, mode: 'report', warnings: false }, {});
    const told: boolean[] = [];
    reporting.on('mismatch', ({ enforced }) => told.push(enforced));
    await pins.close();
    pins = reporting;
    expect(await dial({})).to.equal(undefined);
    expect(told).to.deep.equal([false]);
    expect(reporting.status()).to.include({ mode: 'report' });
  });
});
