import { expect } from 'chai';
import { startDevVault, type DevVault, type DevVaultResponder } from '@pinvault/testing';
import type { PinErrorCode } from '@pinvault/core';
import { readKvAnswer } from '#src/kv/kv-answer.js';
import { locate } from '#src/kv/location.js';
import { parseSecretPath } from '#src/secret-path.js';
import { answering, kvAnswer } from './support/answers.js';
import { documentError, providerError } from './support/errors.js';
import { optionsFor, readOnce } from './support/provider.js';

const rows = { 'api.example.com': 'none', '*.pay.example.com': 'block' };

describe('reading a vault', () => {
  let vault: DevVault;

  beforeEach(async () => {
    vault = await startDevVault();
  });

  afterEach(async () => {
    await vault.close();
  });

  const read = (options = {}) => readOnce(optionsFor(vault, options));

  it('brings rows, version and time of the secret', async () => {
    vault.write('tls-pins', { old: 'none' });
    const before = Date.now();
    vault.write('tls-pins', rows);
    const result = await read();
    expect(result).to.deep.include({ document: rows, revision: '2' });
    const { createdAt } = result as { createdAt?: Date };
    expect(createdAt?.getTime()).to.be.within(before - 1_000, Date.now() + 1_000);
  });

  it('leaves a time out that is none', async () => {
    for (const created_time of ['yesterday', null, {}]) {
      vault.respondWith(answering(200, kvAnswer(rows, { version: 7, created_time })));
      expect(await read()).to.deep.equal({ document: rows, revision: '7' });
    }
  });

  it('finds a secret with odd characters under a mount of its own', async () => {
    const other = await startDevVault({ mount: 'team/kv' });
    try {
      other.write('ä b/x:y@z', rows);
      const result = await readOnce(optionsFor(other, { path: 'team/kv/ä b/x:y@z', mount: 'team/kv' }));
      expect(result).to.deep.include({ document: rows, revision: '1' });
    } finally {
      await other.close();
    }
  });

  describe('that has nothing to hand over', () => {
    async function notFound(detail: string, ...facts: readonly string[]): Promise<void> {
      const error = await providerError(() => read(), 'ERR_PROVIDER_NOT_FOUND');
      expect(error.detail).to.equal(detail);
      for (const fact of facts) expect(error.message).to.contain(fact);
    }

    it('tells a deleted version, and how it comes back', async () => {
      vault.write('tls-pins', rows);
      vault.write('tls-pins', rows);
      vault.remove('tls-pins');
      await notFound('deleted', 'version 2', 'secret/tls-pins', 'undelete');
    });

    it('tells a destroyed version', async () => {
      vault.write('tls-pins', rows);
      const headers = { 'X-Vault-Token': vault.token };
      const body = JSON.stringify({ versions: [1] });
      await fetch(`${vault.address}/v1/secret/destroy/tls-pins`, { method: 'POST', headers, body });
      await notFound('destroyed', 'version 1', 'secret/tls-pins', 'destroyed');
    });

    it('tells a secret that was never written', async () => {
      await notFound('missing', 'secret/tls-pins', new URL(vault.address).host);
    });

    it('tells a mount that does not exist', async () => {
      const error = await providerError(
        () => read({ path: 'team/kv/pins', mount: 'team/kv' }),
        'ERR_PROVIDER_NOT_FOUND',
      );
      expect(error.detail).to.equal('no-mount');
      expect(error.message).to.contain('"team/kv/"').and.to.contain('namespace');
    });

    it('tells a denied token, and the policy that it needs', async () => {
      const options = { path: 'secret/team a/x:y', token: 'wrong' };
      const error = await providerError(() => read(options), 'ERR_PROVIDER_DENIED');
      expect(error.message).to.contain('"secret/data/team a/x:y"').and.to.contain('permission denied');
    });

    it('tells a 404 that no vault has sent', async () => {
      for (const responder of [
        answering(404, '<h1>not found</h1>', { 'Content-Type': 'text/html' }),
        answering(404, {}),
        answering(404, { errors: 'none' }),
        answering(404, ''),
      ]) {
        vault.respondWith(responder);
        const error = await providerError(() => read(), 'ERR_PROVIDER_UNAVAILABLE');
        expect(error.detail).to.equal('no-vault');
        expect(error.message).to.contain('VAULT_ADDR');
      }
    });
  });

  describe('that refuses', () => {
    const said = { errors: ['the vault’s own\nwords'] };
    const cases: readonly (readonly [number, PinErrorCode, string | undefined])[] = [
      [204, 'ERR_PROVIDER_UNAVAILABLE', 'http-204'],
      [304, 'ERR_PROVIDER_UNAVAILABLE', 'http-304'],
      [400, 'ERR_PROVIDER_MISCONFIGURED', undefined],
      [401, 'ERR_PROVIDER_DENIED', undefined],
      [403, 'ERR_PROVIDER_DENIED', undefined],
      [405, 'ERR_PROVIDER_MISCONFIGURED', undefined],
      [412, 'ERR_PROVIDER_UNAVAILABLE', 'http-412'],
      [418, 'ERR_PROVIDER_UNAVAILABLE', 'http-418'],
      [429, 'ERR_PROVIDER_THROTTLED', undefined],
      [472, 'ERR_PROVIDER_UNAVAILABLE', 'http-472'],
      [473, 'ERR_PROVIDER_UNAVAILABLE', 'http-473'],
      [500, 'ERR_PROVIDER_UNAVAILABLE', 'http-500'],
      [501, 'ERR_PROVIDER_UNAVAILABLE', 'uninitialised'],
      [502, 'ERR_PROVIDER_UNAVAILABLE', 'http-502'],
      [503, 'ERR_PROVIDER_UNAVAILABLE', 'http-503'],
    ];
    for (const [status, code, detail] of cases) {
      it(`${String(status)} is ${code}${detail === undefined ? '' : ` (${detail})`}`, async () => {
        vault.respondWith(answering(status, said));
        const error = await providerError(() => read(), code);
        expect(error.detail).to.equal(detail);
        expect(error.provider).to.equal('vault');
        expect(error.message).to.contain(new URL(vault.address).host);
        expect(error.message).not.to.contain('\n');
        if (status >= 400 && status !== 501) expect(error.message).to.contain('the vault’s own words');
        expect(vault.requests).to.equal(1);
      });
    }

    it('503 of a sealed vault says so', async () => {
      vault.seal();
      const error = await providerError(() => read(), 'ERR_PROVIDER_UNAVAILABLE');
      expect(error.detail).to.equal('sealed');
      expect(error.message).to.contain('sealed');
    });

    it('says where a proxy seems to answer in place of the vault', async () => {
      for (const [status, code] of [
        [403, 'ERR_PROVIDER_DENIED'],
        [502, 'ERR_PROVIDER_UNAVAILABLE'],
        [400, 'ERR_PROVIDER_MISCONFIGURED'],
      ] as const) {
        vault.respondWith(answering(status, '<h1>no</h1>', { 'Content-Type': 'text/html; charset=utf-8' }));
        const error = await providerError(() => read(), code);
        expect(error.message).to.contain('text/html').and.to.contain('proxy').and.not.to.contain('charset');
      }
    });

    it('bounds what it repeats of foreign words', async () => {
      vault.respondWith(answering(500, { errors: ['x'.repeat(5_000)] }));
      expect((await providerError(() => read(), 'ERR_PROVIDER_UNAVAILABLE')).message.length).to.be.below(500);
      const metadata = { version: 'v'.repeat(5_000), deletion_time: `\u001b[31m${'d'.repeat(5_000)}` };
      vault.respondWith(answering(404, kvAnswer(null, metadata)));
      const { message } = await providerError(() => read(), 'ERR_PROVIDER_NOT_FOUND');
      expect(message.length).to.be.below(300);
      expect(message).not.to.contain('\u001b');
    });
  });

  describe('that asks to be left alone', () => {
    async function waitAsked(header: string, status = 429): Promise<number | undefined> {
      vault.respondWith(answering(status, { errors: [] }, { 'Retry-After': header }));
      const code = status === 429 ? 'ERR_PROVIDER_THROTTLED' : 'ERR_PROVIDER_UNAVAILABLE';
      return (await providerError(() => read(), code)).retryAfterMs;
    }

    it('is understood in seconds and as a date, with any status', async () => {
      expect(await waitAsked('7')).to.equal(7_000);
      expect(await waitAsked('0', 503)).to.equal(0);
      const inOneMinute = await waitAsked(new Date(Date.now() + 60_000).toUTCString());
      expect(inOneMinute).to.be.within(50_000, 60_000);
      expect(await waitAsked(new Date(Date.now() - 60_000).toUTCString())).to.equal(0);
    });

    it('is ignored where it makes no sense', async () => {
      for (const header of ['soon', '']) expect(await waitAsked(header), header).to.equal(undefined);
    });
  });

  describe('that answers 200 with something else', () => {
    const malformed: readonly (readonly [string, DevVaultResponder, string])[] = [
      ['a log-in page', answering(200, '<html>', { 'Content-Type': 'text/html' }), 'text/html'],
      [
        'JSON that says it is text',
        answering(200, kvAnswer(rows), { 'Content-Type': 'text/plain' }),
        'text/plain',
      ],
      ['garbage', answering(200, '\u0000\u0001garbage'), 'broken JSON'],
      ['half an answer', answering(200, JSON.stringify(kvAnswer(rows)).slice(0, 40)), 'broken JSON'],
      ['nothing', answering(200, ''), 'broken JSON'],
      ['rows as KV version 1 has them', answering(200, { data: rows }), 'KV version 2'],
      ['data: null', answering(200, { data: null }), 'KV version 2'],
      ['data.data: null', answering(200, kvAnswer(null)), 'KV version 2'],
      ['a text for rows', answering(200, kvAnswer('rows')), 'KV version 2'],
      ['no version', answering(200, kvAnswer(rows, {})), 'KV version 2'],
      ['a version that is text', answering(200, kvAnswer(rows, { version: '1' })), 'KV version 2'],
      ['null', answering(200, 'null'), 'KV version 2'],
      ['a list', answering(200, []), 'KV version 2'],
    ];
    for (const [what, responder, fact] of malformed) {
      it(`refuses ${what}, and names the place`, async () => {
        vault.respondWith(responder);
        const error = await documentError(() => read(), 'ERR_DOCUMENT_MALFORMED');
        expect(error.message).to.contain('secret/tls-pins').and.to.contain(new URL(vault.address).host);
        expect(error.message).to.contain(fact);
        expect(error.hint).to.be.a('string');
      });
    }

    it('takes nothing from a prototype, should something have polluted it', async () => {
      const body: unknown = Object.create({ data: { data: rows, metadata: { version: 1 } } });
      const answer = { statusCode: 200, contentType: 'application/json', retryAfter: undefined, body };
      const secret = locate(parseSecretPath('secret/tls-pins'), { path: 'secret', version: 2 });
      const question = { address: new URL(vault.address), secret, token: 't' };
      await documentError(
        () => readKvAnswer({ ...answer, byteCount: 1 }, question),
        'ERR_DOCUMENT_MALFORMED',
      );
    });

    it('takes JSON under its other names', async () => {
      for (const type of ['application/json; charset=utf-8', 'APPLICATION/JSON', 'application/vnd.x+json']) {
        vault.respondWith(answering(200, kvAnswer(rows), { 'Content-Type': type }));
        expect(await read()).to.deep.include({ document: rows });
      }
    });
  });
});
