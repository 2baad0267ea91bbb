import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { type DevVault, runChild, startDevVault, warningsDuring } from '@pinvault/testing';
import { type PinEvent, PinResolver } from '@pinvault/core';
import { createVaultProvider, type VaultAuthOptions } from '#src/index.js';
import { failureOf } from '../support/errors.js';

const canary = 'CANARY-4711-abcdefghijklmnop';
const short = 'Pw"7&é';

const credentials = { accessKeyId: `AKIA${canary}`, secretAccessKey: canary, sessionToken: canary };

/** Each method, with the canary wherever a secret goes. */
const methods: readonly VaultAuthOptions[] = [
  { method: 'approle', roleId: canary, secretId: canary },
  { method: 'approle', roleId: 'role', wrappedSecretId: canary },
  { method: 'kubernetes', role: 'role', jwt: canary },
  { method: 'jwt', jwt: canary },
  { method: 'cert' },
  { method: 'userpass', username: 'user', password: canary },
  { method: 'ldap', username: 'user', password: canary },
  { method: 'aws', credentials },
  { method: 'userpass', username: 'user', password: canary, inline: true },
  { method: 'approle', roleId: canary, secretId: canary, inline: true },
  { method: 'jwt', jwt: canary, inline: true },
];

function expectNoSecret(value: unknown): void {
  const texts = [
    inspect(value, { depth: Infinity, showHidden: true, getters: true, maxStringLength: null }),
    JSON.stringify(value) ?? '',
    String(value),
  ];
  for (let error = value; error instanceof Error; error = error.cause)
    texts.push(error.message, error.stack ?? '', JSON.stringify(Object.entries(error)));
  for (const text of texts) expect(text.toLowerCase()).not.to.contain(canary.toLowerCase());
}

/** All that the server was sent, as text. */
async function sentBy(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  // Inline parameters are encoded; a server can tell what is in them.
  const decoded = request.rawHeaders.map((each) => Buffer.from(each, 'base64url').toString('latin1'));
  return `${String(request.url)} ${request.rawHeaders.join(' ')} ${decoded.join(' ')} ${body}`;
}

describe('the secrets of a log-in', () => {
  let vault: DevVault;

  beforeEach(async () => {
    vault = await startDevVault({ token: canary });
    vault.write('tls-pins', { 'api.example.com': 'none' });
  });

  afterEach(async () => {
    await vault.close();
  });

  const optionsFor = (auth: VaultAuthOptions) => ({
    address: vault.address,
    path: 'secret/tls-pins',
    kvVersion: 2 as const,
    maxRetries: 0,
    env: {},
    auth,
  });

  async function failuresOf(auth: VaultAuthOptions): Promise<void> {
    const provider = createVaultProvider(optionsFor(auth));
    const events: PinEvent[] = [];
    try {
      const error = await failureOf(() => provider.read({ signal: new AbortController().signal }));
      expect(error).to.have.property('code');
      expectNoSecret(error);
      expectNoSecret(provider);
      const start = PinResolver.create(createVaultProvider(optionsFor(auth)), {
        onEvent: (event) => void events.push(event),
        startupTimeoutMs: 300,
      });
      expectNoSecret(await failureOf(() => start));
      expectNoSecret(events);
    } finally {
      await provider.close?.();
    }
  }

  const echoed = async (
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
  ): Promise<void> => {
    const errors = [`request was ${await sentBy(request)}`];
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify({ errors }));
  };

  for (const auth of methods) {
    const name = `${auth.method}${'inline' in auth ? ', inline' : ''}${'wrappedSecretId' in auth ? ', wrapped' : ''}`;
    describe(`by ${name}`, () => {
      for (const status of [400, 403, 404, 405, 418, 429, 500, 503]) {
        it(`are in no error although an answer ${String(status)} repeats them`, async () => {
          vault.respondWith((request, response) => echoed(request, response, status));
          const warnings = await warningsDuring(() => failuresOf(auth));
          expectNoSecret(warnings);
        });
      }

      it('are in no error of a vault that is away', async () => {
        vault.respondWith((request) => request.socket.destroy());
        await failuresOf(auth);
      });

      // What is not sent cannot be repeated.
      if (auth.method === 'cert') return;

      it('are in no error although a page, a redirect or broken JSON repeats them', async () => {
        vault.respondWith(async (request, response) =>
          response.writeHead(502, { 'Content-Type': `text/${canary}` }).end(await sentBy(request)),
        );
        await failuresOf(auth);
        vault.respondWith((_request, response) =>
          response.writeHead(307, { Location: `https://${canary}.example.com/${canary}` }).end(),
        );
        await failuresOf(auth);
        vault.respondWith((_request, response) =>
          response.writeHead(200, { 'Content-Type': 'application/json' }).end(`{"auth":"${canary}`),
        );
        await failuresOf(auth);
      });
    });
  }

  it('are masked where they have characters that JSON and URLs write otherwise', async () => {
    vault.respondWith(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      const text = `${body} ${short} ${encodeURIComponent(short)}`;
      response.writeHead(403, { 'Content-Type': 'application/json' }).end(JSON.stringify({ errors: [text] }));
    });
    const auth = { method: 'userpass', username: 'user', password: short } as const;
    const provider = createVaultProvider(optionsFor(auth));
    const error = await failureOf(() => provider.read({ signal: new AbortController().signal }));
    for (const form of [short, JSON.stringify(short).slice(1, -1), encodeURIComponent(short)])
      expect(error.message).not.to.contain(form);
    await provider.close?.();
  });

  it('are in no error of a wrong option, variable or file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pinvault-leaks-'));
    try {
      const file = join(folder, 'secret');
      await writeFile(file, `${canary}\n${canary}`);
      const wrong: readonly (readonly [object, Record<string, string>])[] = [
        [{ method: 'approle', roleId: `${canary}\n` }, {}],
        [{ method: 'approle', roleId: canary, secretId: [canary] }, {}],
        [{ method: canary }, {}],
        [{ method: 'jwt', jwt: canary, jwtFile: canary }, {}],
        [{ method: 'userpass', username: '../user', password: canary }, {}],
        [{ method: 'userpass', username: 'user', passwordFile: file }, {}],
        [{ method: 'token', tokenFile: file }, {}],
      ];
      for (const [auth, env] of wrong) {
        const run = async () => {
          const provider = createVaultProvider({ ...optionsFor(auth as VaultAuthOptions), env });
          await provider.read({ signal: new AbortController().signal });
        };
        expectNoSecret(await failureOf(run));
      }
      const variables = { PINVAULT_VAULT_AUTH_METHOD: 'userpass', PINVAULT_VAULT_AUTH_INLINE: canary };
      const run = () =>
        createVaultProvider({ address: vault.address, path: 'secret/tls-pins', env: variables });
      expectNoSecret(await failureOf(run));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('are nowhere in the heap once the provider is closed, although its errors are kept', async function () {
    this.timeout(60_000);
    const folder = await mkdtemp(join(tmpdir(), 'pinvault-heap-'));
    try {
      const file = join(folder, 'secret');
      await writeFile(file, canary);
      vault.respondWith(async (request, response) => {
        const sent = await sentBy(request);
        const isLogIn = request.url?.endsWith('/login') === true;
        const body = isLogIn
          ? { auth: { client_token: canary, lease_duration: 60, renewable: true } }
          : { errors: [sent] };
        response
          .writeHead(isLogIn ? 200 : 403, { 'Content-Type': 'application/json' })
          .end(JSON.stringify(body));
      });
      const source = `
        import { readFile } from 'node:fs/promises';
        import { getHeapSnapshot } from 'node:v8';
        import { createVaultProvider } from '@pinvault/provider-vault';
        const hold = setTimeout(() => undefined, 50_000);
        const file = process.env.SECRET_FILE;
        const errors = [];
        let last;
        async function fail(auth) {
          const provider = createVaultProvider({ path: 'secret/tls-pins', kvVersion: 2, auth });
          await provider.read({ signal: new AbortController().signal }).catch((error) => errors.push(error));
          if (process.env.KEEP === 'yes') last = provider;
          else await provider.close();
        }
        await fail({ method: 'token', tokenFile: file });
        await fail({ method: 'userpass', username: 'user', passwordFile: file, inline: true });
        await fail({ method: 'approle', roleId: 'role', secretIdFile: file });
        await new Promise((resolve) => setTimeout(resolve, 200));
        // V8 keeps the text that an expression has matched last.
        /x/.exec('x');
        let heap = '';
        for await (const chunk of getHeapSnapshot()) heap += chunk;
        const count = heap.split(await readFile(file, 'utf8')).length - 1;
        console.log(errors.map(({ code }) => code).join(), 'found', count > 0, last?.name);
        clearTimeout(hold);
      `;
      const codes = Array.from({ length: 3 }, () => 'ERR_PROVIDER_DENIED').join(',');
      const env = { VAULT_ADDR: vault.address, SECRET_FILE: file };
      const closed = await runChild(new URL('.', import.meta.url), source, env);
      expect(closed.output).to.contain(`${codes} found false`);
      // The search finds what is there: a provider that is open has its token.
      const open = await runChild(new URL('.', import.meta.url), source, { ...env, KEEP: 'yes' });
      expect(open.output).to.contain(`${codes} found true vault`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  for (const debug of [{ DEBUG: '*' }, { DEBUG: 'node-vault' }, { NODE_DEBUG: '*' }]) {
    it(`are in no output of ${JSON.stringify(debug)}`, async function () {
      this.timeout(30_000);
      vault.respondWith(async (request, response) => {
        if (request.method !== 'POST') return false;
        const auth = { client_token: canary, lease_duration: 60, renewable: true };
        response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ auth }));
        return true;
      });
      const source = `
        import { createVaultProvider } from '@pinvault/provider-vault';
        const signal = new AbortController().signal;
        const hold = setTimeout(() => undefined, 20_000);
        for (const more of [{}, { inline: true }]) {
          const auth = { method: 'approle', roleId: 'role', revokeOnClose: more.inline !== true, ...more };
          const provider = createVaultProvider({ path: 'secret/tls-pins', kvVersion: 2, auth });
          console.log(await provider.read({ signal }).then(({ revision }) => 'read ' + revision, ({ code }) => code));
          await provider.close();
        }
        clearTimeout(hold);
      `;
      const { code, output } = await runChild(new URL('.', import.meta.url), source, {
        ...debug,
        DEBUG_DEPTH: '10',
        VAULT_ADDR: vault.address,
        PINVAULT_VAULT_AUTH_SECRET_ID: canary,
      });
      expect(code, output.slice(-2_000)).to.equal(0);
      expect(output).to.contain('read 1').and.to.contain('ERR_PROVIDER_DENIED');
      expect(output).not.to.contain(canary);
      expect(output).not.to.contain(
        Buffer.from(JSON.stringify({ key: 'secret_id', value: canary })).toString('base64url'),
      );
    });
  }
});
