import { get } from 'node:https';
import { expect } from 'chai';
import { createStaticProvider, pinErrorCode, PinnedAgent, PinResolver } from 'pinvault';
import {
  createRootCa,
  loopbackLookup,
  startTlsServer,
  type TestCertificate,
  type TestTlsServer,
} from '@pinvault/testing';
import { command, Folder } from './support/command.js';

const host = 'api.example.test';

describe('a row that was pasted into a document', () => {
  let folder: Folder;
  let server: TestTlsServer;
  let root: TestCertificate;
  let intermediate: TestCertificate;
  let rows: readonly string[];

  before(async () => {
    folder = new Folder();
    root = await createRootCa();
    intermediate = await root.issueCa();
  });
  after(() => folder.remove());
  beforeEach(async () => {
    const leaf = await intermediate.issue({ hosts: [host] });
    server = await startTlsServer({ chain: [leaf, intermediate] });
    const args = ['pin', `${host}:${server.port}`, '--ca', folder.write('root.pem', root.pem)];
    const { stdout } = await command(args);
    // The row, the one of the CA and the one of the port; not the one with a placeholder.
    rows = [...stdout.matchAll(/^ *("[^"\n]+": "[^"<\n]+")$/gmu)].map((match) => match[1] ?? '');
  });
  afterEach(async () => server.close());

  /** The status of a request under a document that holds only this row. */
  const statusUnder = async (row: string): Promise<number> => {
    const pins = await PinResolver.create(createStaticProvider(`{ ${row} }`), { warnings: false });
    const agent = new PinnedAgent(pins);
    try {
      return await new Promise((resolve, reject) => {
        const url = `https://${host}:${server.port}/`;
        get(url, { agent, ca: root.pem, lookup: loopbackLookup }, (response) => {
          response.resume().once('end', () => resolve(response.statusCode ?? 0));
        }).once('error', reject);
      });
    } finally {
      agent.destroy();
      await pins.close();
    }
  };

  it('lets its server in, in each of the three forms that are printed', async () => {
    expect(rows).to.have.length(3);
    for (const row of rows) expect(await statusUnder(row), row).to.equal(200);
  });

  it('refuses the server once it has another key and another CA, before a byte is sent', async () => {
    const strangers = await root.issueCa();
    server.use([await strangers.issue({ hosts: [host] }), strangers]);
    for (const row of rows) {
      const error: unknown = await statusUnder(row).catch((reason: unknown) => reason);
      expect(pinErrorCode(error), row).to.equal('ERR_PIN_MISMATCH');
    }
    expect(server.applicationBytes).to.equal(0);
  });

  it('is refused as long as the host is the placeholder of a file', async () => {
    const { stdout } = await command(['pin', folder.write('key.pem', root.key.privateKeyPem)]);
    const error: unknown = await statusUnder(stdout.split('\n')[0] ?? '').catch((reason: unknown) => reason);
    expect(pinErrorCode(error)).to.equal('ERR_DOCUMENT_MALFORMED');
  });
});
