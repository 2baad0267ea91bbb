import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  askedOnly,
  createMemoryProvider,
  createRootCa,
  type MemoryProvider,
  type TestCertificate,
} from '@pinvault/testing';
import { expect } from 'chai';
import { Cluster, Redis } from 'ioredis';
import { createPinResolver, pinErrorCode, type PinResolver } from 'pinvault';
import { until } from '../support/processes.js';
import { findProgram, own, Room } from './servers/program.js';

const address = '127.0.0.1';

// No front here: the servers name each other, so that each has to speak TLS itself.
describe('ioredis, where servers name the servers that are dialled', function () {
  this.timeout(60_000);
  const rooms: Room[] = [];
  const clients: { disconnect(): void }[] = [];
  let program: string;
  let root: TestCertificate;
  let leaf: TestCertificate;
  let provider: MemoryProvider;
  let pins: PinResolver;

  before(async function find() {
    const found = await findProgram('redis-server');
    if (found === undefined) {
      if (process.env['PINVAULT_REQUIRE_REAL'] === '1')
        throw new Error('Redis is not installed: there is no redis-server');
      this.skip();
    }
    program = found;
    root = await createRootCa({ subject: 'Example Root' });
    leaf = await root.issue({ subject: 'redis', hosts: [address] });
  });
  beforeEach(async () => {
    provider = createMemoryProvider({ [address]: leaf.pin });
    pins = await createPinResolver({ provider, warnings: false, ...askedOnly }, {});
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.disconnect();
    await pins.close();
    await Promise.all(rooms.splice(0).map(async (room) => room.close()));
  });

  /** A Redis that speaks nothing but TLS. */
  async function start(settings: (room: Room) => readonly string[], mode?: string): Promise<Room> {
    const room = await Room.open('redis-tls');
    rooms.push(room);
    const [cert, key, ca] = ['cert.pem', 'key.pem', 'ca.pem'].map((name) => join(room.folder, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(cert, leaf.pem);
    await writeFile(key, leaf.key.privateKeyPem, { mode: 0o600 });
    await writeFile(ca, root.pem);
    const config = join(room.folder, 'redis.conf');
    const common = [
      `port 0`,
      `tls-port ${String(room.port)}`,
      `bind ${address}`,
      `dir ${room.folder}`,
      `tls-cert-file ${cert}`,
      `tls-key-file ${key}`,
      `tls-ca-cert-file ${ca}`,
      'tls-auth-clients no',
      'tls-replication yes',
    ];
    await writeFile(config, [...common, ...settings(room), ''].join('\n'));
    await Promise.all([cert, key, ca, config].map(own));
    await room.listening(room.start(program, [config, ...(mode === undefined ? [] : [mode])]));
    return room;
  }

  const tls = (): object => ({ ca: root.pem, ...pins.tlsOptions() });

  /** Of one server, with pins of its own that never change. */
  async function commandsOf(port: number): Promise<string> {
    const client = keep(new Redis({ host: address, port, tls: { ca: root.pem }, disableClientInfo: true }));
    const statistics = await client.info('commandstats');
    return /cmdstat_set:calls=(\d+)/u.exec(statistics)?.[1] ?? '0';
  }

  function keep<Client extends { disconnect(): void; on(event: 'error', listener: () => void): unknown }>(
    client: Client,
  ): Client {
    clients.push(client);
    client.on('error', () => undefined);
    return client;
  }

  async function pin(row: string): Promise<void> {
    provider.write({ [address]: row });
    await pins.refresh();
  }

  const another = async (): Promise<string> => (await root.issue({ hosts: [address] })).pin;

  it('cluster: each node is pinned by the address that it announces', async () => {
    const node = await start(({ port }) => [
      'cluster-enabled yes',
      'tls-cluster yes',
      `cluster-port ${String(port + 1)}`,
      `cluster-announce-ip ${address}`,
      'cluster-require-full-coverage no',
    ]);
    const { port } = node;
    const operator = keep(new Redis({ host: address, port, tls: { ca: root.pem } }));
    await operator.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    const state = async (): Promise<string> => String(await operator.call('CLUSTER', 'INFO'));
    let told = await state();
    await until(
      async () => (told = await state()).includes('cluster_state:ok'),
      () => told,
    );
    const cluster = (): Cluster =>
      keep(
        new Cluster([{ host: address, port }], {
          redisOptions: { tls: tls() },
          clusterRetryStrategy: () => null,
          lazyConnect: true,
        }),
      );
    const good = cluster();
    await good.connect();
    await good.set('a', '1');
    expect([await good.get('a'), await commandsOf(port)]).to.deep.equal(['1', '1']);
    await pin(await another());
    const bad = cluster();
    const before = pins.status().counters.mismatches;
    const failed = await bad.set('a', '2').catch((error: unknown) => error);
    expect(failed).to.be.an('error');
    // its errors tell of a closed connection alone
    expect(pins.status().counters.mismatches).to.be.greaterThan(before);
    expect(await commandsOf(port)).to.equal('1');
  });

  describe('sentinels', () => {
    let master: number;
    let sentinel: number;

    beforeEach(async () => {
      ({ port: master } = await start(() => []));
      ({ port: sentinel } = await start(
        () => [`sentinel monitor main ${address} ${String(master)} 1`],
        '--sentinel',
      ));
    });

    const client = (options: object): Redis =>
      keep(
        new Redis({
          sentinels: [{ host: address, port: sentinel }],
          name: 'main',
          lazyConnect: true,
          sentinelRetryStrategy: () => null,
          retryStrategy: () => null,
          maxRetriesPerRequest: 0,
          ...options,
        }),
      );

    const failureOf = async (redis: Redis): Promise<unknown> => {
      const told = new Promise<unknown>((resolve) => void redis.once('error', resolve));
      const thrown: unknown = await redis.set('a', '2').catch((error: unknown) => error);
      expect(thrown).to.be.an('error');
      return told;
    };

    it('by the recipe the sentinel and the server that it names are pinned', async () => {
      const recipe = (): object => ({ enableTLSForSentinelMode: true, tls: tls(), sentinelTLS: tls() });
      const good = client(recipe());
      await good.set('a', '1');
      expect(await commandsOf(master)).to.equal('1');
      await pin(await another());
      await failureOf(client(recipe()));
      // and with a sentinel that nobody pins, the server is refused all the same
      const mastersAlone = client({ ...recipe(), sentinelTLS: { ca: root.pem } });
      expect(pinErrorCode(await failureOf(mastersAlone))).to.equal('ERR_PIN_MISMATCH');
      expect(await commandsOf(master)).to.equal('1');
    });

    it('without enableTLSForSentinelMode the server is dialled in the clear, and the pins are not asked', async () => {
      await pin(await another());
      const before = pins.status().counters.mismatches;
      await failureOf(client({ tls: tls(), sentinelTLS: { ca: root.pem } }));
      // this one listens to TLS alone, and so heard nothing it could understand
      expect(pins.status().counters.mismatches).to.equal(before);
    });
  });
});
