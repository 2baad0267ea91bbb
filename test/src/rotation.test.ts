import { expect } from 'chai';
import {
  createRootCa,
  loopbackLookup,
  startTlsServer,
  type TestCertificate,
  type TestTlsServer,
} from '@pinvault/testing';
import { createPinResolver, findPinError, PinnedAgent, type PinEvent, type PinResolver } from 'pinvault';
import https from 'node:https';
import type { TLSSocket } from 'node:tls';
import { describeWithOpenBao, type OpenBaoServer, startOpenBao } from './support/open-bao.js';
import { OperatorProcess } from './support/operator-process.js';
import { type LoadRecord, SteadyLoad } from './support/steady-load.js';
import { until } from './support/processes.js';

const refreshIntervalMs = 1_000;
// Timers and processes; the promise itself is the interval and one read. What a busy machine adds is measured by the load.
const schedulingSlackMs = 400;
const host = 'api.example.test';

describeWithOpenBao('rotation in a real vault under load', function () {
  this.timeout(60_000);

  let vault: OpenBaoServer;
  let operator: OperatorProcess;
  let server: TestTlsServer;
  let pins: PinResolver;
  let agent: PinnedAgent;
  let root: TestCertificate;
  let oldLeaf: TestCertificate;
  let newLeaf: TestCertificate;
  const events: PinEvent[] = [];

  beforeEach(async () => {
    events.length = 0;
    root = await createRootCa({ subject: 'Example Root' });
    oldLeaf = await root.issue({ hosts: [host] });
    newLeaf = await root.issue({ hosts: [host] });
    const respond = servedUnder(
      new Map([
        [oldLeaf.fingerprint256, 'old'],
        [newLeaf.fingerprint256, 'new'],
      ]),
    );
    server = await startTlsServer({ chain: [oldLeaf], respond });

    vault = await startOpenBao({ mode: 'dev' });
    await vault.putPolicy('pins-reader', 'path "secret/data/tls-pins" { capabilities = ["read"] }');
    await vault.putPolicy(
      'pins-operator',
      'path "secret/data/tls-pins" { capabilities = ["read", "create", "update"] }',
    );
    operator = new OperatorProcess({
      address: vault.address,
      token: await vault.createToken({ policies: ['pins-operator'] }),
    });
    expect((await operator.edit({ [host]: oldLeaf.pin })).status).to.equal(200);

    const token = await vault.createToken({ policies: ['pins-reader'] });
    pins = await createPinResolver(
      { provider: 'vault', refreshIntervalMs, onEvent: (event) => events.push(event) },
      { VAULT_ADDR: vault.address, VAULT_TOKEN: token, PINVAULT_VAULT_PATH: 'secret/tls-pins' },
    );
    agent = new PinnedAgent(pins, { ca: root.pem, lookup: loopbackLookup, maxSockets: 20 });
  });

  afterEach(async () => {
    agent.destroy();
    await pins.close();
    await operator.stop();
    await server.close();
    await vault.stop();
  });

  async function rotated(revision: string): Promise<PinEvent & { readonly type: 'rotate' }> {
    const find = (): (PinEvent & { readonly type: 'rotate' }) | undefined =>
      events.find(
        (event): event is PinEvent & { readonly type: 'rotate' } =>
          event.type === 'rotate' && event.revision === revision,
      );
    await until(
      () => find() !== undefined,
      () => JSON.stringify(pins.status()),
      refreshIntervalMs + 5_000,
    );
    const event = find();
    if (event === undefined) throw new Error('no rotate event');
    return event;
  }

  async function seconds(count: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, count * 1_000));
  }

  it('loses no request, and none rides a removed pin once the rotation is seen', async () => {
    const load = new SteadyLoad({ url: `https://${host}:${server.port}/`, agent, requestsPerSecond: 200 });
    await seconds(1);

    const added = await operator.edit({ [`${host}#next`]: newLeaf.pin });
    const addedSeen = await rotated(added.revision);
    await seconds(0.5);
    server.use([newLeaf]);
    await seconds(1);

    const removed = await operator.edit({ [host]: null });
    const removedSeen = await rotated(removed.revision);
    await seconds(1);
    const { records, perSecond } = await load.stop();

    expect(
      records.filter((record) => record.error !== undefined).map((record) => record.error?.message),
    ).to.deep.equal([]);
    expect(records.length).to.be.above(600);
    expect(perSecond).to.be.within(100, 210);

    const longestWaitMs = Math.max(...records.map(({ startedAt, endedAt }) => endedAt - startedAt));
    for (const [{ writtenAt }, { at }] of [
      [added, addedSeen],
      [removed, removedSeen],
    ] as const) {
      expect(at - writtenAt).to.be.below(refreshIntervalMs + schedulingSlackMs + longestWaitMs);
    }

    const answers = (from: number, to: number): string[] => answersOf(records, from, to);
    // The warm connections of the old key served until its pin went: else the next line would prove nothing.
    expect(answers(addedSeen.at, removedSeen.at)).to.include('old');
    expect(answers(removedSeen.at + 1, Infinity)).to.deep.equal(['new']);
    expect(pins.status()).to.include({ state: 'fresh', revision: removed.revision, source: 'provider' });
  });

  it('refuses the key of the removed pin, and not a byte of a request reaches it', async () => {
    const removed = await operator.edit({ [host]: null, [`${host}#next`]: newLeaf.pin });
    await rotated(removed.revision);
    const bytesBefore = server.applicationBytes;
    const error = await failure(`https://${host}:${server.port}/`, agent);
    expect(findPinError(error)?.code).to.equal('ERR_PIN_MISMATCH');
    expect(server.applicationBytes).to.equal(bytesBefore);
    expect(server.connections).to.equal(1);
  });

  it('lets the reader read and nothing else', async () => {
    const token = await vault.createToken({ policies: ['pins-reader'] });
    const body = { data: { [host]: 'none' } };
    expect((await vault.api('POST', 'secret/data/tls-pins', body, token)).status).to.equal(403);
    expect((await vault.api('GET', 'secret/data/other', undefined, token)).status).to.equal(403);
    expect(operator.pid).not.to.equal(process.pid);
  });
});

/** Answers each request with the name of the key that its connection was opened under. */
function servedUnder(
  names: ReadonlyMap<string, string>,
): NonNullable<Parameters<typeof startTlsServer>[0]['respond']> {
  return (request, response) => {
    const certificate = (request.socket as TLSSocket).getCertificate();
    const fingerprint =
      certificate !== null && 'fingerprint256' in certificate ? certificate.fingerprint256 : '';
    response.end(names.get(fingerprint.replaceAll(':', '').toLowerCase()) ?? 'unknown');
  };
}

function answersOf(records: readonly LoadRecord[], from: number, to: number): string[] {
  const asked = records.filter(({ startedAt }) => startedAt >= from && startedAt < to);
  return [...new Set(asked.map(({ answer }) => answer))];
}

async function failure(url: string, agent: https.Agent): Promise<unknown> {
  return new Promise((resolve, reject) => {
    https.get(url, { agent }, () => reject(new Error('the request was answered'))).on('error', resolve);
  });
}
