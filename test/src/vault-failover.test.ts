import { request } from 'node:https';
import { expect } from 'chai';
import { startTlsServer } from '@pinvault/testing';
import { createPinResolver } from 'pinvault';
import { describeWithOpenBao } from './support/open-bao.js';
import { type ClusterNode, OpenBaoCluster } from './support/open-bao-cluster.js';
import { until } from './support/processes.js';

const rows = { 'api.example.com': 'none' };

describeWithOpenBao('a log-in to a real vault of three nodes', function () {
  this.timeout(120_000);

  let cluster: OpenBaoCluster;

  before(async () => {
    cluster = await OpenBaoCluster.start(3);
    await cluster.must('POST', 'secret/data/tls-pins', { data: rows });
    const policy = 'path "secret/data/tls-pins" { capabilities = ["read"] }';
    await cluster.must('PUT', 'sys/policies/acl/pins-reader', { policy });
    await cluster.must('POST', 'sys/auth/userpass', { type: 'userpass' });
    const user = { password: 'correct horse', token_policies: 'pins-reader' };
    await cluster.must('POST', 'auth/userpass/users/payments', user);
  });

  after(async () => {
    await cluster.stop();
  });

  it('outlives the active node: a service that starts meanwhile logs in at the next one', async () => {
    const active = await cluster.active();
    const standbys = cluster.nodes.filter((node) => node !== active);
    const fronts = await Promise.all(standbys.map(async (standby) => startFront(cluster, standby)));
    const logIns = (): string[] => fronts.flatMap((front) => front.logIns);
    try {
      // A standby hands the log-in on to the active node, which keeps it to itself.
      cluster.freeze(active);
      const starting = createPinResolver(
        {
          provider: 'vault',
          vault: {
            path: 'secret/tls-pins',
            mount: 'secret',
            kvVersion: 2,
            addresses: fronts.map(({ origin }) => origin),
            pins: fronts.map(({ pin }) => pin),
            ca: cluster.root.pem,
            auth: { method: 'userpass', username: 'payments', password: 'correct horse' },
          },
          startupTimeoutMs: 60_000,
          warnings: false,
        },
        {},
      );
      // Looked at below; a failure before is not to go unheard.
      starting.catch(() => undefined);
      await until(
        () => logIns().includes('sent'),
        () => `no log-in is under way: ${logIns().join(', ')}`,
      );
      await cluster.kill(active);
      const pins = await starting;
      try {
        expect((await cluster.active()).address).not.to.equal(active.address);
        expect(pins.status()).to.include({ state: 'fresh', source: 'provider', provider: 'vault' });
        expect(pins.lookup('api.example.com').rule).to.equal('none');
        expect(logIns().filter((each) => each === '200')).to.deep.equal(['200']);
      } finally {
        await pins.close();
      }
    } finally {
      await Promise.all(fronts.map(async (front) => front.close()));
    }
  });
});

/** A TLS server of ours before a real standby: it passes everything on, and notes what becomes of each log-in. */
async function startFront({ root }: OpenBaoCluster, standby: ClusterNode) {
  const leaf = await root.issue({ hosts: ['127.0.0.1'] });
  const logIns: string[] = [];
  const server = await startTlsServer({
    chain: [leaf],
    respond: (asked, response) => {
      const { method, url = '/', headers } = asked;
      const onward = request(new URL(url, standby.address), { method, headers, ca: root.pem, agent: false });
      const index = url.includes('/login/') ? logIns.length : undefined;
      if (index !== undefined) logIns.push('waits');
      const note = (what: string): void => {
        if (index !== undefined) logIns[index] = what;
      };
      onward.once('finish', () => note('sent'));
      onward.once('error', () => {
        note('failed');
        response.writeHead(502).end();
      });
      onward.once('response', (answer) => {
        note(String(answer.statusCode));
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      asked.pipe(onward);
    },
  });
  return { origin: server.origin, pin: leaf.pin, logIns, close: async () => server.close() };
}
