import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DemoVault, editedRows } from './demo-vault.js';

const path = 'secret/data/tls-pins';
const readyWithinMs = 15_000;

/** A real OpenBao server in its dev mode: a process of its own, everything in memory. */
export async function startDemoOpenBao(binary: string): Promise<DemoVault> {
  const folder = await mkdtemp(join(tmpdir(), 'pinvault-demo-'));
  const port = await freePort();
  const address = `http://127.0.0.1:${String(port)}`;
  const token = randomUUID();
  const child = spawn(
    binary,
    [
      'server',
      '-dev',
      `-dev-root-token-id=${token}`,
      `-dev-listen-address=127.0.0.1:${String(port)}`,
      '-dev-no-store-token',
    ],
    // Nothing of the user's: a variable would change the server, a HOME its token file.
    {
      env: { HOME: folder, BAO_TOKEN_PATH: join(folder, 'token'), PATH: process.env['PATH'] },
      stdio: 'ignore',
    },
  );
  const failed = once(child, 'error').then(([error]) => error as Error);
  const killNow = (): boolean => child.kill('SIGKILL');
  process.once('exit', killNow);
  const end = async (): Promise<void> => {
    await ended(child);
    process.off('exit', killNow);
    await rm(folder, { recursive: true, force: true });
  };
  const request = async (method: string, route: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${address}/v1/${route}`, {
      method,
      headers: { 'X-Vault-Token': token, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`OpenBao answered ${method} ${route} with ${String(response.status)}`);
    return response.status === 204 ? undefined : response.json();
  };
  try {
    const version = await Promise.race([
      ready(request),
      failed.then((error) => {
        throw error;
      }),
    ]);
    return {
      description: `OpenBao ${version}, process ${String(child.pid)}, ${address}`,
      address,
      token,
      path: 'secret/tls-pins',
      edit: async (edit) => {
        const current = (await request('GET', path)) as
          { data?: { data?: Record<string, unknown> } } | undefined;
        await request('POST', path, { data: editedRows(current?.data?.data ?? {}, edit) });
      },
      die: () => ended(child),
      close: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Up, and its KV mount there; returns the version. */
async function ready(request: (method: string, route: string) => Promise<unknown>): Promise<string> {
  const deadline = Date.now() + readyWithinMs;
  for (;;) {
    try {
      await request('GET', 'secret/config');
      const { version } = (await request('GET', 'sys/health')) as { version: string };
      return version;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** A free port whose neighbour is free too: the server takes that for its cluster. */
async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const first = await listening(0);
    const second = await listening(first.port + 1).catch(() => undefined);
    await Promise.all([first.close(), second?.close()]);
    if (second !== undefined) return first.port;
  }
  throw new Error('no two free ports side by side on 127.0.0.1');
}

async function listening(
  port: number,
): Promise<{ readonly port: number; readonly close: () => Promise<unknown> }> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}
