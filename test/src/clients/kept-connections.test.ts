import { expect } from 'chai';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { pinErrorCode, pinnedMysqlStream, pinnedPgConfig } from 'pinvault';
import type { ServerName } from './client.js';
import { Scene, Servers, whyNoServer } from './scene.js';

describe('what a driver keeps in a pool', function () {
  this.timeout(90_000);
  const servers = new Servers();
  let scene: Scene | undefined;

  after(() => servers.stop());
  afterEach(async () => {
    await scene?.close();
    scene = undefined;
  });

  async function open(this: Mocha.Context, name: ServerName): Promise<Scene> {
    const reason = await whyNoServer(name);
    if (reason !== undefined) {
      if (process.env['PINVAULT_REQUIRE_REAL'] === '1') throw new Error(reason);
      this.skip();
    }
    return (scene = await Scene.open(await servers.behind(name)));
  }

  /** The connection in the pool ends with its pin, and the next one is refused. */
  async function expectEnded(at: Scene, query: () => Promise<unknown>): Promise<void> {
    const { pins, front, next } = at;
    await query();
    expect(front.applicationBytes).to.be.greaterThan(0);
    const rotated = new Promise((resolve) => pins.on('rotate', resolve));
    await at.pin(next);
    await rotated;
    await front.settled();
    const bytes = front.applicationBytes;
    const error: unknown = await query().catch((reason: unknown) => reason);
    expect(pinErrorCode(error)).to.equal('ERR_PIN_MISMATCH');
    await front.settled();
    expect(front.applicationBytes).to.equal(bytes);
  }

  it('mysql2: ends with its pin, by the policy of the stream', async function () {
    const { pins } = await open.call(this, 'mariadb');
    const { host, port, ca } = (scene as Scene).place();
    const pool = mysql.createPool({
      user: 'pinvault',
      stream: pinnedMysqlStream(pins, { host, port, ca, policy: 'close' }),
    });
    try {
      await expectEnded(scene as Scene, async () => pool.query('select 1'));
    } finally {
      await pool.end();
    }
  });

  it('pg: ends with its pin, under guardSocket', async function () {
    const { pins } = await open.call(this, 'postgres');
    const { host, port, ca } = (scene as Scene).place();
    const connectionString = `postgres://pinvault@${host}:${String(port)}/postgres`;
    const pool = new pg.Pool(pinnedPgConfig(pins, { connectionString, ssl: { ca } }));
    pool.on('error', () => undefined);
    pool.on('connect', (client) => {
      const { stream } = (client as unknown as { connection: { stream: never } }).connection;
      pins.guardSocket(stream, { host, port }, { policy: 'close' });
    });
    try {
      await expectEnded(scene as Scene, async () => pool.query('select 1'));
    } finally {
      await pool.end();
    }
  });
});
