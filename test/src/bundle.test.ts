import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startFaultServer } from '@pinvault/provider-conformance';
import {
  createRootCa,
  startDevVault,
  startTlsServer,
  type TestCertificate,
  type TestTlsServer,
} from '@pinvault/testing';
import { expect } from 'chai';
import { build } from 'esbuild';

/** The README's quick start, as a CommonJS service has it; everything else comes from the environment. */
const quickStart = `
  const https = require('node:https');
  const { createPinResolver, PinnedAgent, pinErrorCode } = require('pinvault');

  const lookup = (_host, { all }, done) =>
    all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);

  async function main() {
    const pins = await createPinResolver();
    const agent = new PinnedAgent(pins, { ca: process.env.ROOT, lookup });
    const get = (port) =>
      new Promise((resolve) => {
        https
          .get('https://api.example.test:' + port, { agent }, (response) => {
            response.resume();
            resolve(response.statusCode);
          })
          .on('error', (error) => resolve(pinErrorCode(error)));
      });
    console.log(await get(process.env.PORT), await get(process.env.IMPOSTOR));
    agent.destroy();
    await pins.close();
  }
  void main();
`;

/** The same by fetch, with pins from the environment alone. */
const fetchStart = `
  const { createPinResolver, pinErrorCode } = require('pinvault');
  const { createPinnedFetch, PinnedDispatcher } = require('pinvault/undici');

  const lookup = (_host, { all }, done) =>
    all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);

  async function main() {
    const pins = await createPinResolver();
    const dispatcher = new PinnedDispatcher(pins, { connect: { ca: process.env.ROOT, lookup } });
    const fetch = createPinnedFetch(pins, { dispatcher });
    const get = (port) =>
      fetch('https://api.example.test:' + port).then(({ status }) => status, pinErrorCode);
    console.log(await get(process.env.PORT), await get(process.env.IMPOSTOR));
    await dispatcher.destroy();
    await pins.close();
  }
  void main();
`;

describe('a service that requires pinvault', function () {
  this.timeout(60_000);

  let folder: string;
  let bundle: string;
  let fetchBundle: string;
  let root: TestCertificate;
  let leaf: TestCertificate;
  let server: TestTlsServer;
  let impostor: TestTlsServer;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pinvault-bundle-'));
    bundle = join(folder, 'service.cjs');
    fetchBundle = join(folder, 'fetch.cjs');
    for (const [contents, outfile] of [
      [quickStart, bundle],
      [fetchStart, fetchBundle],
    ] as const) {
      const { warnings } = await build({
        stdin: { contents, resolveDir: fileURLToPath(new URL('..', import.meta.url)) },
        bundle: true,
        platform: 'node',
        target: 'node20.19',
        format: 'cjs',
        outfile,
        logLevel: 'silent',
      });
      // A specifier that a bundler cannot see would be told here, and fail at run time.
      expect(warnings.map(({ text }) => text)).to.deep.equal([]);
    }
    root = await createRootCa();
    leaf = await root.issue({ hosts: ['api.example.test'] });
    server = await startTlsServer({ chain: [leaf] });
    impostor = await startTlsServer({ chain: [await root.issue({ hosts: ['api.example.test'] })] });
  });

  after(async () => {
    await Promise.all([server.close(), impostor.close()]);
    await rm(folder, { recursive: true, force: true });
  });

  /** In a folder without node_modules where it is bundled: nothing but the one file is there to be loaded. */
  async function runs(code: string, cwd: string, env: Readonly<Record<string, string>>): Promise<void> {
    const { stdout } = await promisify(execFile)(process.execPath, ['--eval', code], {
      cwd,
      timeout: 30_000,
      env: {
        HOME: '/nonexistent',
        NODE_NO_WARNINGS: '1',
        ROOT: root.pem,
        PORT: String(server.port),
        IMPOSTOR: String(impostor.port),
        ...env,
      },
    });
    expect(stdout).to.equal('200 ERR_PIN_MISMATCH\n');
    expect(impostor.applicationBytes).to.equal(0);
  }

  async function withVault(run: (env: Record<string, string>) => Promise<void>): Promise<void> {
    const vault = await startDevVault();
    vault.write('tls-pins', { 'api.example.test': leaf.pin });
    try {
      await run({
        PINVAULT_PROVIDER: 'vault',
        PINVAULT_VAULT_PATH: 'secret/tls-pins',
        VAULT_ADDR: vault.address,
        VAULT_TOKEN: vault.token,
      });
    } finally {
      await vault.close();
    }
  }

  it('runs the quick start', async () => {
    const here = fileURLToPath(new URL('..', import.meta.url));
    await withVault(async (env) => runs(quickStart, here, env));
  });

  it('runs it bundled into one file', async () => {
    await withVault(async (env) => runs(`require(${JSON.stringify(bundle)})`, folder, env));
  });

  it('has the SDK of AWS in that file, too, and loads it from there', async () => {
    const secret = {
      Name: 'x',
      VersionId: 'v1',
      SecretString: JSON.stringify({ 'api.example.test': leaf.pin }),
    };
    const aws = await startFaultServer({
      store: (_request, response) =>
        response.setHeader('content-type', 'application/x-amz-json-1.1').end(JSON.stringify(secret)),
    });
    try {
      await runs(`require(${JSON.stringify(bundle)})`, folder, {
        PINVAULT_PROVIDER: 'aws',
        PINVAULT_AWS_SECRET_ID: 'x',
        AWS_ENDPOINT_URL: aws.url,
        AWS_REGION: 'eu-central-1',
        AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
        AWS_SECRET_ACCESS_KEY: 'example',
      });
    } finally {
      await aws.stop();
    }
  });

  it('runs fetch and undici, as they are and bundled into one file', async () => {
    const env = { PINVAULT_PINS: JSON.stringify({ 'api.example.test': leaf.pin }) };
    await runs(fetchStart, fileURLToPath(new URL('..', import.meta.url)), env);
    await runs(`require(${JSON.stringify(fetchBundle)})`, folder, env);
  });
});
