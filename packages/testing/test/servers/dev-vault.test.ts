import { request as httpsRequest } from 'node:https';
import { json } from 'node:stream/consumers';
import { expect } from 'chai';
import { createRootCa, startDevVault, type DevVault } from '#src/index.js';
import { callVault, type Answer } from './vault-client.js';

describe('startDevVault', () => {
  let vault: DevVault;

  const call = async (method: string, path: string, body?: unknown, token?: string | null): Promise<Answer> =>
    callVault(vault, method, path, body, token);

  beforeEach(async () => {
    vault = await startDevVault();
  });

  afterEach(async () => {
    await vault.close();
  });

  describe('tokens', () => {
    it('are wanted by everything but health', async () => {
      const denied = { status: 403, body: { errors: ['permission denied'] } };
      for (const token of ['wrong', null]) {
        expect(await call('GET', 'secret/data/none', undefined, token)).to.deep.equal(denied);
        expect(await call('GET', 'auth/token/lookup-self', undefined, token)).to.deep.equal(denied);
        expect((await call('GET', 'sys/health', undefined, token)).status).to.equal(200);
      }
    });

    it('may come as a bearer token', async () => {
      const headers = { Authorization: `Bearer ${vault.token}` };
      const response = await fetch(`${vault.address}/v1/auth/token/lookup-self`, { headers });
      expect(response.status).to.equal(200);
    });

    it('describe themselves', async () => {
      const { status, body } = await call('GET', 'auth/token/lookup-self');
      expect(status).to.equal(200);
      expect(body?.data).to.deep.include({
        id: 'dev-token',
        ttl: 0,
        policies: ['root'],
        renewable: false,
      });
    });
  });

  it('tells that the mount is version 2, and says nothing of others', async () => {
    const { status, body } = await call('GET', 'sys/internal/ui/mounts/secret/tls-pins');
    expect(status).to.equal(200);
    expect(body?.data).to.deep.include({ path: 'secret/', type: 'kv', options: { version: '2' } });
    expect((await call('GET', 'sys/internal/ui/mounts/secrets/tls-pins')).status).to.equal(403);
  });

  it('warns a client that takes the mount for version 1', async () => {
    for (const path of ['secret/tls-pins', 'secret/team/tls-pins']) {
      const { status, body } = await call('GET', path);
      expect([status, body?.data]).to.deep.equal([404, null]);
      expect(body?.warnings[0]).to.include('versioned K/V');
    }
  });

  it('knows no other mount, method or root', async () => {
    const unknown = await call('GET', 'kv/data/tls-pins');
    expect(unknown.status).to.equal(404);
    expect(unknown.body?.errors[0]).to.include('no handler for route "kv/data/tls-pins"');
    expect((await call('GET', 'secret/undelete/tls-pins')).status).to.equal(405);
    expect((await call('GET', 'secret/data/%zz')).status).to.equal(400);
    const headers = { 'X-Vault-Token': vault.token };
    expect((await fetch(`${vault.address}/elsewhere`, { headers })).status).to.equal(404);
  });

  it('answers 503 to everything while sealed, and has its data afterwards', async () => {
    vault.write('tls-pins', { a: '1' });
    expect((await call('GET', 'sys/health')).body).to.include({
      initialized: true,
      sealed: false,
      standby: false,
    });
    vault.seal();
    const sealed = { status: 503, body: { errors: ['Vault is sealed'] } };
    expect(await call('GET', 'secret/data/tls-pins')).to.deep.equal(sealed);
    expect(await call('GET', 'secret/data/tls-pins', undefined, 'wrong')).to.deep.equal(sealed);
    const health = await call('GET', 'sys/health');
    expect([health.status, health.body?.sealed]).to.deep.equal([503, true]);
    vault.unseal();
    expect((await call('GET', 'secret/data/tls-pins')).status).to.equal(200);
  });

  describe('in JavaScript', () => {
    it('writes, reads and removes', async () => {
      expect(vault.read('tls-pins')).to.equal(undefined);
      expect(vault.write('tls-pins', { a: '1' })).to.equal(1);
      expect(vault.write('tls-pins', { a: '2' })).to.equal(2);
      expect(vault.read('tls-pins')).to.deep.equal({ a: '2' });
      vault.remove('tls-pins');
      expect(vault.read('tls-pins')).to.equal(undefined);
      expect((await call('GET', 'secret/data/tls-pins')).status).to.equal(404);
    });

    it('keeps a copy of what it was given', () => {
      const data = { a: '1' };
      vault.write('tls-pins', data);
      data.a = 'changed';
      expect(vault.read('tls-pins')).to.deep.equal({ a: '1' });
    });

    it('counts requests', async () => {
      await call('GET', 'sys/health');
      await call('GET', 'secret/data/none', undefined, 'wrong');
      expect(vault.requests).to.equal(2);
    });
  });

  describe('faults', () => {
    it('replace the answer until they are taken back', async () => {
      vault.write('tls-pins', { a: '1' });
      vault.respondWith((_request, response) =>
        response.writeHead(429, { 'Retry-After': '7' }).end('{"errors":[]}'),
      );
      const response = await fetch(`${vault.address}/v1/secret/data/tls-pins`);
      expect([response.status, response.headers.get('retry-after')]).to.deep.equal([429, '7']);
      vault.respondWith((_request, answer) =>
        answer.setHeader('Content-Type', 'text/html').end('<p>sign in</p>'),
      );
      const page = await fetch(`${vault.address}/v1/secret/data/tls-pins`);
      expect([page.status, await page.text()]).to.deep.equal([200, '<p>sign in</p>']);
      vault.respondWith(undefined);
      expect((await call('GET', 'secret/data/tls-pins')).status).to.equal(200);
    });

    it('may leave a request to the vault by returning false', async () => {
      vault.respondWith((request, response) => {
        if (request.url === '/v1/sys/health') return false;
        return response.writeHead(500).end('{"errors":["boom"]}');
      });
      expect((await call('GET', 'sys/health')).status).to.equal(200);
      expect((await call('GET', 'secret/data/a')).body).to.deep.equal({ errors: ['boom'] });
    });

    it('become a 500 when the responder itself throws', async () => {
      vault.respondWith(() => {
        throw new Error('responder');
      });
      expect((await call('GET', 'sys/health')).status).to.equal(500);
    });

    it('may hang without keeping close() waiting', async () => {
      vault.respondWith(() => undefined);
      const hung = fetch(`${vault.address}/v1/sys/health`).catch((reason: unknown) => reason);
      while (vault.requests === 0) await new Promise(setImmediate);
      await vault.close();
      expect(await hung).to.be.instanceOf(TypeError);
      await vault.close();
    });
  });

  it('takes another token, mount and chain', async () => {
    const root = await createRootCa();
    const leaf = await root.issue({ hosts: ['127.0.0.1'] });
    const secure = await startDevVault({ token: 'other', mount: 'kv/team', tls: { chain: [leaf] } });
    try {
      secure.write('tls-pins', { a: '1' });
      expect(secure.address).to.match(/^https:\/\/127\.0\.0\.1:\d+$/);
      const body = await new Promise<unknown>((resolve, reject) => {
        const headers = { 'X-Vault-Token': 'other' };
        const request = httpsRequest(`${secure.address}/v1/kv/team/data/tls-pins`, {
          ca: root.pem,
          headers,
          agent: false,
        });
        request
          .once('error', reject)
          .once('response', (response) => void json(response).then(resolve, reject))
          .end();
      });
      expect(body).to.have.nested.property('data.data.a', '1');
    } finally {
      await secure.close();
    }
  });

  it('refuses an empty chain', async () => {
    const error = await startDevVault({ tls: { chain: [] } }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(TypeError);
  });

  it('rejects when its port is taken', async () => {
    const port = Number(new URL(vault.address).port);
    const error = await startDevVault({ port }).catch((reason: unknown) => reason);
    expect(error).to.have.property('code', 'EADDRINUSE');
  });
});
