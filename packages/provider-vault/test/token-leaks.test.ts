import { inspect } from 'node:util';
import { expect } from 'chai';
import {
  createRootCa,
  startDevVault,
  startTlsServer,
  type DevVault,
  type DevVaultResponder,
  runChild,
  warningsDuring,
} from '@pinvault/testing';
import { type PinEvent, PinResolver } from '@pinvault/core';
import { createVaultProvider } from '#src/index.js';
import { answering, kvAnswer } from './support/answers.js';
import { failureOf } from './support/errors.js';
import { optionsFor, readOnce } from './support/provider.js';
import { startRawServer } from './support/raw-server.js';

const canary = 'hvs.CANARY-4711-abcdefghijklmnop';

/** Everything that a log could make of a value. */
function renderings(value: unknown): string[] {
  const texts = [
    inspect(value, { depth: Infinity, showHidden: true, getters: true, maxStringLength: null }),
    JSON.stringify(value) ?? '',
    String(value),
  ];
  for (let error = value; error instanceof Error; error = error.cause)
    texts.push(error.message, error.stack ?? '', JSON.stringify(Object.entries(error)));
  return texts;
}

function expectNoToken(value: unknown): void {
  for (const text of renderings(value)) expect(text.toLowerCase()).not.to.contain(canary.toLowerCase());
}

describe('the token', () => {
  let vault: DevVault;

  beforeEach(async () => {
    vault = await startDevVault({ token: canary });
    vault.write('tls-pins', { 'api.example.com': 'none' });
  });

  afterEach(async () => {
    await vault.close();
  });

  // The vault, or what stands in its place, sends back all that it was sent.
  const echoes: readonly (readonly [string, DevVaultResponder])[] = [
    ...[400, 401, 403, 404, 405, 412, 429, 500, 501, 502, 503].map(
      (status) =>
        [
          `an error body with status ${String(status)}`,
          (request, response) => {
            response.writeHead(status, { 'Content-Type': 'application/json', 'Retry-After': canary });
            response.end(JSON.stringify({ errors: [`request was ${JSON.stringify(request.rawHeaders)}`] }));
          },
        ] as const satisfies readonly [string, DevVaultResponder],
    ),
    ['a page', answering(502, `<pre>X-Vault-Token: ${canary}</pre>`, { 'Content-Type': 'text/html' })],
    ['the type of a page', answering(200, 'x', { 'Content-Type': `text/${canary}` })],
    ['the type of an error page', answering(403, 'x', { 'Content-Type': `text/${canary}` })],
    ['broken JSON', answering(200, `{"token":"${canary}"`)],
    [
      'the metadata of a deleted version',
      answering(404, kvAnswer(null, { version: canary, deletion_time: canary })),
    ],
    [
      'the metadata of a destroyed version',
      answering(404, kvAnswer(null, { version: canary, destroyed: true })),
    ],
    ['a missing mount', answering(404, { errors: [`no handler for route ${canary}`] })],
    ['the host of a redirect', answering(307, '', { Location: `http://${canary}.example.com/${canary}` })],
    ['the scheme of a redirect', answering(307, '', { Location: `${canary}://x` })],
    ['a redirect in vain', answering(307, '', { Location: `/${canary}` })],
    ['the reason of a status', (_request, response) => response.writeHead(500, canary).end()],
  ];
  for (const [what, responder] of echoes) {
    it(`is in no error, although ${what} repeats it`, async () => {
      vault.respondWith(responder);
      const error = await failureOf(() => readOnce(optionsFor(vault)));
      expect(error).to.have.property('code');
      expectNoToken(error);
    });
  }

  it('is still told from the rest of the words', async () => {
    vault.respondWith(answering(500, { errors: [`token ${canary} is odd`] }));
    const error = await failureOf(() => readOnce(optionsFor(vault)));
    expect(error.message).to.contain('token [token] is odd');
  });

  it('is in no error of a connection that failed', async () => {
    const reset = await startRawServer((socket) => {
      socket.once('data', () => socket.resetAndDestroy());
    });
    const garbage = await startRawServer((socket) => socket.end(`${canary}\r\n`));
    const root = await createRootCa();
    const tls = await startTlsServer({ chain: [await root.issue({ hosts: ['127.0.0.1'] })] });
    const pins = (await root.issue()).pin;
    vault.respondWith(() => undefined);
    try {
      for (const options of [
        { address: reset.address },
        { address: garbage.address },
        { address: 'http://127.0.0.1:1' },
        { address: tls.origin },
        { address: tls.origin, ca: root.pem, pins },
        { timeoutMs: 30 },
      ])
        expectNoToken(await failureOf(() => readOnce(optionsFor(vault, options))));
    } finally {
      await Promise.all([reset.close(), garbage.close(), tls.close()]);
    }
  });

  it('is in no error of an option or a variable that is wrong', async () => {
    const env = { VAULT_TOKEN: `${canary} ${canary}`, VAULT_ADDR: `https://${canary}@vault.example.com` };
    for (const options of [
      { token: `${canary}\n` },
      { token: undefined, env },
      { address: undefined, env },
      { address: `https://x:${canary}@vault.example.com` },
      { address: `https://vault.example.com/?token=${canary}` },
    ])
      expectNoToken(await failureOf(() => createVaultProvider(optionsFor(vault, options))));
  });

  it('is not in the provider itself', async () => {
    const provider = createVaultProvider(optionsFor(vault));
    await provider.read({ signal: new AbortController().signal });
    expectNoToken(provider);
    await provider.close?.();
  });

  it('is in no event, no status and no warning of a resolver', async () => {
    const events: PinEvent[] = [];
    const warnings = await warningsDuring(async () => {
      // Each a resolver of its own: one that was refused leaves its store alone for a while.
      for (const [, responder] of echoes) {
        vault.respondWith(undefined);
        const resolver = await PinResolver.create(createVaultProvider(optionsFor(vault)), {
          onEvent: (event) => events.push(event),
          refreshIntervalMs: 3_600_000,
        });
        vault.respondWith(responder);
        expect((await resolver.refresh()).outcome).to.be.oneOf(['failed', 'rejected']);
        expectNoToken(resolver.status());
        await resolver.close();
      }
    });
    const told = events.filter(({ type }) => type === 'refreshError' || type === 'documentRejected');
    expect(told).to.have.length(echoes.length);
    expect(warnings).not.to.have.length(0);
    for (const text of [...events, ...warnings]) expectNoToken(text);
  });

  for (const debug of ['DEBUG', 'NODE_DEBUG']) {
    it(`is in no output of ${debug}=*, nor is what the secret holds`, async function () {
      this.timeout(20_000);
      const source = `
        import { createVaultProvider } from '@pinvault/provider-vault';
        const signal = new AbortController().signal;
        // A read holds no process.
        const hold = setTimeout(() => undefined, 20_000);
        const good = createVaultProvider({ path: 'secret/tls-pins' });
        console.log(JSON.stringify((await good.read({ signal })).revision));
        const bad = createVaultProvider({ path: 'secret/none' });
        console.log(await bad.read({ signal }).catch((error) => error.code));
        clearTimeout(hold);
      `;
      const { code, output } = await runChild(new URL('.', import.meta.url), source, {
        [debug]: '*',
        DEBUG_DEPTH: '10',
        VAULT_ADDR: vault.address,
        VAULT_TOKEN: canary,
      });
      expect(code, output.slice(-2_000)).to.equal(0);
      expect(output).to.contain('"1"').and.to.contain('ERR_PROVIDER_NOT_FOUND');
      expect(output).not.to.contain(canary);
      expect(output).not.to.contain('api.example.com');
      // Its own lines, which would hold payloads; Node's name its file.
      if (debug === 'DEBUG') expect(output).not.to.contain('node-vault');
    });
  }
});
