import { expect } from 'chai';
import {
  createRootCa,
  loopbackLookup,
  startTlsServer,
  type TestCertificate,
  type TestTlsServer,
} from '@pinvault/testing';
import { createPinResolver, PinnedAgent, type PinEvent, type PinEventName, type PinResolver } from 'pinvault';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  describeWithOpenBao,
  type OpenBaoMode,
  type OpenBaoServer,
  startOpenBao,
} from './support/open-bao.js';
import { SteadyLoad } from './support/steady-load.js';
import { until } from './support/processes.js';

const host = 'api.example.test';
const path = 'secret/data/tls-pins';

describeWithOpenBao('a vault that goes away under a running service', function () {
  this.timeout(60_000);

  let vault: OpenBaoServer;
  let server: TestTlsServer;
  let pins: PinResolver;
  let agent: PinnedAgent;
  let load: SteadyLoad;
  let folder: string;
  let tokenFile: string;
  let root: TestCertificate;
  let oldLeaf: TestCertificate;
  let newLeaf: TestCertificate;
  const events: PinEvent[] = [];

  async function start(mode: OpenBaoMode): Promise<void> {
    vault = await startOpenBao({ mode });
    await vault.putPolicy('pins-reader', `path "${path}" { capabilities = ["read"] }`);
    await write({ [host]: oldLeaf.pin });
    await writeFile(tokenFile, `${await vault.createToken({ policies: ['pins-reader'] })}\n`);
    pins = await createPinResolver(
      {
        vault: { path: 'secret/tls-pins' },
        refreshIntervalMs: 200,
        warnings: false,
        onEvent: (event) => events.push(event),
      },
      { PINVAULT_PROVIDER: 'vault', VAULT_ADDR: vault.address, BAO_TOKEN_PATH: tokenFile },
    );
    agent = new PinnedAgent(pins, { ca: root.pem, lookup: loopbackLookup, maxSockets: 10 });
    load = new SteadyLoad({ url: `https://${host}:${server.port}/`, agent, requestsPerSecond: 100 });
  }

  beforeEach(async () => {
    events.length = 0;
    folder = await mkdtemp(join(tmpdir(), 'pinvault-outage-'));
    tokenFile = join(folder, 'token');
    root = await createRootCa({ subject: 'Example Root' });
    oldLeaf = await root.issue({ hosts: [host] });
    newLeaf = await root.issue({ hosts: [host] });
    // `connection: close`: each request needs a handshake, and so the pins.
    const respond: NonNullable<Parameters<typeof startTlsServer>[0]['respond']> = (_request, response) => {
      response.writeHead(200, { connection: 'close' }).end('ok');
    };
    server = await startTlsServer({ chain: [oldLeaf], respond });
  });

  afterEach(async () => {
    await load.stop();
    agent.destroy();
    await pins.close();
    await server.close();
    await vault.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function write(rows: Readonly<Record<string, string>>): Promise<void> {
    const { status } = await vault.api('POST', path, { data: rows });
    if (status !== 200) throw new Error(`the vault answered the write with ${String(status)}`);
  }

  async function statusBecomes(
    describeWanted: string,
    isWanted: (status: ReturnType<PinResolver['status']>) => boolean,
  ): Promise<void> {
    await until(
      () => isWanted(pins.status()),
      () => `${describeWanted}; it is ${JSON.stringify(pins.status())}`,
    );
  }

  function seen(type: PinEventName): number {
    return events.filter((event) => event.type === type).length;
  }

  /** The proof that recovery was real: what is written afterwards takes effect, without a hand on the service. */
  async function followsANewRotation(): Promise<void> {
    await write({ [host]: oldLeaf.pin, [`${host}#next`]: newLeaf.pin });
    await statusBecomes(
      'the next pin in force',
      ({ hosts, state }) => state === 'fresh' && hosts.length === 1 && pinCount() === 2,
    );
    server.use([newLeaf]);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }

  function pinCount(): number {
    return pins.snapshot.document.rows.flatMap((row) => row.pins).length;
  }

  async function nothingWasLost(): Promise<void> {
    const { records } = await load.stop();
    expect(records.flatMap(({ error }) => (error === undefined ? [] : [error.message]))).to.deep.equal([]);
    expect(records.length).to.be.above(50);
    // A handshake for each: that the traffic went on means that the pins were there.
    expect(server.handshakes).to.be.at.least(records.length);
  }

  it('is killed and comes back', async () => {
    await start('persistent');
    await vault.kill();
    await statusBecomes('stale', ({ state }) => state === 'stale');
    const { lastError, source, revision, ageMs } = pins.status();
    expect(lastError?.code).to.equal('ERR_PROVIDER_UNAVAILABLE');
    expect({ source, revision }).to.deep.equal({ source: 'provider', revision: '1' });
    expect(ageMs).to.be.above(400);
    await until(
      () => seen('stale') === 1,
      () => 'the stale event',
    );

    await vault.restart();
    await statusBecomes('fresh', ({ state, lastError: error }) => state === 'fresh' && error === undefined);
    expect(seen('recovered')).to.be.at.least(1);
    await followsANewRotation();
    await nothingWasLost();
  });

  it('is sealed and unsealed', async () => {
    await start('dev');
    await vault.seal();
    await statusBecomes('sealed', ({ lastError }) => lastError !== undefined);
    expect(pins.status().lastError?.code).to.equal('ERR_PROVIDER_UNAVAILABLE');
    expect(pins.status().lastError?.message).to.include('sealed');
    await vault.unseal();
    await statusBecomes('fresh', ({ state, lastError }) => state === 'fresh' && lastError === undefined);
    await followsANewRotation();
    await nothingWasLost();
  });

  it('revokes the token, until a new one lies in the token file', async () => {
    await start('dev');
    const revoked = await vault.api('POST', 'auth/token/revoke', { token: await currentToken() });
    expect(revoked.status).to.be.below(300);
    await statusBecomes('denied', ({ lastError }) => lastError?.code === 'ERR_PROVIDER_DENIED');
    await statusBecomes('stale', ({ state }) => state === 'stale');
    await writeFile(tokenFile, await vault.createToken({ policies: ['pins-reader'] }));
    // Who has put the new token there need not wait for the slow lane.
    await pins.refresh();
    await statusBecomes('fresh', ({ state, lastError }) => state === 'fresh' && lastError === undefined);
    await followsANewRotation();
    await nothingWasLost();
  });

  it('loses the secret to a slip, until it is restored', async () => {
    await start('dev');
    expect((await vault.api('DELETE', path)).status).to.be.below(300);
    await statusBecomes('not found', ({ lastError }) => lastError?.code === 'ERR_PROVIDER_NOT_FOUND');
    expect(pins.status().lastError?.message).to.include('deleted');
    expect((await vault.api('POST', 'secret/undelete/tls-pins', { versions: [1] })).status).to.be.below(300);
    await statusBecomes('fresh', ({ state, lastError }) => state === 'fresh' && lastError === undefined);
    await followsANewRotation();
    await nothingWasLost();
  });

  it('is away when a second service starts, which begins on its fallback and moves over', async () => {
    await start('persistent');
    await vault.kill();
    const second = await createPinResolver(
      { provider: 'vault', vault: { path: 'secret/tls-pins' }, refreshIntervalMs: 200, warnings: false },
      {
        VAULT_ADDR: vault.address,
        BAO_TOKEN_PATH: tokenFile,
        PINVAULT_FALLBACK_PINS: JSON.stringify({ [host]: oldLeaf.pin }),
      },
    );
    try {
      expect(second.status()).to.include({ state: 'stale', source: 'fallback', provider: 'env' });
      expect(second.status().lastError?.code).to.equal('ERR_PROVIDER_UNAVAILABLE');
      await vault.restart();
      await until(
        () => second.status().source === 'provider',
        () => JSON.stringify(second.status()),
      );
      expect(second.status()).to.include({ state: 'fresh', provider: 'vault', revision: '1' });
    } finally {
      await second.close();
    }
    await nothingWasLost();
  });

  async function currentToken(): Promise<string> {
    return (await readFile(tokenFile, 'utf8')).trim();
  }
});
