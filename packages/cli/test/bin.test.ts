import { chmodSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { createRootCa, startTlsServer, type TestTlsServer, type TestCertificate } from '@pinvault/testing';
import { binPath, spawned } from './support/bin.js';
import { Folder } from './support/command.js';

describe('the program', function () {
  this.timeout(20_000);
  let folder: Folder;
  let server: TestTlsServer;
  let leaf: TestCertificate;
  let rootPath: string;

  before(async () => {
    folder = new Folder();
    const root = await createRootCa();
    leaf = await root.issue({ hosts: ['127.0.0.1'] });
    rootPath = folder.write('root.pem', root.pem);
    server = await startTlsServer({ chain: [leaf] });
  });
  after(async () => {
    await server.close();
    folder.remove();
  });

  it('is what the manifest names as the command pinvault', () => {
    const manifestPath = join(dirname(dirname(binPath)), 'package.json');
    const { bin } = JSON.parse(readFileSync(manifestPath, 'utf8')) as { bin: Record<string, string> };
    expect(join(dirname(manifestPath), bin['pinvault'] ?? '')).to.equal(binPath);
  });

  it('ends with 0 and prints to stdout alone where there is a pin', async () => {
    const args = [binPath, 'pin', `127.0.0.1:${server.port}`, '--ca', rootPath];
    const outcome = await spawned(process.execPath, args);
    expect(outcome).to.include({ exitCode: 0, stderr: '' });
    expect(outcome.stdout.split('\n')[0]).to.equal(`"127.0.0.1": "${leaf.pin}"`);
  });

  it('ends with 1 and prints to stderr alone where there is none', async () => {
    const outcome = await spawned(process.execPath, [binPath, 'pin', `127.0.0.1:${server.port}`]);
    expect(outcome).to.include({ exitCode: 1, stdout: '' });
    expect(outcome.stderr).to.match(/^pinvault: no pin: /u);
  });

  it('ends with 2 for a wrong command line', async () => {
    const outcome = await spawned(process.execPath, [binPath, 'pni']);
    expect(outcome).to.include({ exitCode: 2, stdout: '' });
    expect(outcome.stderr).to.include('"pni"');
  });

  it('trusts the roots of NODE_EXTRA_CA_CERTS, also beside --ca', async () => {
    const other = folder.write('other.pem', (await createRootCa()).pem);
    const target = `127.0.0.1:${server.port}`;
    for (const more of [[], ['--ca', other]]) {
      const args = [binPath, 'pin', target, ...more];
      const outcome = await spawned(process.execPath, args, { NODE_EXTRA_CA_CERTS: rootPath });
      expect(outcome.exitCode, outcome.stderr).to.equal(0);
      expect((await spawned(process.execPath, args)).exitCode).to.equal(1);
    }
  });

  it('runs by its first line from node_modules/.bin', async function () {
    if (process.platform === 'win32') this.skip();
    const bin = join(folder.path, 'node_modules', '.bin');
    mkdirSync(bin, { recursive: true });
    // What npm does at installation.
    symlinkSync(binPath, join(bin, 'pinvault'));
    chmodSync(binPath, 0o755);
    const outcome = await spawned(join(bin, 'pinvault'), ['--version']);
    expect(outcome).to.include({ exitCode: 0, stderr: '' });
    expect(outcome.stdout).to.match(/^\d+\.\d+\.\d+\n$/u);
  });
});
