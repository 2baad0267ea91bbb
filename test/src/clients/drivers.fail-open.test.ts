import { expect } from 'chai';
import { Redis } from 'ioredis';
import { MongoClient } from 'mongodb';
import mqtt from 'mqtt';
import mysql from 'mysql2/promise';
import pg from 'pg';
import {
  pinErrorCode,
  pinnedIoredisOptions,
  pinnedMqttOptions,
  pinnedMysqlStream,
  pinnedPgConfig,
} from 'pinvault';
import { Scene, Servers, whyNoServer } from './scene.js';
import type { ServerName } from './client.js';

// Each hole is shown with the driver itself, and then that the guard closes it: a driver that mends its ways shows here.
describe('holes of drivers', function () {
  this.timeout(90_000);
  const servers = new Servers();
  let scene: Scene | undefined;

  after(() => servers.stop());
  afterEach(async () => {
    await scene?.close();
    scene = undefined;
  });

  /** A server whose key is not the pinned one. */
  async function impostor(this: Mocha.Context, name: ServerName): Promise<Scene> {
    const reason = await whyNoServer(name);
    if (reason !== undefined) {
      if (process.env['PINVAULT_REQUIRE_REAL'] === '1') throw new Error(reason);
      this.skip();
    }
    scene = await Scene.open(await servers.behind(name));
    await scene.pin(scene.next);
    return scene;
  }

  it('pg drops the pins for ?sslmode=; pinnedPgConfig refuses it', async function () {
    const { pins, front } = await impostor.call(this, 'postgres');
    const { host, port } = (scene as Scene).place();
    const connectionString = `postgres://pinvault@${host}:${String(port)}/postgres?sslmode=no-verify`;
    const client = new pg.Client({ connectionString, ssl: pins.tlsOptions({ host, port }) });
    await client.connect();
    await client.end();
    expect(front.applicationBytes).to.be.greaterThan(0);
    expect(() => pinnedPgConfig(pins, { connectionString }))
      .to.throw(TypeError)
      .with.property('code', 'ERR_INVALID_OPTION');
  });

  it('mysql2 never asks ssl.checkServerIdentity; the stream does', async function () {
    const { pins, front } = await impostor.call(this, 'mariadb');
    const { host, port, ca } = (scene as Scene).place();
    const login = { user: 'pinvault', host, port };
    const open = await mysql.createConnection({ ...login, ssl: { ca, ...pins.tlsOptions({ host, port }) } });
    await open.end();
    await front.settled();
    const bytes = front.applicationBytes;
    expect(bytes).to.be.greaterThan(0);
    const stream = pinnedMysqlStream(pins, { host, port, ca });
    const pool = mysql.createPool({ user: 'pinvault', stream });
    const error: unknown = await pool.query('select 1').catch((reason: unknown) => reason);
    expect(pinErrorCode(error)).to.equal('ERR_PIN_MISMATCH');
    await pool.end();
    await front.settled();
    expect(front.applicationBytes).to.equal(bytes);
  });

  it('mqtt over wss ignores the pins at the top; pinnedMqttOptions puts them where they count', async function () {
    const { pins, front } = await impostor.call(this, 'mosquittoWebSocket');
    const { host, port, ca } = (scene as Scene).place();
    const url = `wss://${host}:${String(port)}`;
    const open = mqtt.connect(url, {
      ...pins.tlsOptions({ host, port }),
      wsOptions: { ca } as object,
      reconnectPeriod: 0,
    });
    await new Promise((resolve) => void open.once('connect', resolve));
    await open.endAsync(true);
    await front.settled();
    const bytes = front.applicationBytes;
    expect(bytes).to.be.greaterThan(0);
    const closed = mqtt.connect(url, { ...pinnedMqttOptions(pins, url, { ca }), reconnectPeriod: 0 });
    const error = await new Promise<unknown>((resolve) => void closed.once('error', resolve));
    expect(pinErrorCode(error)).to.equal('ERR_PIN_MISMATCH');
    await closed.endAsync(true);
    await front.settled();
    expect(front.applicationBytes).to.equal(bytes);
  });

  it('ioredis drops the pins for ?tls= in the URL; pinnedIoredisOptions refuses it', async function () {
    const { pins, front } = await impostor.call(this, 'redis');
    const { host, port, ca } = (scene as Scene).place();
    const options = {
      tls: { ca, servername: host, ...pins.tlsOptions({ host, port }) },
      lazyConnect: true,
      retryStrategy: () => null,
    };
    const open = new Redis(`rediss://${host}:${String(port)}/?tls=true`, options);
    expect(open.options.tls).to.equal('true');
    const url = `rediss://${host}:${String(port)}`;
    expect(() => pinnedIoredisOptions(pins, `${url}/?tls=true`)).to.throw(TypeError);
    const retryStrategy = (): null => null;
    const closed = new Redis(
      pinnedIoredisOptions(pins, url, { lazyConnect: true, retryStrategy, tls: { ca } }),
    );
    const failed = new Promise((resolve) => void closed.once('error', resolve));
    await closed.connect().catch(() => undefined);
    expect(pinErrorCode(await failed)).to.equal('ERR_PIN_MISMATCH');
    for (const client of [open, closed]) client.disconnect();
    await front.settled();
    expect(front.applicationBytes).to.equal(0);
  });

  for (const parameter of ['tlsInsecure=true', 'tlsAllowInvalidCertificates=true']) {
    it(`mongodb: ${parameter} in the URI does not open what tlsOptions() has closed`, async function () {
      const { pins, front } = await impostor.call(this, 'mongo');
      const { host, port, ca } = (scene as Scene).place();
      const uri = `mongodb://${host}:${String(port)}/?directConnection=true&${parameter}`;
      const options = { tls: true, ca, serverSelectionTimeoutMS: 1_000 };
      const closed = new MongoClient(uri, { ...options, ...pins.tlsOptions({ host, port }) });
      const error: unknown = await closed.connect().catch((reason: unknown) => reason);
      expect(pinErrorCode(error)).to.equal('ERR_PIN_MISMATCH');
      await closed.close();
      await front.settled();
      expect(front.applicationBytes).to.equal(0);
    });
  }
});
