import { expect } from 'chai';
import { startDevVault, type DevVault, runChild } from '@pinvault/testing';
import { document, rows } from './support/resolvers.js';

/** Prints which packages of `node_modules` the process has loaded, ours by their names. */
const listLoaded = `
  import { register } from 'node:module';
  import { MessageChannel } from 'node:worker_threads';
  const { port1, port2 } = new MessageChannel();
  const loaded = [];
  port1.on('message', (url) => loaded.push(url));
  port1.unref();
  const hook = \`
    let port;
    export function initialize(data) { port = data.port; }
    export async function load(url, context, next) { port.postMessage(url); return next(url, context); }
  \`;
  register('data:text/javascript,' + encodeURIComponent(hook), { data: { port: port2 }, transferList: [port2] });
  const settled = () => new Promise((resolve) => setTimeout(resolve, 50));
`;

describe('loading pinvault', function () {
  this.timeout(20_000);

  it('loads neither the vault package nor its client before a vault is named', async () => {
    const { code, output } = await runChild(
      new URL('.', import.meta.url),
      `${listLoaded}
      const { createPinResolver } = await import('pinvault');
      const pins = await createPinResolver();
      await settled();
      console.log(loaded.length > 10, loaded.filter((url) => /provider-(vault|aws|azure)|node-vault|axios|aws-sdk|smithy|@azure/.test(url)));
      await pins.close();
      await createPinResolver({ provider: 'vault', vault: { path: 'secret/x', address: 'http://127.0.0.1:1', token: 't' }, startupTimeoutMs: 100 }, {}).catch(() => undefined);
      await settled();
      console.log(loaded.some((url) => /provider-vault/.test(url)), loaded.some((url) => /node-vault/.test(url)));
      `,
      { PINVAULT_PINS: document, PINVAULT_STARTUP_TIMEOUT: '100ms', NODE_NO_WARNINGS: '1' },
    );
    expect([code, output]).to.deep.equal([0, 'true []\ntrue true\n']);
  });

  it('loads undici with pinvault/undici, and not before', async () => {
    const { code, output } = await runChild(
      new URL('.', import.meta.url),
      `${listLoaded}
      const undici = () => loaded.filter((url) => /node_modules\\/undici\\/index\\.js|packages\\/undici/.test(url)).length > 0;
      await import('pinvault');
      await settled();
      const before = undici();
      const { createPinnedFetch, PinnedDispatcher } = await import('pinvault/undici');
      await settled();
      console.log(before, undici(), typeof createPinnedFetch, typeof PinnedDispatcher);
      `,
      { NODE_NO_WARNINGS: '1' },
    );
    expect([code, output]).to.deep.equal([0, 'false true function function\n']);
  });

  it('works by require from CommonJS', async () => {
    const { code, output } = await runChild(
      new URL('.', import.meta.url),
      `
      import { createRequire } from 'node:module';
      const require = createRequire(process.cwd() + '/');
      const { createPinResolver, PinnedAgent, PinError } = require('pinvault');
      void createPinResolver().then(async (pins) => {
        console.log(pins.status().hosts, new PinnedAgent(pins) instanceof require('node:https').Agent, typeof PinError);
      });
      `,
      { PINVAULT_PINS: document, NODE_NO_WARNINGS: '1' },
    );
    expect([code, output]).to.deep.equal([0, "[ 'api.example.com' ] true function\n"]);
  });

  it('has no top-level effect: a process that only imports it ends at once', async () => {
    const { code, output } = await runChild(new URL('.', import.meta.url), `import 'pinvault';`);
    expect([code, output]).to.deep.equal([0, '']);
  });

  it('is told to install the vault package where that is missing', async () => {
    const { code, output } = await runChild(
      new URL('.', import.meta.url),
      `
      import { register } from 'node:module';
      const hook = \`export async function resolve(name, context, next) {
        if (name === '@pinvault/provider-vault') throw Object.assign(new Error('gone'), { code: 'ERR_MODULE_NOT_FOUND' });
        return next(name, context);
      }\`;
      register('data:text/javascript,' + encodeURIComponent(hook));
      const { createPinResolver } = await import('pinvault');
      const error = await createPinResolver({ provider: 'vault', vault: { path: 'secret/x' } }).catch((error) => error);
      console.log(error.code, error.message.includes('npm install @pinvault/provider-vault'));
      `,
      { NODE_NO_WARNINGS: '1' },
    );
    expect([code, output]).to.deep.equal([0, 'ERR_PROVIDER_SDK_MISSING true\n']);
  });
});

describe('a process with pins from a vault', function () {
  this.timeout(20_000);

  let vault: DevVault;

  beforeEach(async () => {
    vault = await startDevVault();
    vault.write('tls-pins', rows);
  });

  afterEach(async () => {
    await vault.close();
  });

  const environment = (more: Record<string, string> = {}) => ({
    PINVAULT_PROVIDER: 'vault',
    PINVAULT_VAULT_PATH: 'secret/tls-pins',
    VAULT_ADDR: vault.address,
    VAULT_TOKEN: vault.token,
    ...more,
  });

  it('ends by itself, though the resolver is open and has a read ahead', async () => {
    const { code, output, ranMs } = await runChild(
      new URL('.', import.meta.url),
      `
      import { createPinResolver } from 'pinvault';
      const pins = await createPinResolver();
      console.log(pins.status().state);
      process.on('exit', () => console.log('ended'));
      `,
      environment({ PINVAULT_REFRESH_INTERVAL: '1h' }),
    );
    expect([code, output]).to.deep.equal([0, 'fresh\nended\n']);
    expect(ranMs).to.be.below(10_000);
  });

  it('ends by itself, though a read in the background hangs', async () => {
    let reads = 0;
    // What the vault is asked besides, such as the version of the mount, is answered.
    vault.respondWith(({ url = '' }) => (!url.includes('/data/') || (reads += 1) === 1 ? false : undefined));
    const { code, output } = await runChild(
      new URL('.', import.meta.url),
      `
      import { createPinResolver } from 'pinvault';
      const pins = await createPinResolver({ readTimeoutMs: 60_000 });
      void pins.refresh();
      process.on('exit', () => console.log('ended'));
      `,
      environment(),
    );
    expect([code, output]).to.deep.equal([0, 'ended\n']);
  });

  it('stays alive while it starts against a vault that hangs, until the start fails', async () => {
    vault.respondWith(() => undefined);
    const { code, output } = await runChild(
      new URL('.', import.meta.url),
      `
      import { createPinResolver } from 'pinvault';
      const startedAt = performance.now();
      createPinResolver().catch((error) => console.log(error.code, performance.now() - startedAt >= 390));
      `,
      environment({ PINVAULT_STARTUP_TIMEOUT: '400ms' }),
    );
    expect([code, output]).to.deep.equal([0, 'ERR_PROVIDER_TIMEOUT true\n']);
    expect(vault.requests).to.be.above(0);
  });
});
