import { expect } from 'chai';
import { createRootCa, startTlsServer, type TestCertificate, type TestTlsServer } from '@pinvault/testing';
import { command, Folder, listedPins, type Outcome, rowOf } from './support/command.js';

const host = 'api.example.test';
const dayMs = 86_400_000;

describe('pinvault pin <host>', () => {
  let folder: Folder;
  let root: TestCertificate;
  let intermediate: TestCertificate;
  let leaf: TestCertificate;
  let server: TestTlsServer;
  let rootPath: string;

  before(async () => {
    folder = new Folder();
    root = await createRootCa({ subject: 'CN=Root' });
    intermediate = await root.issueCa({ subject: 'CN=Intermediate' });
    leaf = await intermediate.issue({
      hosts: [host, 'other.example.test', 'xn--mnchen-3ya.test', '127.0.0.1'],
    });
    rootPath = folder.write('root.pem', root.pem);
  });
  after(() => folder.remove());
  beforeEach(async () => (server = await startTlsServer({ chain: [leaf, intermediate] })));
  afterEach(async () => server.close());

  const pin = async (...args: readonly string[]): Promise<Outcome> =>
    command(['pin', '--ca', rootPath, ...args]);

  it('prints the row first, then the verified path with pin, subject and dates', async () => {
    const outcome = await pin(`${host}:${server.port}`);
    expect(outcome.exitCode).to.equal(0);
    expect(outcome.stderr).to.equal('');
    expect(rowOf(outcome)).to.equal(`"${host}": "${leaf.pin}"`);
    expect(listedPins(outcome)).to.deep.equal([leaf.pin, intermediate.pin, root.pin]);
    const notAfter = new Date(leaf.x509.validTo).toISOString();
    const facts = [`CN=${host}`, 'CN=Intermediate', 'CN=Root', notAfter.slice(0, 16).replace('T', ' ')];
    for (const fact of facts) expect(outcome.stdout).to.include(fact);
    expect(outcome.stdout).to.match(/0 {2}leaf [^]*1 {2}CA [^]*2 {2}root /u);
  });

  it('stays within 100 columns', async () => {
    const { stdout } = await pin(`${host}:${server.port}`);
    const longest = Math.max(...stdout.split('\n').map((line) => line.length));
    expect(longest).to.be.within(80, 100);
  });

  it('says how to pin the CA, the port alone, and a backup', async () => {
    const { stdout } = await pin(`${host}:${server.port}`);
    expect(stdout).to.include(`"${host}": "ca:${intermediate.pin}"`);
    expect(stdout).to.include(`"${host}:${server.port}": "${leaf.pin}"`);
    expect(stdout).to.include(`"${host}#next": `);
  });

  it('sends no byte of an application, and hangs up', async () => {
    await pin(`${host}:${server.port}`);
    // Under TLS 1.3 the server is done a moment after the client.
    while (server.handshakes === 0) await new Promise((resolve) => setImmediate(resolve));
    await server.close();
    expect(server.handshakes).to.equal(1);
    expect(server.applicationBytes).to.equal(0);
  });

  it('takes a URL for its host and port', async () => {
    const outcome = await pin(`https://user:secret@${host.toUpperCase()}:${server.port}/path?query`);
    expect(rowOf(outcome)).to.equal(`"${host}": "${leaf.pin}"`);
    expect(outcome.stdout + outcome.stderr).not.to.include('secret');
  });

  it('writes the row for the A-label of an international name', async () => {
    expect(rowOf(await pin(`München.test:${server.port}`))).to.equal(`"xn--mnchen-3ya.test": "${leaf.pin}"`);
  });

  it('takes an IP address', async () => {
    expect(rowOf(await pin(`127.0.0.1:${server.port}`))).to.equal(`"127.0.0.1": "${leaf.pin}"`);
  });

  it('verifies the name of --servername, and writes the row for it', async () => {
    const outcome = await pin(`10.example.test:${server.port}`, '--servername', 'Other.example.test');
    expect(rowOf(outcome)).to.equal(`"other.example.test": "${leaf.pin}"`);
  });

  it('takes DER as --ca too, and several of them', async () => {
    const other = folder.write('other.pem', (await createRootCa()).pem);
    const der = folder.write('root.der', root.der);
    const outcome = await command(['pin', `${host}:${server.port}`, '--ca', other, '--ca', der]);
    expect(rowOf(outcome)).to.equal(`"${host}": "${leaf.pin}"`);
  });

  it('does not list certificates that the server sends beside the path', async () => {
    const junk = await createRootCa({ subject: 'CN=Junk' });
    const junkLeaf = await junk.issue({ hosts: ['junk.example.test'] });
    server.use([leaf, junkLeaf, junk, intermediate, junk]);
    const outcome = await pin(`${host}:${server.port}`);
    expect(listedPins(outcome)).to.deep.equal([leaf.pin, intermediate.pin, root.pin]);
    expect(outcome.stdout).not.to.include('Junk');
  });

  it('ends the path where the next certificate shown did not issue the one before, and says so', async () => {
    // The client trusts a root that bears the name of a real CA; the server shows that CA, which verified nothing.
    const named = await createRootCa({ subject: root.subject, keyIdentifiers: false });
    const stranger = await createRootCa({ subject: root.subject, keyIdentifiers: false });
    const imposter = await stranger.issue({ hosts: [host], keyIdentifiers: false });
    server.use([imposter, named]);
    const trusted = folder.write('stranger.pem', stranger.pem);
    const outcome = await command(['pin', `${host}:${server.port}`, '--ca', trusted]);
    expect(outcome.exitCode).to.equal(0);
    expect(listedPins(outcome)).to.deep.equal([imposter.pin]);
    expect(outcome.stdout).not.to.include(named.pin);
    expect(outcome.stdout).to.include('The path ends here: of certificate 0,');
    const json = await command(['pin', `${host}:${server.port}`, '--ca', trusted, '--json']);
    expect((JSON.parse(json.stdout) as { endsBecause: string }).endsBecause).to.include('certificate 0');
  });

  it('prints the same facts as JSON', async () => {
    const now = Date.parse(leaf.x509.validTo) - 40.5 * dayMs;
    const outcome = await command(['pin', `${host}:${server.port}`, '--ca', rootPath, '--json'], () => now);
    const report = JSON.parse(outcome.stdout) as {
      entries: { role: string; pin: string; notAfter: string; daysLeft: number }[];
    };
    expect(report).to.deep.include({ row: { [host]: leaf.pin }, verified: true, warnings: [] });
    expect(report.entries.map(({ role, pin: listed }) => [role, listed])).to.deep.equal([
      ['leaf', leaf.pin],
      ['CA', intermediate.pin],
      ['root', root.pin],
    ]);
    expect(report.entries[0]).to.include({
      notAfter: new Date(leaf.x509.validTo).toISOString(),
      daysLeft: 40,
    });
  });

  it('warns of a leaf that expires within 30 days, and not of one that has longer', async () => {
    const end = Date.parse(leaf.x509.validTo);
    const warningsAt = async (now: number): Promise<string> =>
      (await command(['pin', `${host}:${server.port}`, '--ca', rootPath], () => now)).stdout;
    expect(await warningsAt(end - 29.5 * dayMs)).to.match(/! .*expires soon \(29 days left\)/u);
    expect(await warningsAt(end - 30.5 * dayMs)).not.to.include('expires soon');
  });

  it('warns where the server presents a CA certificate as its own', async () => {
    const lone = await createRootCa({ hosts: [host], extendedKeyUsages: [], keyUsages: null });
    server.use([lone]);
    const trusted = folder.write('lone.pem', lone.pem);
    const outcome = await command(['pin', `${host}:${server.port}`, '--ca', trusted]);
    expect(rowOf(outcome)).to.equal(`"${host}": "${lone.pin}"`);
    expect(outcome.stdout).to.include(`leaf:${lone.pin}`);
    expect((await pin(`${host}:${server.port}`)).exitCode).to.equal(1);
  });

  it('escapes what a certificate has the terminal do', async () => {
    const hostile = await intermediate.issue({ hosts: [host], subject: 'CN=\u001b[2Jevil\u202e' });
    server.use([hostile, intermediate]);
    const { stdout } = await pin(`${host}:${server.port}`);
    expect(stdout).to.include('evil');
    expect(stdout).not.to.match(/[^\P{C}\n]/u);
  });
});
