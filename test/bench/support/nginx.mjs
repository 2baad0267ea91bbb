// nginx as the server of a benchmark: unlike Node's, OpenSSL's way with tickets, a new one for each that is used.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { chainPem, createRootCa } from '@pinvault/testing';

const path = process.env.PINVAULT_NGINX ?? 'nginx';

/** Starts nginx on a free port; `undefined` where there is none. */
export async function startNginx(keyType) {
  const isHere = await promisify(execFile)(path, ['-v']).then(
    () => true,
    () => false,
  );
  if (!isHere) return undefined;
  const root = await createRootCa({ keyType });
  const intermediate = await root.issueCa({ keyType });
  const leaf = await intermediate.issue({ keyType, hosts: ['api.example.test'] });
  const folder = await mkdtemp(join(tmpdir(), 'pinvault-nginx-'));
  // Its worker may be another user.
  await chmod(folder, 0o755);
  const port = await freePort();
  await writeFile(join(folder, 'chain.pem'), chainPem(leaf, intermediate));
  await writeFile(join(folder, 'key.pem'), leaf.key.privateKeyPem, { mode: 0o600 });
  await writeFile(join(folder, 'nginx.conf'), configuration(folder, port));
  const child = spawn(
    path,
    ['-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf')],
    {
      stdio: 'ignore',
    },
  );
  // Not left behind by a benchmark that fails.
  const stop = () => child.kill('SIGTERM');
  process.once('exit', stop);
  await answers(port, child);
  return {
    host: 'api.example.test',
    port,
    ca: root.pem,
    pins: { leaf: leaf.pin },
    async stop() {
      process.off('exit', stop);
      const exited = once(child, 'exit');
      stop();
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configuration(folder, port) {
  return `daemon off;
master_process off;
pid ${folder}/pid;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${folder}/chain.pem;
    ssl_certificate_key ${folder}/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_tickets on;
    keepalive_timeout 0;
    location / { default_type text/plain; return 200 ok; }
  }
}
`;
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function answers(port, child) {
  for (let attempt = 0; attempt < 100 && child.exitCode === null; attempt += 1) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('nginx does not answer');
}
