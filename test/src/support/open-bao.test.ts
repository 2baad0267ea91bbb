import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { describeWithOpenBao, startOpenBao, type OpenBaoMode, type OpenBaoServer } from './open-bao.js';

const secret = { data: { 'api.example.test': 'sha256/AAAA' } };

describeWithOpenBao('the OpenBao that the tests start', () => {
  let server: OpenBaoServer;

  afterEach(async () => {
    await server.stop();
  });

  async function readSecret(token?: string): Promise<unknown> {
    const { status, body } = await server.api('GET', 'secret/data/tls-pins', undefined, token);
    return status === 200 ? (body as { data: { data: unknown } }).data.data : status;
  }

  for (const mode of ['dev', 'dev-tls', 'persistent'] satisfies OpenBaoMode[]) {
    it(`keeps a secret in KV v2 (${mode})`, async () => {
      server = await startOpenBao({ mode });
      expect((await server.api('POST', 'secret/data/tls-pins', secret)).status).to.equal(200);
      expect(await readSecret()).to.deep.equal(secret.data);
    });

    it(`can be sealed and unsealed (${mode})`, async () => {
      server = await startOpenBao({ mode });
      await server.api('POST', 'secret/data/tls-pins', secret);
      await server.seal();
      expect(await readSecret()).to.equal(503);
      await server.unseal();
      expect(await readSecret()).to.deep.equal(secret.data);
    });

    it(`can be killed and started again at the same address (${mode})`, async () => {
      server = await startOpenBao({ mode });
      await server.api('POST', 'secret/data/tls-pins', secret);
      const before = { address: server.address, pid: server.pid };
      await server.kill();
      await server.restart();
      expect(server.address).to.equal(before.address);
      expect(server.pid).not.to.equal(before.pid);
      expect(await readSecret()).to.deep.equal(mode === 'persistent' ? secret.data : 404);
    });
  }

  it('speaks https with a CA of its own', async () => {
    server = await startOpenBao({ mode: 'dev-tls' });
    expect(server.address).to.match(/^https:/);
    expect(await readFile(server.caPath ?? '', 'utf8')).to.include('BEGIN CERTIFICATE');
  });

  it('lets a token do what its policies say and no more', async () => {
    server = await startOpenBao({ mode: 'dev' });
    await server.api('POST', 'secret/data/tls-pins', secret);
    await server.putPolicy('reader', 'path "secret/data/tls-pins" { capabilities = ["read"] }');
    const reader = await server.createToken({ policies: ['reader'] });
    const stranger = await server.createToken({ policies: ['default'] });
    expect(await readSecret(reader)).to.deep.equal(secret.data);
    expect(await readSecret(stranger)).to.equal(403);
    expect((await server.api('POST', 'secret/data/tls-pins', secret, reader)).status).to.equal(403);
  });
});
