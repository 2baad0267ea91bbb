import { type EventEmitter, once } from 'node:events';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import amqp from 'amqplib';
import { Redis } from 'ioredis';
import { Kafka, logLevel } from 'kafkajs';
import { MongoClient } from 'mongodb';
import mqtt from 'mqtt';
import mysql from 'mysql2/promise';
import { createTransport } from 'nodemailer';
import pg from 'pg';
import {
  type GuardOptions,
  pinnedMqttOptions,
  pinnedMysqlStream,
  pinnedPgConfig,
  type PinResolver,
} from 'pinvault';
import { createClient } from 'redis';
import WebSocket from 'ws';
import type { Place, ServerName } from '../client.js';

/** A driver that is connected, or connects when it is asked. */
export interface Line {
  /** Sends so many bytes at least, and resolves with the server's answer to them. */
  ask(text: string): Promise<unknown>;
  /** Sends or fetches so many bytes. */
  transfer?(length: number): Promise<unknown>;
  /** Says goodbye; nothing is under way. */
  end(): Promise<unknown>;
  /** Ends at once, without a word. */
  destroy(): void;
}

/** What a driver's connections are under. */
export interface Watch {
  readonly guard: GuardOptions;
  /** Puts a connection under `guardSocket`, and is told when it ends. */
  readonly take: (socket: TLSSocket) => void;
}

/** How a service keeps a driver, by the recipe of docs/clients.md. */
export interface FireDriver {
  readonly name: string;
  readonly server: ServerName;
  /** Why no socket of it can be guarded: it is replaced at each rotation instead. */
  readonly hides?: string;
  /** Why it has no connection that is kept. */
  readonly keepsNone?: string;
  /** How many questions are under way at once, where each has a connection that the pool makes as it likes. */
  readonly flights?: number;
  /** A question is two, one after the other, and under way until both are answered. */
  readonly asksTwice?: true;
  /** Why no long transfer can be asked of it. */
  readonly hasNoTransfer?: string;
  dial(pins: PinResolver, place: Place, watch: Watch): Promise<Line>;
}

const tlsOf = (
  pins: PinResolver,
  { host, port, ca }: Place,
): ReturnType<PinResolver['tlsOptions']> & TlsPlace => ({
  ca,
  servername: host,
  ...pins.tlsOptions({ host, port }),
});

interface TlsPlace {
  readonly ca: string;
  readonly servername: string;
}

/** Longer than any goodbye. */
export const question = 'question'.repeat(250);

const longText = "return string.rep('x', tonumber(ARGV[1]))";

export const fireDrivers: readonly FireDriver[] = [
  {
    name: 'pg',
    server: 'postgres',
    async dial(pins, { host, port, ca }, { take }) {
      const connectionString = `postgres://pinvault@${host}:${String(port)}/postgres`;
      const pool = new pg.Pool(pinnedPgConfig(pins, { connectionString, ssl: { ca } }));
      pool.on('error', () => undefined);
      pool.on('connect', (client) => {
        client.on('error', () => undefined);
        take((client as unknown as { connection: { stream: TLSSocket } }).connection.stream);
      });
      return {
        ask: async (text) => pool.query(`select '${text}'`),
        transfer: async (length) => pool.query(`select repeat('x', ${String(length)})`),
        end: async () => pool.end(),
        // Whoever has said goodbye has ended it already, and a pool complains of the second time.
        destroy: () => void pool.end().catch(() => undefined),
      };
    },
  },
  {
    name: 'mysql2',
    server: 'mariadb',
    async dial(pins, { host, port, ca }, { guard }) {
      const stream = pinnedMysqlStream(pins, { host, port, ca, ...guard });
      const pool = mysql.createPool({ user: 'pinvault', stream });
      return {
        ask: async (text) => pool.query(`select '${text}'`),
        transfer: async (length) => pool.query(`select repeat('x', ${String(length)})`),
        end: async () => pool.end(),
        // Whoever has said goodbye has ended it already, and a pool complains of the second time.
        destroy: () => void pool.end().catch(() => undefined),
      };
    },
  },
  {
    name: 'ioredis',
    server: 'redis',
    async dial(pins, place, { take }) {
      const { host, port } = place;
      const client = new Redis({
        ...{ host, port, lazyConnect: true, enableReadyCheck: false },
        tls: tlsOf(pins, place),
        retryStrategy: () => null,
      });
      const failed = once(client, 'error').then(([error]) => Promise.reject(error));
      failed.catch(() => undefined);
      client.on('error', () => undefined).on('connect', () => take(client.stream as TLSSocket));
      // connect() tells of a closed connection, the event of why
      await client.connect().catch(async () => failed);
      return {
        ask: async (text) => client.echo(text),
        transfer: async (length) => client.eval(longText, 0, length),
        end: async () => client.quit(),
        destroy: () => client.disconnect(),
      };
    },
  },
  {
    name: 'redis',
    server: 'redis',
    hides: 'the driver shows no socket',
    async dial(pins, place) {
      const { host, port } = place;
      const socket = { host, port, tls: true, ...tlsOf(pins, place), reconnectStrategy: false } as const;
      const client = createClient({ socket });
      client.on('error', () => undefined);
      await client.connect();
      return {
        ask: async (text) => client.echo(text),
        transfer: async (length) => client.eval(longText, { arguments: [String(length)] }),
        end: async () => client.close(),
        destroy: () => {
          if (client.isOpen) client.destroy();
        },
      };
    },
  },
  {
    name: 'mongodb',
    server: 'mongo',
    flights: 1,
    hasNoTransfer: 'the server of the test knows ping',
    hides: 'the driver shows no socket',
    async dial(pins, { host, port, ca }) {
      const options = {
        ...{ tls: true, ca, serverSelectionTimeoutMS: 800, maxPoolSize: 1 },
        ...pins.tlsOptions({ host, port }),
      };
      const client = new MongoClient(`mongodb://${host}:${String(port)}/?directConnection=true`, options);
      await client.connect();
      return {
        ask: async (text) => client.db('admin').command({ ping: 1, comment: text }),
        end: async () => client.close(),
        destroy: () => void client.close(true),
      };
    },
  },
  {
    name: 'nodemailer (STARTTLS)',
    server: 'exim',
    keepsNone: 'a connection for each mail',
    async dial(pins, place) {
      const { host, port } = place;
      const transport = createTransport({ host, port, requireTLS: true, tls: tlsOf(pins, place) });
      const send = async (text: string): Promise<unknown> =>
        transport.sendMail({ from: 'a@example.test', to: 'b@example.test', subject: 's', text });
      return {
        ask: send,
        transfer: async (length) => send(`${'x'.repeat(70)}\n`.repeat(length / 70)),
        end: async () => transport.close(),
        destroy: () => transport.close(),
      };
    },
  },
  {
    name: 'mqtt (mqtts)',
    server: 'mosquitto',
    async dial(pins, { host, port, ca }, { take }) {
      const url = `mqtts://${host}:${String(port)}`;
      const client = mqtt.connect(url, { ...pinnedMqttOptions(pins, url, { ca }), reconnectPeriod: 0 });
      take(client.stream as unknown as TLSSocket);
      return mqttLine(client);
    },
  },
  {
    name: 'mqtt (wss)',
    server: 'mosquittoWebSocket',
    async dial(pins, { host, port, ca }, { take }) {
      const url = `wss://${host}:${String(port)}`;
      const client = mqtt.connect(url, {
        ...pinnedMqttOptions(pins, url, { ca }),
        reconnectPeriod: 0,
        createWebsocket: (at, protocols, { wsOptions }) => {
          const socket = new WebSocket(at, protocols, wsOptions as object);
          return socket.once('upgrade', ({ socket: tls }) => take(tls as TLSSocket));
        },
      });
      return mqttLine(client);
    },
  },
  {
    name: 'kafkajs',
    server: 'kafka',
    asksTwice: true,
    hasNoTransfer: 'the server of the test knows metadata',
    async dial(pins, place, { take }) {
      const kafka = new Kafka({
        // it stands in each request, which has no other text
        clientId: question,
        brokers: [`${place.host}:${String(place.port)}`],
        ssl: tlsOf(pins, place),
        socketFactory: ({ host, port, ssl, onConnect }) => {
          const socket = connectTls({ ...ssl, host, port }, onConnect);
          take(socket);
          return socket;
        },
        retry: { retries: 0 },
        connectionTimeout: 10_000,
        logLevel: logLevel.NOTHING,
      });
      const admin = kafka.admin();
      await admin.connect();
      return {
        ask: async () => admin.describeCluster(),
        end: async () => admin.disconnect(),
        destroy: () => void admin.disconnect(),
      };
    },
  },
  {
    name: 'amqplib',
    server: 'rabbitmq',
    async dial(pins, place, { take }) {
      const url = `amqps://guest:guest@${place.host}:${String(place.port)}`;
      const connection = await amqp.connect(url, tlsOf(pins, place));
      connection.on('error', () => undefined);
      take((connection as unknown as { connection: { stream: TLSSocket } }).connection.stream);
      const channel = await connection.createConfirmChannel();
      channel.on('error', () => undefined);
      // to a queue that is not there: confirmed, and dropped
      const publish = async (body: string): Promise<unknown> =>
        new Promise((resolve, reject) => {
          channel.sendToQueue('none', Buffer.from(body), {}, (error: unknown, confirmed) => {
            if (error === null) resolve(confirmed);
            else reject(error);
          });
        });
      return {
        ask: publish,
        transfer: async (length) => publish('x'.repeat(length)),
        end: async () => connection.close(),
        destroy: () => void connection.close().catch(() => undefined),
      };
    },
  },
];

async function mqttLine(client: mqtt.MqttClient): Promise<Line> {
  const publish = async (payload: string): Promise<unknown> =>
    client.publishAsync('greetings', payload, { qos: 1 });
  try {
    await once(client as unknown as EventEmitter, 'connect');
  } finally {
    client.on('error', () => undefined);
  }
  return {
    ask: publish,
    transfer: async (length) => publish('x'.repeat(length)),
    end: async () => client.endAsync(),
    destroy: () => void client.end(true),
  };
}
