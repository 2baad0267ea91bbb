import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestCertificate } from '@pinvault/testing';
import { mysqlPrelude, postgresPrelude, smtpPrelude, type Behind } from '../tls-front.js';
import { findProgram, own, type RealServer, Room } from './program.js';

/** What a server shows that speaks TLS itself, to the front alone. */
export interface Identity {
  readonly leaf: TestCertificate;
  readonly ca: string;
}

/** A server as Debian packages it: started for one run, reached through a front. */
export interface Kind {
  readonly title: string;
  readonly program: string;
  start(program: string, identity: Identity): Promise<{ server: RealServer; behind: Behind }>;
}

const plain = (server: RealServer): { server: RealServer; behind: Behind } => ({
  server,
  behind: { port: server.port },
});

export const realServers = {
  postgres: {
    title: 'PostgreSQL',
    program: 'postgres',
    async start(program) {
      const room = await Room.open('postgres');
      const data = join(room.folder, 'data');
      const init = ['-D', data, '-U', 'pinvault', '--auth=trust', '--no-sync', '-E', 'UTF8', '--locale=C'];
      await room.run(program.replace(/postgres$/u, 'initdb'), init);
      const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off'];
      const args = ['-D', data, '-p', String(room.port), ...settings.flatMap((each) => ['-c', each])];
      const ready = /database system is ready to accept connections/u;
      const server = await room.listening(room.start(program, args), { ready });
      return { server, behind: { port: server.port, prelude: postgresPrelude } };
    },
  },
  redis: {
    title: 'Redis',
    program: 'redis-server',
    async start(program) {
      const room = await Room.open('redis');
      const args = ['--port', String(room.port), '--bind', '127.0.0.1', '--save', '', '--dir', room.folder];
      return plain(await room.listening(room.start(program, args)));
    },
  },
  mariadb: {
    title: 'MariaDB',
    program: 'mariadbd',
    async start(program, identity) {
      const room = await Room.open('mariadb');
      const { cert, key } = await writeIdentity(room, identity);
      const args = [
        '--no-defaults',
        `--datadir=${room.folder}`,
        `--port=${String(room.port)}`,
        '--bind-address=127.0.0.1',
        `--socket=${join(room.folder, 'socket')}`,
        `--ssl-cert=${cert}`,
        `--ssl-key=${key}`,
        '--skip-grant-tables',
        '--innodb-flush-log-at-trx-commit=0',
      ];
      const server = await room.listening(room.start(program, args));
      return { server, behind: { port: server.port, prelude: mysqlPrelude, ca: identity.ca } };
    },
  },
  mosquitto: {
    title: 'Mosquitto',
    program: 'mosquitto',
    async start(program) {
      return plain(await startMosquitto(program, 0));
    },
  },
  mosquittoWebSocket: {
    title: 'Mosquitto, WebSocket',
    program: 'mosquitto',
    async start(program) {
      return plain(await startMosquitto(program, 1));
    },
  },
  rabbitmq: {
    title: 'RabbitMQ',
    program: 'rabbitmq-server',
    async start() {
      const room = await Room.open('rabbitmq');
      const names = await Room.open('epmd');
      const env = {
        // a name server of our own, which ends with us; Erlang would leave one behind
        ERL_EPMD_PORT: String(names.port),
        ERL_EPMD_ADDRESS: '127.0.0.1',
        RABBITMQ_NODENAME: `pinvault${String(room.port)}@localhost`,
        RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
        RABBITMQ_NODE_PORT: String(room.port),
        RABBITMQ_DIST_PORT: String(room.port + 1),
        RABBITMQ_MNESIA_BASE: join(room.folder, 'data'),
        RABBITMQ_LOG_BASE: join(room.folder, 'log'),
        RABBITMQ_LOGS: '-',
        RABBITMQ_ENABLED_PLUGINS_FILE: join(room.folder, 'plugins'),
        RABBITMQ_CONF_ENV_FILE: join(room.folder, 'env'),
        RABBITMQ_CONFIG_FILE: join(room.folder, 'config'),
      };
      await names.listening(names.start('epmd', ['-port', String(names.port), '-address', '127.0.0.1']));
      // not the wrapper of the package, which becomes another user
      const server = await room.listening(room.start('/usr/lib/rabbitmq/bin/rabbitmq-server', [], env));
      const stop = async (): Promise<void> => {
        await server.stop();
        await names.close();
      };
      return plain({ port: server.port, stop });
    },
  },
  exim: {
    title: 'Exim (SMTP)',
    program: 'exim4',
    async start(program, identity) {
      const room = await Room.open('exim');
      const { cert, key } = await writeIdentity(room, identity);
      const config = join(room.folder, 'exim.conf');
      await writeFile(config, eximConfig(room.folder, cert, key));
      await own(config);
      const args = ['-bdf', '-C', config, '-oX', `127.0.0.1.${String(room.port)}`];
      const server = await room.listening(room.start(program, args));
      return { server, behind: { port: server.port, prelude: smtpPrelude, ca: identity.ca } };
    },
  },
  nginx: {
    title: 'nginx',
    program: 'nginx',
    async start(program) {
      return plain(await startNginx(program, ''));
    },
  },
  nginxHttp2: {
    title: 'nginx, HTTP/2',
    program: 'nginx',
    async start(program) {
      return plain(await startNginx(program, 'http2'));
    },
  },
} as const satisfies Record<string, Kind>;

export type RealServerName = keyof typeof realServers;

/** Why the server cannot be started here; `undefined` where it can. */
export async function whyMissing(name: RealServerName): Promise<string | undefined> {
  const { program, title } = realServers[name];
  if ((await findProgram(program)) !== undefined) return undefined;
  return `${title} is not installed: there is no ${program}`;
}

async function startNginx(program: string, protocol: 'http2' | ''): Promise<RealServer> {
  const room = await Room.open('nginx');
  const config = join(room.folder, 'nginx.conf');
  await writeFile(config, nginxConfig(room.folder, `127.0.0.1:${String(room.port)} ${protocol}`));
  await own(config);
  return room.listening(room.start(program, ['-p', room.folder, '-c', config]));
}

// It wants a plain listener beside one for WebSocket, or thinks that it has none.
async function startMosquitto(program: string, listener: 0 | 1): Promise<RealServer> {
  const room = await Room.open('mosquitto');
  const config = join(room.folder, 'mosquitto.conf');
  const listeners = [
    `listener ${String(room.port)} 127.0.0.1`,
    `listener ${String(room.port + 1)} 127.0.0.1`,
    'protocol websockets',
    'socket_domain ipv4',
  ];
  await writeFile(config, [...listeners, 'allow_anonymous true', 'persistence false', ''].join('\n'));
  await own(config);
  return room.listening(room.start(program, ['-c', config]), { port: room.port + listener });
}

async function writeIdentity(
  room: Room,
  { leaf }: Identity,
): Promise<{ readonly cert: string; readonly key: string }> {
  const cert = join(room.folder, 'cert.pem');
  const key = join(room.folder, 'key.pem');
  await writeFile(cert, leaf.pem);
  await writeFile(key, leaf.key.privateKeyPem, { mode: 0o600 });
  await Promise.all([own(cert), own(key)]);
  return { cert, key };
}

const eximConfig = (folder: string, cert: string, key: string): string => `
primary_hostname = localhost
spool_directory = ${folder}
pid_file_path = ${folder}/pid
log_file_path = ${folder}/log-%slog
exim_user = ${String(process.getuid?.() === 0 ? 65_534 : (process.getuid?.() ?? 0))}
exim_group = ${String(process.getgid?.() === 0 ? 65_534 : (process.getgid?.() ?? 0))}
tls_advertise_hosts = *
tls_certificate = ${cert}
tls_privatekey = ${key}
acl_smtp_rcpt = accept
queue_only = true
keep_environment =
begin acl
accept:
  accept
`;

const nginxConfig = (folder: string, address: string): string => `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen ${address};
    location / { return 200 ok; }
  }
}
`;
