import { expect } from 'chai';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import {
  createRootCa,
  loopbackLookup,
  startTlsServer,
  startVaultFront,
  type TestCertificate,
  type TestTlsServer,
  type VaultFront,
} from '@pinvault/testing';
import { createPinResolver, findPinError, PinnedAgent, type PinEvent, type PinResolver } from 'pinvault';
import { callApi } from './support/open-bao-api.js';
import { describeWithOpenBao, type OpenBaoServer, startOpenBao } from './support/open-bao.js';
import { until } from './support/processes.js';

const host = 'api.example.test';
/** What the service may read. */
const everything = [
  'secret/data/*',
  'secret/metadata/*',
  'kv1/*',
  'sys/events/subscribe/kv-v2/data-*',
  'sys/events/subscribe/kv-v1/*',
];
/** With events, the timer has nothing to do with what these tests see. */
const hourMs = 3_600_000;

const ways = [
  { by: 'events', isEnterprise: true, refreshIntervalMs: hourMs },
  { by: 'polling', isEnterprise: false, refreshIntervalMs: 1_000 },
] as const;

describeWithOpenBao('a rotation in a real vault', function () {
  this.timeout(30_000);

  let vault: OpenBaoServer;
  let front: VaultFront;
  let server: TestTlsServer;
  let root: TestCertificate;
  let oldLeaf: TestCertificate;
  let newLeaf: TestCertificate;
  let pins: PinResolver;
  let agent: PinnedAgent;
  let events: PinEvent[];

  before(async () => {
    root = await createRootCa({ subject: 'Example Root' });
    oldLeaf = await root.issue({ hosts: [host] });
    newLeaf = await root.issue({ hosts: [host] });
    vault = await startOpenBao({ mode: 'dev' });
    await operator('POST', 'sys/mounts/kv1', { type: 'kv', options: { version: '1' } }, vault.address);
  });

  after(async () => {
    await vault.stop();
  });

  beforeEach(async () => {
    front = await startVaultFront({ store: vault.address, kv1: ['kv1'] });
    server = await startTlsServer({ chain: [oldLeaf] });
  });

  afterEach(async () => {
    agent.destroy();
    await pins.close();
    await server.close();
    await front.close();
    await operator('DELETE', 'secret/metadata/tls-pins', undefined, vault.address);
  });

  async function operator(
    method: string,
    path: string,
    body: unknown,
    address: string = front.address,
  ): Promise<void> {
    const { status } = await callApi({ address, method, path, body, token: vault.token });
    expect(status, `${method} ${path}`).to.be.below(300);
  }

  const write = async (data: object, path = 'secret/data/tls-pins'): Promise<void> =>
    operator('POST', path, path.startsWith('kv1/') ? data : { data });

  async function tokenFor(...paths: readonly string[]): Promise<string> {
    await vault.putPolicy(
      'reader',
      paths.map((each) => `path "${each}" { capabilities = ["read"] }`).join('\n'),
    );
    return vault.createToken({ policies: ['reader'] });
  }

  async function open(
    { isEnterprise, refreshIntervalMs }: { isEnterprise: boolean; refreshIntervalMs: number },
    {
      path = 'secret/tls-pins',
      readable = everything,
      ...options
    }: { path?: string; readable?: readonly string[]; token?: () => string; events?: boolean } = {},
  ): Promise<void> {
    front.isEnterprise = isEnterprise;
    const token = await tokenFor(...readable);
    events = [];
    pins = await createPinResolver(
      {
        provider: 'vault',
        vault: { path, address: front.address, token, ...options },
        refreshIntervalMs,
        warnings: false,
        onEvent: (event) => events.push(event),
      },
      {},
    );
    agent = new PinnedAgent(pins, { ca: root.pem, lookup: loopbackLookup });
  }

  const told = (): string => JSON.stringify(pins.status(), null, 1);
  const listening = async (): Promise<void> =>
    until(() => pins.status().updates?.by === 'events', told, 15_000);
  const noticed = async (isSo: () => boolean): Promise<void> => until(isSo, told, 15_000);

  async function ask(): Promise<string> {
    const request = https.get({ host, port: server.port, agent });
    try {
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      response.resume();
      await once(response, 'end');
      return String(response.statusCode);
    } catch (error) {
      return findPinError(error)?.code ?? String(error);
    }
  }

  for (const way of ways) {
    describe(`that is noticed by ${way.by}`, () => {
      const begin = async (options: { path?: string } = {}): Promise<void> => {
        await open(way, options);
        if (way.by === 'events') await listening();
        else await noticed(() => pins.status().updates?.reason?.includes('not Vault Enterprise') === true);
        expect(pins.status().updates?.by).to.equal(way.by);
      };

      it('puts the next pin in force, and refuses the key of the removed one before a byte is sent', async () => {
        await write({ [host]: oldLeaf.pin });
        await begin();
        expect(await ask()).to.equal('200');
        await write({ [host]: oldLeaf.pin, [`${host}#next`]: newLeaf.pin });
        await noticed(() => pins.status().revision === '2');
        expect(await ask()).to.equal('200');
        await write({ [`${host}#next`]: newLeaf.pin });
        await noticed(() => pins.status().revision === '3');
        const bytes = server.applicationBytes;
        expect(await ask()).to.equal('ERR_PIN_MISMATCH');
        expect(server.applicationBytes).to.equal(bytes);
        server.use([newLeaf]);
        expect(await ask()).to.equal('200');
      });

      it('sets a mistyped row aside, and takes it back when it is mended', async () => {
        await write({ [host]: oldLeaf.pin });
        await begin();
        await write({ [host]: 'sha256/oops', 'b.test': oldLeaf.pin });
        await noticed(() => pins.status().quarantined.length === 1);
        expect(await ask()).to.equal('200');
        await write({ [host]: oldLeaf.pin });
        await noticed(() => pins.status().quarantined.length === 0);
      });

      it('keeps the last good pins where the secret is deleted, and tells', async () => {
        await write({ [host]: oldLeaf.pin });
        await begin();
        await operator('DELETE', 'secret/data/tls-pins', undefined);
        // Who has no root token is not told of a deletion: the next read finds out.
        if (way.by === 'events') await pins.refresh();
        await noticed(() => pins.status().lastError?.code === 'ERR_PROVIDER_NOT_FOUND');
        expect(pins.status().lastError?.message).to.contain('was deleted at');
        expect(await ask()).to.equal('200');
      });

      it('works with KV version 1', async () => {
        await write({ [host]: newLeaf.pin }, 'kv1/tls-pins');
        await begin({ path: 'kv1/tls-pins' });
        expect(await ask()).to.equal('ERR_PIN_MISMATCH');
        await write({ [host]: oldLeaf.pin }, 'kv1/tls-pins');
        await noticed(() => events.some(({ type }) => type === 'rotate'));
        expect(await ask()).to.equal('200');
      });

      it('works with one secret per host, and reads no other', async () => {
        const path = (name: string): string => `secret/data/per-host/${name}`;
        await write({ pins: newLeaf.pin }, path(host));
        await write({ pins: newLeaf.pin }, path('b.test'));
        await begin({ path: 'secret/per-host/{host}' });
        await Promise.all([pins.ready(host), pins.ready('b.test')]);
        const readsOfOther = (): number =>
          front.requests.filter((request) => request.path.endsWith('/b.test') && request.method === 'GET')
            .length;
        const before = readsOfOther();
        await write({ pins: oldLeaf.pin }, path(host));
        await noticed(() => events.some(({ type }) => type === 'rotate'));
        expect(await ask()).to.equal('200');
        if (way.by === 'events') expect(readsOfOther()).to.equal(before);
      });
    });
  }

  describe('with the events of a vault', () => {
    const [enterprise] = ways;
    const reads = (): number => pins.status().counters.reads;
    const pause = async (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

    beforeEach(async () => {
      await write({ [host]: oldLeaf.pin });
    });

    it('is looked for once more when the connection comes back, since nobody tells what was missed', async () => {
      await open(enterprise);
      await listening();
      front.dropSubscribers();
      await operator('POST', 'secret/data/tls-pins', { data: { [host]: newLeaf.pin } }, vault.address);
      await noticed(() => pins.status().revision === '2');
      await listening();
      expect(front.subscriptions).to.equal(2);
    });

    it('is not waited for in a hot loop where the vault closes at once', async () => {
      await open(enterprise);
      await listening();
      const dropping = setInterval(() => front.dropSubscribers(), 10);
      await pause(3_000);
      clearInterval(dropping);
      expect(front.subscriptions).to.be.within(2, 12);
      expect(reads()).to.be.below(20);
    });

    it('costs a read a second at most, however many events come', async () => {
      await open(enterprise);
      await listening();
      await pause(1_100);
      const before = reads();
      const startedAt = performance.now();
      const flood = setInterval(() => front.tell('kv-v2/data-write', 'secret/data/tls-pins'), 5);
      await until(() => reads() - before >= 3, told);
      clearInterval(flood);
      // The first two may come at once; a machine that is slow has made the rest later, and none of it more often.
      expect(reads() - before).to.be.at.most(2 + Math.ceil((performance.now() - startedAt) / 1_000));
      await pause(1_100);
      expect(reads() - before).to.be.at.least(3);
    });

    it('costs no read where events are of other secrets, or of reads', async () => {
      await open(enterprise);
      await listening();
      await pause(1_100);
      const before = reads();
      for (const path of ['secret/data/other', 'secret/data/tls-pins/x', 'xsecret/data/tls-pins', 'tls-pins'])
        front.tell('kv-v2/data-write', path);
      front.tell('kv-v2/data-read', 'secret/data/tls-pins');
      await pause(1_500);
      expect(reads()).to.equal(before);
    });

    it('is a hint and no more: what an event holds is believed in nothing', async () => {
      await open(enterprise);
      await listening();
      for (const text of ['', '{', 'null', '[]', '{"data":{"event":{"metadata":{"path":7}}}}'])
        front.send(text);
      const forged = { data: { data: { [host]: 'none' } }, event_type: 'kv-v2/data-write' };
      front.send(JSON.stringify({ ...forged, data: { ...forged.data, event_type: 'kv-v2/data-write' } }));
      await pause(1_500);
      expect(pins.status()).to.include({ revision: '1', state: 'fresh' });
      expect(pins.lookup(host)).to.include({ rule: 'pins' });
      expect(pins.status().updates).to.deep.equal({ by: 'events' });
    });

    it('is connected anew where a message is larger than any event', async () => {
      await open(enterprise);
      await listening();
      front.send('x'.repeat(100_000));
      await until(() => front.subscriptions === 2, told, 15_000);
      await listening();
    });

    it('works in a namespace', async () => {
      await operator('POST', 'sys/namespaces/team', {});
      await pause(200);
      await open(enterprise);
      await listening();
      await pause(1_100);
      const before = reads();
      front.tell('kv-v2/data-write', 'team/secret/data/tls-pins');
      await until(() => reads() > before, told, 15_000);
    });

    it('is noticed by polling where the policy allows no events, and the status says what it lacks', async () => {
      await open(enterprise, { readable: ['secret/data/*'] });
      await noticed(() => pins.status().updates?.reason?.includes('sys/events/subscribe') === true);
      expect(pins.status().updates).to.include({ by: 'polling' });
      expect(pins.status()).to.include({ state: 'fresh' });
      expect(pins.status()).not.to.have.property('lastError');
    });

    it('is noticed by polling where the server knows no such path, as OpenBao does', async () => {
      await open(enterprise);
      await pins.close();
      // Straight to the real server.
      pins = await createPinResolver(
        {
          provider: 'vault',
          vault: { path: 'secret/tls-pins', address: vault.address, token: vault.token, events: true },
          warnings: false,
        },
        {},
      );
      await noticed(() => pins.status().updates?.reason?.includes('(404)') === true);
      expect(pins.status().updates).to.include({ by: 'polling' });
      expect(pins.status()).to.include({ state: 'fresh' });
    });

    it('is not asked for where that is switched off', async () => {
      await open(enterprise, { events: false });
      await pause(200);
      expect(front.subscriptions).to.equal(0);
      expect(front.requests.some(({ path }) => path.startsWith('sys/health'))).to.equal(false);
      expect(pins.status()).not.to.have.property('updates');
    });

    it('takes the token that is good when it connects anew', async () => {
      const first = await vault.createToken({ policies: ['reader'] });
      const second = await vault.createToken({ policies: ['reader'] });
      let token = first;
      await open(enterprise, { token: () => token });
      await listening();
      await operator('POST', 'auth/token/revoke', { token: first }, vault.address);
      front.dropSubscribers();
      await until(() => front.subscriptions >= 2, told, 15_000);
      token = second;
      await listening();
      expect(front.subscribers).to.equal(1);
    });

    it('ends with the resolver: no connection, no attempt', async () => {
      await open(enterprise);
      await listening();
      await pins.close();
      await until(
        () => front.subscribers === 0,
        () => 'a subscriber is left',
        5_000,
      );
      await pause(1_500);
      expect(front.subscriptions).to.equal(1);
    });

    it('ends with the resolver while it is being connected', async () => {
      front.refuseSubscriptions('hang');
      await open(enterprise);
      await until(() => front.subscriptions === 1, told, 15_000);
      expect(pins.status().updates).to.include({ by: 'polling' });
      await pins.close();
      front.refuseSubscriptions(undefined);
      await pause(1_500);
      expect(front.subscriptions).to.equal(1);
    });
  });
});
