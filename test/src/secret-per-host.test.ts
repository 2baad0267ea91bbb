import { expect } from 'chai';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import {
  createRootCa,
  loopbackLookup,
  startTlsServer,
  type TestCertificate,
  type TestTlsServer,
} from '@pinvault/testing';
import { createPinResolver, findPinError, PinnedAgent, type PinEvent, type PinResolver } from 'pinvault';
import { describeWithOpenBao, type OpenBaoServer, startOpenBao } from './support/open-bao.js';
import { SteadyLoad } from './support/steady-load.js';
import { until } from './support/processes.js';

const hosts = ['a.example.test', 'b.example.test', 'c.example.test'];
const [first = '', second = '', third = ''] = hosts;

describeWithOpenBao('one secret per host in a real vault', function () {
  this.timeout(60_000);

  let vault: OpenBaoServer;
  let server: TestTlsServer;
  let pins: PinResolver;
  let agent: PinnedAgent;
  let root: TestCertificate;
  let leaf: TestCertificate;
  let newLeaf: TestCertificate;
  let token: string;
  let events: PinEvent[];

  const write = async (path: string, data: object): Promise<void> => {
    const { status } = await vault.api('POST', `secret/data/tls-pins/${encodeURIComponent(path)}`, { data });
    expect(status).to.equal(200);
  };

  const open = async (options: { maxHosts?: number; readTimeoutMs?: number } = {}): Promise<void> => {
    events = [];
    pins = await createPinResolver(
      {
        provider: 'vault',
        refreshIntervalMs: 1_000,
        warnings: false,
        onEvent: (event) => events.push(event),
        ...options,
      },
      { VAULT_ADDR: vault.address, VAULT_TOKEN: token, PINVAULT_VAULT_PATH: 'secret/tls-pins/{host}' },
    );
    agent = new PinnedAgent(pins, { ca: root.pem, lookup: loopbackLookup, maxSockets: 10 });
  };

  const ask = async (host: string, options: https.RequestOptions = {}): Promise<number | undefined> => {
    const request = https.get({ host, port: server.port, agent, ...options });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
    return response.statusCode;
  };

  const refusal = async (host: string, options: https.RequestOptions = {}): Promise<string> => {
    const error: unknown = await ask(host, options).then(
      (status) => new Error(`answered with ${String(status)}`),
      (reason: unknown) => reason,
    );
    return findPinError(error)?.message ?? String(error);
  };

  before(async () => {
    root = await createRootCa({ subject: 'Example Root' });
    leaf = await root.issue({ hosts });
    newLeaf = await root.issue({ hosts });
  });

  beforeEach(async () => {
    server = await startTlsServer({ chain: [leaf] });
    vault = await startOpenBao({ mode: 'persistent' });
    await vault.putPolicy('pins-reader', 'path "secret/data/tls-pins/*" { capabilities = ["read"] }');
    token = await vault.createToken({ policies: ['pins-reader'] });
  });

  afterEach(async () => {
    agent.destroy();
    await pins.close();
    await server.close();
    await vault.stop();
  });

  it('is read on first use, once, by whoever needs it', async () => {
    await write(first, { pins: leaf.pin });
    await open();
    expect(pins.lookup(first)).to.deep.equal({ rule: 'not-loaded' });
    const statuses = await Promise.all(Array.from({ length: 50 }, () => ask(first)));
    expect(new Set(statuses)).to.deep.equal(new Set([200]));
    expect(pins.status().perHost).to.include({ loaded: 1, notLoaded: 0 });
    expect(pins.lookup(first)).to.include({ rule: 'pins' });
  });

  it('refuses another key before a byte is sent', async () => {
    await write(first, { [first]: newLeaf.pin });
    await open();
    expect(await refusal(first)).to.contain('ERR_PIN_MISMATCH');
    expect(server.applicationBytes).to.equal(0);
  });

  it('refuses a host without one: no connection, and its path in the error', async () => {
    await open();
    const message = await refusal(first);
    expect(message).to.contain('ERR_PIN_NOT_LOADED').and.to.contain(`secret/tls-pins/${first}`);
    expect([server.connections, server.applicationBytes]).to.deep.equal([0, 0]);
    await write(first, { pins: leaf.pin });
    pins.notify(undefined, first);
    expect(await ask(first)).to.equal(200);
  });

  it('counts for the port that it names', async () => {
    await write(first, { [`pins:${server.port}`]: leaf.pin });
    await write(second, { 'pins:1': leaf.pin });
    await open();
    expect(await ask(first)).to.equal(200);
    expect(await refusal(second)).to.contain('ERR_PIN_HOST_UNCOVERED');
  });

  it('stays in its folder, whatever a host is called', async () => {
    expect((await vault.api('POST', 'secret/data/other', { data: { pins: leaf.pin } })).status).to.equal(200);
    await write('2001:db8::1', { pins: 'none' });
    await open();
    for (const host of ['..', '../other', '%2e%2e%2fother', 'x/../../other', '*', 'other/', '..%2fother'])
      expect(await refusal(host), host).to.match(/ERR_PIN_SYNTAX|ERR_PIN_NOT_LOADED/u);
    expect(server.connections).to.equal(0);
    await pins.ready('2001:DB8:0:0::1');
    expect(pins.lookup('2001:db8::1')).to.deep.equal({ rule: 'none', pattern: '2001:db8::1' });
  });

  it('rotates under load without a lost request, and touches no other host', async () => {
    for (const host of [first, second]) await write(host, { pins: leaf.pin });
    await open();
    const load = hosts
      .slice(0, 2)
      .map(
        (host) => new SteadyLoad({ url: `https://${host}:${server.port}/`, agent, requestsPerSecond: 50 }),
      );
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    // A busy machine may open more later; none of these has to go.
    const held = [agent.freeSockets, agent.sockets].flatMap((pools) => Object.values(pools).flat());
    await write(first, { pins: leaf.pin, 'pins#next': newLeaf.pin });
    const rotation = (): PinEvent | undefined => events.find((event) => event.type === 'rotate');
    await until(
      () => rotation() !== undefined,
      () => JSON.stringify(pins.status()),
    );
    expect(rotation()).to.deep.include({ host: first, changed: [first] });
    await new Promise((resolve) => setTimeout(resolve, 500));
    const records = (await Promise.all(load.map((each) => each.stop()))).flatMap((each) => each.records);
    expect(records.filter(({ error }) => error !== undefined)).to.deep.equal([]);
    expect(records.length).to.be.above(100);
    expect(held.length).to.be.above(1);
    expect(held.filter((socket) => socket?.destroyed)).to.deep.equal([]);
  });

  it('serves warm hosts while the vault is down, refuses cold ones in time, and recovers', async () => {
    await write(first, { pins: leaf.pin });
    await write(second, { pins: leaf.pin });
    await open({ readTimeoutMs: 500 });
    expect(await ask(first)).to.equal(200);
    await vault.kill();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await ask(first)).to.equal(200);
    const startedAt = Date.now();
    expect(await refusal(second)).to.contain('ERR_PIN_NOT_LOADED');
    expect(Date.now() - startedAt).to.be.below(3_000);
    await vault.restart();
    await until(
      async () => (await refusal(second)).includes('answered with 200'),
      () => JSON.stringify(pins.status()),
      20_000,
    );
  });

  it('ends a request that waits when it is aborted', async () => {
    await write(first, { pins: leaf.pin });
    await open();
    const aborting = new AbortController();
    const ended = refusal(first, { signal: aborting.signal });
    aborting.abort();
    expect(await ended).to.contain('AbortError');
    expect(server.connections).to.equal(0);
  });

  it('is kept while there is a connection, and let go of when it is idle', async () => {
    for (const host of hosts) await write(host, { pins: leaf.pin });
    await open({ maxHosts: 1 });
    for (const host of hosts) expect(await ask(host)).to.equal(200);
    expect(hosts.map((host) => pins.lookup(host).rule)).to.deep.equal(['pins', 'pins', 'pins']);
    agent.destroy();
    await until(
      () => pins.status().perHost?.loaded === 1,
      () => JSON.stringify(pins.status()),
    );
    expect(await ask(third)).to.equal(200);
  });
});
