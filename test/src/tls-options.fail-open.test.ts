import https from 'node:https';
import { connect, type ConnectionOptions } from 'node:tls';
import { expect } from 'chai';
import {
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
    pins = await createPinResolver({ provider, warnings: false }, {});
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
