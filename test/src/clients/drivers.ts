import { type EventEmitter, once } from 'node:events';
import { request } from 'node:http';
import { Duplex, PassThrough } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import amqp from 'amqplib';
import { Redis } from 'ioredis';
import { type ISocketFactory, Kafka, logLevel } from 'kafkajs';
import { MongoClient } from 'mongodb';
import mqtt from 'mqtt';
import mysql from 'mysql2/promise';
import { createTransport } from 'nodemailer';
import pg from 'pg';
import { createClient } from 'redis';
import { PinnedProxyAgent } from '@pinvault/node';
import { pinnedMqttOptions, pinnedMysqlStream, pinnedPgConfig, type PinResolver } from 'pinvault';
import type { Client } from './client.js';

const noProxy = 'the driver takes no proxy';

export const drivers: readonly Client[] = [
  {
    name: 'pg',
    server: 'postgres',
    proxied: noProxy,
    async ask(pins, { host, port, ca }) {
      const connectionString = `postgres://pinvault@${host}:${String(port)}/postgres`;
      const client = new pg.Client(pinnedPgConfig(pins, { connectionString, ssl: { ca } }));
      client.on('error', () => undefined);
      try {
        await client.connect();
        await client.query('select 1');
      } finally {
        await client.end().catch(() => undefined);
      }
    },
  },
  {
    name: 'mysql2',
    server: 'mariadb',
    proxied: noProxy,
    async ask(pins, { host, port, ca }) {
      const stream = pinnedMysqlStream(pins, { host, port, ca });
      const connection = await mysql.createConnection({ user: 'pinvault', password: 'canary', stream });
      connection.on('error', () => undefined);
      await connection.query('select 1');
      await connection.end();
    },
  },
  {
    name: 'ioredis',
    server: 'redis',
    proxied: noProxy,
    async ask(pins, { host, port, ca }) {
      const tls = { ca, servername: host, ...pins.tlsOptions({ host, port }) };
      const client = new Redis({ host, port, tls, lazyConnect: true, retryStrategy: () => null });
      const failed = new Promise<never>((_, reject) => void client.once('error', reject));
      try {
        await Promise.race([client.connect().then(async () => client.ping()), failed]);
      } catch (error) {
        // connect() tells of a closed connection, the event of why
        const why = await Promise.race([failed.catch((reason: unknown) => reason), Promise.resolve(error)]);
        throw why;
      } finally {
        client.disconnect();
      }
    },
  },
  {
    name: 'redis',
    server: 'redis',
    proxied: noProxy,
    async ask(pins, { host, port, ca }) {
      const socket = {
        host,
        port,
        tls: true,
        ca,
        servername: host,
        ...pins.tlsOptions({ host, port }),
        reconnectStrategy: false,
      } as const;
      const client = createClient({ socket });
      client.on('error', () => undefined);
      try {
        await client.connect();
        await client.ping();
      } finally {
        client.destroy();
      }
    },
  },
  {
    name: 'mongodb',
    server: 'mongo',
    proxied: true,
    speaksTo: 'socks5',
    async ask(pins, { host, port, ca, proxy }) {
      const options = {
        ...{ tls: true, ca, serverSelectionTimeoutMS: 3_000 },
        ...pins.tlsOptions({ host, port }),
        ...(proxy !== undefined && { proxyHost: '127.0.0.1', proxyPort: Number(new URL(proxy).port) }),
      };
      const client = new MongoClient(`mongodb://${host}:${String(port)}/?directConnection=true`, options);
      try {
        await client.connect();
        await client.db('admin').command({ ping: 1 });
      } finally {
        await client.close();
      }
    },
  },
  {
    name: 'nodemailer (STARTTLS)',
    server: 'exim',
    proxied: true,
    async ask(pins, { host, port, ca, proxy }) {
      const transport = createTransport({
        host,
        port,
        requireTLS: true,
        tls: { ca, servername: host, ...pins.tlsOptions({ host, port }) },
        ...(proxy !== undefined && { proxy }),
      });
      try {
        await transport.sendMail({ from: 'a@example.test', to: 'b@example.test', subject: 's', text: 't' });
      } finally {
        transport.close();
      }
    },
  },
  {
    name: 'mqtt (mqtts)',
    server: 'mosquitto',
    proxied: noProxy,
    async ask(pins, { host, port, ca }) {
      await askPinnedMqtt(pins, `mqtts://${host}:${String(port)}`, ca);
    },
  },
  {
    name: 'mqtt (wss)',
    server: 'mosquittoWebSocket',
    proxied: true,
    async ask(pins, { host, port, ca, proxy }) {
      if (proxy !== undefined) {
        const agent = new PinnedProxyAgent(pins, { ca, proxy });
        await askMqtt(`wss://${host}:${String(port)}`, { wsOptions: { agent } });
        agent.destroy();
        return;
      }
      await askPinnedMqtt(pins, `wss://${host}:${String(port)}`, ca);
    },
  },
  {
    name: 'kafkajs',
    server: 'kafka',
    proxied: true,
    async ask(pins, { host, port, ca, proxy }) {
      const kafka = new Kafka({
        ...(proxy !== undefined && { socketFactory: tunnelFactory(proxy) }),
        brokers: [`${host}:${String(port)}`],
        ssl: { ca, servername: host, ...pins.tlsOptions({ host, port }) },
        retry: { retries: 0 },
        logLevel: logLevel.NOTHING,
      });
      const admin = kafka.admin();
      try {
        await admin.connect();
        await admin.describeCluster();
      } finally {
        await admin.disconnect();
      }
    },
  },
  {
    name: 'amqplib',
    server: 'rabbitmq',
    proxied: noProxy,
    async ask(pins, { host, port, ca }) {
      const connection = await amqp.connect(`amqps://guest:guest@${host}:${String(port)}`, {
        ca,
        servername: host,
        ...pins.tlsOptions({ host, port }),
      });
      await connection.createChannel();
      await connection.close();
    },
  },
];

/** The socket is wanted at once: what is written to it waits until the tunnel is dug. */
function tunnelFactory(proxy: string): ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    const [up, down] = [new PassThrough(), new PassThrough()];
    const tunnel = Duplex.from({ readable: down, writable: up });
    request(proxy, { method: 'CONNECT', path: `${host}:${String(port)}` })
      .once('connect', ({ statusCode }, socket) => {
        if (statusCode === 200) up.pipe(socket).pipe(down);
        else tunnel.destroy(new Error(`the proxy answers ${String(statusCode)}`));
        socket.once('close', () => tunnel.destroy());
        tunnel.once('close', () => socket.destroy());
      })
      .once('error', (error) => tunnel.destroy(error))
      .end();
    return connectTls({ ...ssl, socket: tunnel }, onConnect);
  };
}

async function askPinnedMqtt(pins: PinResolver, url: string, ca: string): Promise<void> {
  await askMqtt(url, pinnedMqttOptions(pins, url, { ca }));
}

async function askMqtt(url: string, options: mqtt.IClientOptions): Promise<void> {
  const client = mqtt.connect(url, { ...options, reconnectPeriod: 0 });
  try {
    await once(client as unknown as EventEmitter, 'connect');
    await client.publishAsync('greetings', 'hello', { qos: 1 });
  } finally {
    client.on('error', () => undefined);
    await client.endAsync(true);
  }
}
