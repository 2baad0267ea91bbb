import { expect } from 'chai';
import { startDevVault, type DevVault } from '#src/index.js';
import { callVault, type Answer } from './vault-client.js';

describe('the KV v2 API of startDevVault', () => {
  let vault: DevVault;

  const call = async (method: string, path: string, body?: unknown): Promise<Answer> =>
    callVault(vault, method, path, body);

  beforeEach(async () => {
    vault = await startDevVault();
  });

  afterEach(async () => {
    await vault.close();
  });

  describe('data', () => {
    it('is written and read in the envelope of Vault', async () => {
      const written = await call('POST', 'secret/data/tls-pins', { data: { b: 'two', a: 'one' } });
      expect(written.status).to.equal(200);
      expect(written.body?.data).to.include({
        version: 1,
        destroyed: false,
        deletion_time: '',
        custom_metadata: null,
      });

      const read = await call('GET', 'secret/data/tls-pins');
      expect(read.status).to.equal(200);
      expect(read.body).to.have.all.keys(
        ...['request_id', 'lease_id', 'renewable', 'lease_duration', 'data', 'wrap_info', 'warnings', 'auth'],
      );
      expect(read.body).to.deep.include({
        lease_id: '',
        renewable: false,
        lease_duration: 0,
        auth: null,
        warnings: null,
      });
      expect(read.body?.data).to.deep.equal({
        data: { a: 'one', b: 'two' },
        metadata: written.body?.data,
      });
      expect(Date.parse(String(read.body?.data.metadata.created_time))).to.be.closeTo(Date.now(), 5_000);
    });

    it('comes back with its keys sorted, as from a Go map', async () => {
      vault.write('tls-pins', { b: 'two', a: { d: 1, c: 2 } });
      const { body } = await call('GET', 'secret/data/tls-pins');
      expect(JSON.stringify(body?.data.data)).to.equal('{"a":{"c":2,"d":1},"b":"two"}');
    });

    it('takes PUT like POST, and a path with slashes, encoded or not', async () => {
      expect((await call('PUT', 'secret/data/team%2Ftls-pins', { data: { a: '1' } })).status).to.equal(200);
      expect((await call('GET', 'secret/data/team/tls-pins')).body?.data.data).to.deep.equal({ a: '1' });
    });

    it('keeps versions, ten of them', async () => {
      for (let count = 1; count <= 11; count += 1) vault.write('tls-pins', { count: String(count) });
      expect((await call('GET', 'secret/data/tls-pins?version=2')).body?.data.data).to.deep.equal({
        count: '2',
      });
      expect((await call('GET', 'secret/data/tls-pins')).body?.data.metadata.version).to.equal(11);
      expect(await call('GET', 'secret/data/tls-pins?version=1')).to.deep.equal({
        status: 404,
        body: { errors: [] },
      });
      const { body } = await call('GET', 'secret/metadata/tls-pins');
      expect(body?.data).to.include({ oldest_version: 2, current_version: 11 });
      expect((await call('GET', 'secret/data/tls-pins?version=x')).status).to.equal(400);
    });

    it('is guarded by check-and-set', async () => {
      const write = (cas: unknown) =>
        call('POST', 'secret/data/tls-pins', { data: { a: '1' }, options: { cas } });
      expect((await write(0)).status).to.equal(200);
      expect(await write(0)).to.deep.equal({
        status: 400,
        body: { errors: ['check-and-set parameter did not match the current version'] },
      });
      expect((await write(1)).body?.data.version).to.equal(2);
      expect((await write('z')).body).to.deep.equal({ errors: ['error parsing check-and-set parameter'] });
    });

    it('is refused where it is no object', async () => {
      expect(await call('POST', 'secret/data/a', {})).to.deep.equal({
        status: 400,
        body: { errors: ['no data provided'] },
      });
      expect((await call('POST', 'secret/data/a', { data: 'text' })).status).to.equal(400);
      expect((await call('POST', 'secret/data/a', 'not json')).status).to.equal(400);
      expect(vault.read('a')).to.equal(undefined);
    });

    it('may be null, and is then a 200 without data', async () => {
      expect((await call('POST', 'secret/data/a', { data: null })).status).to.equal(200);
      const { status, body } = await call('GET', 'secret/data/a');
      expect([status, body?.data.data]).to.deep.equal([200, null]);
    });
  });

  describe('what is gone', () => {
    it('is a bare 404 where it never was', async () => {
      const missing = { status: 404, body: { errors: [] } };
      expect(await call('GET', 'secret/data/none')).to.deep.equal(missing);
      expect(await call('GET', 'secret/metadata/none')).to.deep.equal(missing);
      expect((await call('DELETE', 'secret/data/none')).status).to.equal(204);
    });

    it('is a 404 with metadata after a soft delete, until it is undeleted', async () => {
      vault.write('tls-pins', { a: '1' });
      expect(await call('DELETE', 'secret/data/tls-pins')).to.deep.equal({ status: 204, body: undefined });
      const deleted = await call('GET', 'secret/data/tls-pins');
      expect(deleted.status).to.equal(404);
      expect(deleted.body?.data.data).to.equal(null);
      expect(deleted.body?.data.metadata).to.include({ version: 1, destroyed: false });
      expect(Date.parse(String(deleted.body?.data.metadata.deletion_time))).to.be.closeTo(Date.now(), 5_000);

      expect((await call('POST', 'secret/undelete/tls-pins', { versions: [1] })).status).to.equal(204);
      expect((await call('GET', 'secret/data/tls-pins')).body?.data.data).to.deep.equal({ a: '1' });
    });

    it('stays gone once it is destroyed', async () => {
      vault.write('tls-pins', { a: '1' });
      expect((await call('PUT', 'secret/destroy/tls-pins', { versions: [1] })).status).to.equal(204);
      expect((await call('POST', 'secret/undelete/tls-pins', { versions: [1] })).status).to.equal(204);
      const { status, body } = await call('GET', 'secret/data/tls-pins');
      expect(status).to.equal(404);
      expect(body?.data).to.deep.include({ data: null });
      expect(body?.data.metadata).to.include({ destroyed: true, deletion_time: '' });
    });

    it('can be one version among others', async () => {
      vault.write('tls-pins', { a: '1' });
      vault.write('tls-pins', { a: '2' });
      expect((await call('POST', 'secret/delete/tls-pins', { versions: '1' })).status).to.equal(204);
      expect((await call('GET', 'secret/data/tls-pins?version=1')).status).to.equal(404);
      expect((await call('GET', 'secret/data/tls-pins')).status).to.equal(200);
      expect((await call('POST', 'secret/destroy/tls-pins', {})).body).to.deep.equal({
        errors: ['No version number provided'],
      });
    });

    it('starts again at version 1 after its metadata is deleted', async () => {
      vault.write('tls-pins', { a: '1' });
      vault.write('tls-pins', { a: '2' });
      expect((await call('DELETE', 'secret/metadata/tls-pins')).status).to.equal(204);
      expect(await call('GET', 'secret/data/tls-pins')).to.deep.equal({ status: 404, body: { errors: [] } });
      expect(vault.write('tls-pins', { a: '3' })).to.equal(1);
    });
  });

  it('describes all versions under metadata', async () => {
    vault.write('tls-pins', { a: '1' });
    vault.write('tls-pins', { a: '2' });
    vault.remove('tls-pins');
    const { status, body } = await call('GET', 'secret/metadata/tls-pins');
    expect(status).to.equal(200);
    expect(body?.data).to.include({
      current_version: 2,
      oldest_version: 0,
      max_versions: 0,
      cas_required: false,
    });
    expect(body?.data.versions).to.have.all.keys('1', '2');
    expect(body?.data.versions['1']).to.include({ deletion_time: '', destroyed: false });
    expect(body?.data.versions['2']?.deletion_time).not.to.equal('');
  });
});
