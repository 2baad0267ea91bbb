import { createServer, type Server } from 'node:net';
import { expect } from 'chai';
import { createRootCa, createSelfSigned, startTlsServer, type TestCertificate } from '@pinvault/testing';
import { command, Folder, type Outcome, rowOf } from './support/command.js';

const host = 'api.example.test';

describe('pinvault pin, refused or without an answer', () => {
  let folder: Folder;
  let root: TestCertificate;
  let rootPath: string;
  const open: { close(): unknown }[] = [];

  before(async () => {
    folder = new Folder();
    root = await createRootCa();
    rootPath = folder.write('root.pem', root.pem);
  });
  after(() => folder.remove());
  afterEach(async () => {
    for (const server of open.splice(0)) await server.close();
  });

  const pinOf = async (chain: readonly TestCertificate[], ...more: readonly string[]): Promise<Outcome> => {
    const server = await startTlsServer({ chain });
    open.push(server);
    const outcome = await command(['pin', `${host}:${server.port}`, '--ca', rootPath, ...more]);
    expect(server.applicationBytes).to.equal(0);
    return outcome;
  };

  /** No row, no pin: exit code 1, and a reason that holds all of these. */
  const expectRefused = (outcome: Outcome, ...facts: readonly string[]): void => {
    expect(outcome.stdout).to.equal('');
    expect(outcome.stderr).not.to.include('sha256/');
    expect(outcome.stderr).to.match(/^pinvault: /u);
    for (const fact of facts) expect(outcome.stderr).to.include(fact);
    expect(outcome.exitCode).to.equal(1);
  };

  const listen = async (server: Server): Promise<number> => {
    const sockets: { destroy(): unknown }[] = [];
    server.on('connection', (socket) => sockets.push(socket.on('error', () => undefined)));
    open.push({
      close: async () => {
        for (const socket of sockets) socket.destroy();
        await new Promise((resolve) => server.close(resolve));
      },
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as { port: number }).port;
  };

  it('gives no row for a certificate of an untrusted CA, and names --ca', async () => {
    const stranger = await createRootCa();
    const leaf = await stranger.issue({ hosts: [host] });
    expectRefused(await pinOf([leaf]), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', '--ca');
    expectRefused(await pinOf([leaf, stranger]), 'SELF_SIGNED_CERT_IN_CHAIN', '--ca');
  });

  it('gives a row for the same server once its CA is trusted', async () => {
    const leaf = await root.issue({ hosts: [host] });
    expect(rowOf(await pinOf([leaf]))).to.equal(`"${host}": "${leaf.pin}"`);
  });

  it('gives no row for a self-signed certificate', async () => {
    const lone = await createSelfSigned({ hosts: [host] });
    expectRefused(await pinOf([lone]), 'DEPTH_ZERO_SELF_SIGNED_CERT', '--ca');
  });

  it('gives no row for a certificate for another host, and names --servername', async () => {
    const other = await root.issue({ hosts: ['other.example.test'] });
    expectRefused(
      await pinOf([other]),
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'DNS:other.example.test',
      '--servername',
    );
  });

  it('gives no row where --servername is not in the certificate, though the host is', async () => {
    const leaf = await root.issue({ hosts: [host] });
    expectRefused(await pinOf([leaf], '--servername', 'other.example.test'), 'ERR_TLS_CERT_ALTNAME_INVALID');
  });

  it('gives no row for an expired certificate', async () => {
    const dates = { notBefore: new Date('2020-01-01'), notAfter: new Date('2021-01-01') };
    expectRefused(await pinOf([await root.issue({ hosts: [host], ...dates })]), 'CERT_HAS_EXPIRED');
  });

  it('escapes the odd names of a certificate in its reason', async () => {
    const value = Buffer.concat([Buffer.from([0x30, 0x06, 0x82, 0x04]), Buffer.from('a"\u001b,')]);
    const leaf = await root.issue({ extensions: [{ oid: '2.5.29.17', critical: false, value }] });
    const outcome = await pinOf([leaf]);
    expectRefused(outcome, 'ERR_TLS_CERT_ALTNAME_INVALID');
    expect(outcome.stderr).not.to.match(/[^\P{C}\n]/u);
  });

  it('gives up on a server that never answers', async () => {
    const port = await listen(createServer());
    const outcome = await command(['pin', `${host}:${port}`, '--timeout', '0.1']);
    expectRefused(outcome, `${host}:${port}`, '0.1 s');
    expect(outcome.stderr.trim().split('\n')).to.have.length(1);
  });

  const notTls: readonly [string, string][] = [
    ['speaks HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['greets as a mail server', '220 mail.example.test ESMTP\r\n'],
  ];
  for (const [what, greeting] of notTls) {
    it(`says that a port which ${what} does not speak TLS`, async () => {
      const port = await listen(createServer((socket) => void socket.end(greeting)));
      const outcome = await command(['pin', `${host}:${port}`]);
      expectRefused(outcome, `${host}:${port}`, 'not in TLS');
      expect(outcome.stderr.trim().split('\n')).to.have.length(1);
    });
  }

  it('says that the server hung up', async () => {
    const port = await listen(createServer((socket) => void socket.destroy()));
    expectRefused(await command(['pin', `${host}:${port}`]), 'closed the connection');
  });

  it('says that nothing listens', async () => {
    const server = createServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    expectRefused(await command(['pin', `${host}:${port}`]), `${host}:${port}`, 'refused the connection');
  });

  it('names the alert of a server that wants a client certificate', async () => {
    const server = await startTlsServer({
      chain: [await root.issue({ hosts: [host] })],
      requestCert: true,
      ca: [root],
      maxVersion: 'TLSv1.2',
    });
    open.push(server);
    const outcome = await command(['pin', `${host}:${server.port}`, '--ca', rootPath]);
    expectRefused(outcome, `${host}:${server.port}`);
  });

  for (const [what, content] of [
    ['garbage', 'no certificate'],
    [
      'a key',
      '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n',
    ],
  ] as const) {
    it(`refuses ${what} as --ca`, async () => {
      const path = folder.write('bad-ca.pem', content);
      expectRefused(await command(['pin', host, '--ca', path]), '--ca', path);
    });
  }

  it('refuses a --ca that is not there', async () => {
    expectRefused(await command(['pin', host, '--ca', `${folder.path}/none.pem`]), 'none.pem');
  });
});
