import { expect } from 'chai';
import { createPinResolver, type PinProvider, PinProviderError, type PinReadResult } from 'pinvault';
import { createVaultProvider, type VaultProviderOptions } from '@pinvault/provider-vault';
import { startVaultFront, VirtualClock, type VaultFront } from '@pinvault/testing';
import { describeWithOpenBao, type OpenBaoServer, startOpenBao } from './support/open-bao.js';

const rows = { 'api.example.com': 'none' };
const otherRows = { 'api.example.com': 'block' };
/** A document that is larger than what the vault keeps of its versions. */
const manyRows = Object.fromEntries(
  Array.from({ length: 60 }, (_each, index) => [`host-${String(index)}.example.com`, 'none']),
);

describeWithOpenBao('secrets of a real vault', function () {
  this.timeout(20_000);

  let vault: OpenBaoServer;
  let front: VaultFront;
  let provider: PinProvider;
  let clock: VirtualClock;
  let name: string;
  let count = 0;

  before(async () => {
    vault = await startOpenBao({ mode: 'dev' });
    await must('POST', 'sys/mounts/kv1', { type: 'kv', options: { version: '1' } });
    await must('POST', 'sys/mounts/team/kv', { type: 'kv', options: { version: '2' } });
    await must('POST', 'sys/mounts/keys', { type: 'transit' });
  });

  after(async () => {
    await vault.stop();
  });

  beforeEach(async () => {
    count += 1;
    name = `pins-${String(count)}`;
    clock = new VirtualClock(Date.now());
    front = await startVaultFront({ store: vault.address });
    open({});
  });

  afterEach(async () => {
    await provider.close?.();
    await front.close();
  });

  async function must(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await vault.api(method, path, body);
    expect(answer.status, `${method} ${path}: ${JSON.stringify(answer.body)}`).to.be.below(300);
    return answer.body;
  }

  const write = async (data: object, path = `secret/data/${name}`): Promise<unknown> =>
    must('POST', path, path.startsWith('kv1/') ? data : { data });

  function open(options: Partial<VaultProviderOptions>): void {
    provider = createVaultProvider({
      address: front.address,
      path: `secret/${name}`,
      token: vault.token,
      env: {},
      clock,
      ...options,
    });
  }

  async function tokenFor(...paths: readonly string[]): Promise<string> {
    await vault.putPolicy(name, paths.map((path) => `path "${path}" { capabilities = ["read"] }`).join('\n'));
    return vault.createToken({ policies: [name] });
  }

  const read = async (knownRevision?: string, host?: string): Promise<PinReadResult> =>
    provider.read({
      signal: new AbortController().signal,
      ...(knownRevision === undefined ? {} : { knownRevision }),
      ...(host === undefined ? {} : { host }),
    });

  async function refusal(code: string, detail?: string, knownRevision?: string): Promise<string> {
    const error: unknown = await read(knownRevision).then(
      (result) => expect.fail(`answered ${JSON.stringify(result)}`),
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceof(PinProviderError);
    const { code: found, detail: foundDetail, message } = error as PinProviderError;
    expect([found, foundDetail], message).to.deep.equal([code, detail]);
    return message;
  }

  /** What was asked for since the last call, without `/v1/`. */
  const asked = (() => {
    let seen = 0;
    return (): string[] => {
      const all = front.requests.map(({ path }) => path);
      if (seen > all.length) seen = 0;
      const news = all.slice(seen);
      seen = all.length;
      return news;
    };
  })();

  describe('in a back end that is found out', () => {
    it('are read from version 2, and the vault is asked once', async () => {
      await write(rows);
      asked();
      open({ token: await tokenFor(`secret/data/${name}`) });
      for (let time = 0; time < 3; time += 1)
        expect(await read()).to.deep.include({ document: rows, revision: '1' });
      const secret = `secret/data/${name}`;
      expect(asked()).to.deep.equal([`sys/internal/ui/mounts/secret/${name}`, secret, secret, secret]);
    });

    it('are read from version 1; the revision is the hash of the content', async () => {
      await write(rows, `kv1/${name}`);
      open({ path: `kv1/${name}`, token: await tokenFor(`kv1/${name}`) });
      const first = await read();
      expect(first).to.deep.include({ document: rows });
      expect(first.revision).to.match(/^[0-9a-f]{20}$/u);
      expect(await read(first.revision)).to.deep.equal({ unchanged: true, revision: first.revision });
      await write(otherRows, `kv1/${name}`);
      const second = await read(first.revision);
      expect(second).to.deep.include({ document: otherRows });
      expect(second.revision).not.to.equal(first.revision);
      await write(rows, `kv1/${name}`);
      expect((await read(second.revision)).revision).to.equal(first.revision);
    });

    it('are found below a mount with slashes, which nobody has to name', async () => {
      await write(rows, `team/kv/data/a/${name}`);
      open({ path: `team/kv/a/${name}`, token: await tokenFor(`team/kv/data/a/${name}`) });
      expect(await read()).to.deep.include({ document: rows });
    });

    it('are read again as the other version, once the back end has become one', async () => {
      const mount = `grown-${name}`;
      await must('POST', `sys/mounts/${mount}`, { type: 'kv', options: { version: '1' } });
      await must('POST', `${mount}/pins`, rows);
      open({ path: `${mount}/pins` });
      expect(await read()).to.deep.include({ document: rows });
      await must('POST', `sys/mounts/${mount}/tune`, { options: { version: '2' } });
      const until = Date.now() + 10_000;
      for (;;) {
        const outcome = await read().catch((error: unknown) => error);
        if (!(outcome instanceof Error)) {
          expect(outcome).to.deep.include({ document: rows, revision: '1' });
          break;
        }
        // While it makes itself a version 2 it says so.
        expect(outcome).to.have.property('detail', 'upgrading');
        if (Date.now() > until) throw outcome;
      }
    });

    it('are looked for anew, a minute later, where version 2 has become version 1', async () => {
      const mount = `shrunk-${name}`;
      await must('POST', `sys/mounts/${mount}`, { type: 'kv', options: { version: '2' } });
      const until = Date.now() + 10_000;
      while ((await vault.api('GET', `${mount}/config`)).status !== 200 && Date.now() < until);
      await must('POST', `${mount}/data/pins`, { data: rows });
      open({ path: `${mount}/pins` });
      expect(await read()).to.deep.include({ revision: '1' });
      await must('DELETE', `sys/mounts/${mount}`);
      await must('POST', `sys/mounts/${mount}`, { type: 'kv', options: { version: '1' } });
      await must('POST', `${mount}/pins`, otherRows);
      await refusal('ERR_PROVIDER_NOT_FOUND', 'missing');
      await clock.advance(60_000);
      expect(await read()).to.deep.include({ document: otherRows });
    });

    it('are not read where the mount is of another kind: a read there might do something', async () => {
      open({ path: 'keys/keys/tls' });
      asked();
      expect(await refusal('ERR_PROVIDER_MISCONFIGURED')).to.contain('transit');
      expect(asked()).to.deep.equal(['sys/internal/ui/mounts/keys/keys/tls']);
    });

    it('are taken to be of version 2 where the vault does not say', async () => {
      open({ token: await tokenFor('secret/data/other'), path: `nowhere/${name}` });
      expect(await refusal('ERR_PROVIDER_DENIED')).to.contain(`"nowhere/data/${name}"`);
      open({ path: `nowhere/${name}` });
      await refusal('ERR_PROVIDER_NOT_FOUND', 'no-mount');
    });

    it('are asked about again where the token was denied and is another one now', async () => {
      await write(rows, `team/kv/data/${name}`);
      let token = await tokenFor('secret/data/other');
      open({ path: `team/kv/${name}`, token: () => token });
      await refusal('ERR_PROVIDER_DENIED');
      token = await vault.createToken({ policies: ['root'] });
      expect(await read()).to.deep.include({ document: rows });
    });
  });

  describe('in a back end that is said', () => {
    it('are read without a question', async () => {
      await write(rows);
      await write(otherRows, `kv1/${name}`);
      asked();
      open({ kvVersion: 2 });
      await read();
      open({ path: `kv1/${name}`, kvVersion: 1 });
      await read();
      open({ path: `team/kv/${name}`, mount: 'team/kv', kvVersion: 2 });
      await refusal('ERR_PROVIDER_NOT_FOUND', 'missing');
      expect(asked()).to.deep.equal([`secret/data/${name}`, `kv1/${name}`, `team/kv/data/${name}`]);
    });

    it('are refused, and the slip is named, where that is wrong', async () => {
      await write(rows);
      open({ kvVersion: 1 });
      expect(await refusal('ERR_PROVIDER_NOT_FOUND', 'kv-version')).to.contain('vault.kvVersion');
      open({ path: `team/kv/${name}`, mount: 'team' });
      expect(await refusal('ERR_PROVIDER_MISCONFIGURED')).to.contain('"team/kv/"');
    });
  });

  describe('of version 1', () => {
    beforeEach(() => open({ path: `kv1/${name}` }));

    it('are missing, denied, or there', async () => {
      expect(await refusal('ERR_PROVIDER_NOT_FOUND', 'missing')).to.contain(`kv1/${name}`);
      await write(rows, `kv1/${name}`);
      expect(await read()).to.deep.include({ document: rows });
      await must('DELETE', `kv1/${name}`);
      await refusal('ERR_PROVIDER_NOT_FOUND', 'missing');
      open({ path: `kv1/${name}`, token: await tokenFor('kv1/other') });
      expect(await refusal('ERR_PROVIDER_DENIED')).to.contain(`"kv1/${name}"`);
    });

    it('have no versions to choose from', async () => {
      open({ path: `kv1/${name}`, version: 3 });
      expect(await refusal('ERR_PROVIDER_MISCONFIGURED')).to.contain('vault.version');
    });

    it('may be one per host', async () => {
      await write({ pins: 'none' }, `kv1/${name}/a.test`);
      await write({ pins: 'block' }, `kv1/${name}/b.test`);
      open({ path: `kv1/${name}/{host}` });
      expect(await read(undefined, 'A.test')).to.deep.include({ document: { pins: 'none' } });
      expect(await read(undefined, 'b.test')).to.deep.include({ document: { pins: 'block' } });
    });
  });

  describe('that have not changed', () => {
    const data = (): string => `secret/data/${name}`;
    const metadata = (): string => `secret/metadata/${name}`;

    beforeEach(async () => {
      await write(manyRows);
      open({ token: await tokenFor(data(), metadata()), kvVersion: 2 });
      expect(await read()).to.include({ revision: '1' });
      asked();
    });

    it('cost one look at the versions, and much less than the document', async () => {
      expect(await read('1')).to.deep.equal({ unchanged: true, revision: '1' });
      expect(await read('1')).to.deep.equal({ unchanged: true, revision: '1' });
      expect(asked()).to.deep.equal([metadata(), metadata()]);
      const sizeOf = (path: string): number =>
        front.requests.findLast((request) => request.path === path)?.byteCount ?? NaN;
      expect(sizeOf(metadata())).to.be.below(sizeOf(data()) / 3);
    });

    it('are read whole where that is fewer bytes', async () => {
      await write(rows);
      expect(await read('1')).to.include({ revision: '2' });
      expect(await read('2')).to.include({ revision: '2' });
      asked();
      expect(await read('2')).to.deep.include({ document: rows });
      expect(asked()).to.deep.equal([data()]);
    });

    it('are read where they have changed after all, also back to what they were', async () => {
      await write(otherRows);
      expect(await read('1')).to.deep.include({ document: otherRows, revision: '2' });
      await write(manyRows);
      expect(await read('2')).to.deep.include({ document: manyRows, revision: '3' });
    });

    it('are read where another revision is known than was handed over', async () => {
      for (const revision of ['', '0', '7', 'no-number', '__proto__', undefined])
        expect(await read(revision), revision).to.deep.include({ document: manyRows });
      expect(asked()).to.deep.equal(Array.from({ length: 6 }, data));
    });

    it('are deleted all the same: the number stays, and the error comes', async () => {
      await must('DELETE', data());
      await refusal('ERR_PROVIDER_NOT_FOUND', 'deleted', '1');
      await must('POST', `secret/undelete/${name}`, { versions: [1] });
      expect(await read('1')).to.deep.equal({ unchanged: true, revision: '1' });
      await must('POST', `secret/destroy/${name}`, { versions: [1] });
      await refusal('ERR_PROVIDER_NOT_FOUND', 'destroyed', '1');
    });

    it('are another secret where they were wiped and begun anew under the same number', async () => {
      await must('DELETE', metadata());
      await refusal('ERR_PROVIDER_NOT_FOUND', 'missing', '1');
      await write({ ...manyRows, ...otherRows });
      expect(await read('1')).to.deep.include({ document: { ...manyRows, ...otherRows }, revision: '1' });
    });

    it('are never called unchanged while a time of deletion lies ahead', async () => {
      await must('POST', metadata(), { delete_version_after: '1h' });
      await write(manyRows);
      for (let time = 0; time < 2; time += 1) {
        asked();
        expect(await read('2')).to.deep.include({ document: manyRows, revision: '2' });
        expect(asked()).to.include(data());
      }
    });

    it('are read whole where the policy allows no look, which is tried again an hour later', async () => {
      open({ token: await tokenFor(data()), kvVersion: 2 });
      for (let time = 0; time < 3; time += 1) expect(await read('1')).to.deep.include({ document: manyRows });
      expect(asked()).to.deep.equal([data(), metadata(), data(), data()]);
      await vault.putPolicy(
        name,
        [data(), metadata()].map((path) => `path "${path}" { capabilities = ["read"] }`).join('\n'),
      );
      await clock.advance(3_600_000);
      expect(await read('1')).to.deep.include({ document: manyRows });
      expect(await read('1')).to.deep.equal({ unchanged: true, revision: '1' });
    });

    it('are denied within ten minutes where only the right to read is lost, and stay so', async () => {
      await vault.putPolicy(name, `path "${metadata()}" { capabilities = ["read"] }`);
      expect(await read('1')).to.deep.equal({ unchanged: true, revision: '1' });
      await clock.advance(599_999);
      expect(await read('1')).to.deep.equal({ unchanged: true, revision: '1' });
      await clock.advance(1);
      for (let time = 0; time < 2; time += 1) await refusal('ERR_PROVIDER_DENIED', undefined, '1');
    });

    it('are denied where the token is, and the look is not blamed for it', async () => {
      let token = await tokenFor(data(), metadata());
      open({ token: () => token, kvVersion: 2 });
      await read();
      await must('POST', 'auth/token/revoke', { token });
      await refusal('ERR_PROVIDER_DENIED', undefined, '1');
      token = await tokenFor(data(), metadata());
      asked();
      expect(await read('1')).to.deep.equal({ unchanged: true, revision: '1' });
      expect(asked()).to.deep.equal([metadata()]);
    });
  });

  describe('of a chosen version', () => {
    beforeEach(async () => {
      for (const data of [rows, manyRows, otherRows]) await write(data);
    });

    it('stay with it, whatever comes after', async () => {
      open({ version: 2 });
      expect(await read()).to.deep.include({ document: manyRows, revision: '2' });
      await write(rows);
      expect(await read('2')).to.deep.equal({ unchanged: true, revision: '2' });
      await must('DELETE', `secret/data/${name}`);
      expect(await read('2')).to.deep.equal({ unchanged: true, revision: '2' });
      await must('POST', `secret/delete/${name}`, { versions: [2] });
      expect(await refusal('ERR_PROVIDER_NOT_FOUND', 'deleted', '2')).to.contain('version 2');
    });

    it('are told which there are where that one is not', async () => {
      open({ version: 9 });
      expect(await refusal('ERR_PROVIDER_NOT_FOUND', 'no-version')).to.contain('it keeps 1 to 3');
      open({ version: 9, token: await tokenFor(`secret/data/${name}`) });
      expect(await refusal('ERR_PROVIDER_NOT_FOUND', 'no-version')).to.contain('no version 9');
    });
  });

  describe('with custom metadata', () => {
    const note = async (custom_metadata: object): Promise<unknown> =>
      must('POST', `secret/metadata/${name}`, { custom_metadata });

    it('hand it over as notes, and are read again when only that has changed', async () => {
      await write(manyRows);
      expect(await read()).not.to.have.property('notes');
      await note({ owner: 'team pay', ticket: 'CHG-4711' });
      expect(await read('1')).to.deep.include({ notes: { owner: 'team pay', ticket: 'CHG-4711' } });
      expect(await read('1')).to.deep.equal({ unchanged: true, revision: '1' });
    });

    it('show it in the status of a resolver, without a rotation', async () => {
      await write({ ...manyRows, $note: 'a' });
      await note({ ticket: 'CHG-1' });
      const pins = await createPinResolver({ provider, warnings: false }, {});
      try {
        expect(pins.status()).to.deep.include({ revision: '1', notes: { ticket: 'CHG-1' } });
        await note({ ticket: 'CHG-2' });
        expect((await pins.refresh()).outcome).to.equal('unchanged');
        expect(pins.status().notes).to.deep.equal({ ticket: 'CHG-2' });
        expect(pins.snapshot.notes).to.deep.equal({ ticket: 'CHG-2' });
        expect(structuredClone(pins.snapshot).notes).to.deep.equal({ ticket: 'CHG-2' });
      } finally {
        await pins.close();
      }
    });
  });
});
