import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type AzureKeyVault,
  createRootCa,
  findAzureKeyVault,
  startAzureKeyVault,
  startTlsServer,
  startTokenIssuer,
} from '@pinvault/testing';
import type { Rows } from './operator.js';
import type { DemoVault } from './vault.js';

const secretName = 'tls-pins';

/** Azure Key Vault: its emulator where there is one, else a stub of its wire in this process. */
export async function startAzure(): Promise<DemoVault> {
  const found = findAzureKeyVault();
  return 'path' in found ? startEmulator() : startStub(found.reason);
}

async function startEmulator(): Promise<DemoVault> {
  const issuer = await startTokenIssuer();
  const vault: AzureKeyVault = await startAzureKeyVault({ issuer });
  const getToken = async () => ({ token: issuer.mint(), expiresOnTimestamp: Date.now() + 3_600_000 });
  return {
    name: 'the emulator of Azure Key Vault',
    address: vault.url,
    secret: secretName,
    provider: 'azure',
    options: azureOptions(vault.url, vault.ca, getToken),
    write: async (rows) => vault.set(secretName, JSON.stringify(rows)),
    async die() {
      await vault.kill();
      return 'its process ended with SIGKILL';
    },
    async close() {
      await vault.stop();
      await issuer.close();
    },
  };
}

/** What the service sees of a vault on the wire: the challenge, and then the newest version. */
async function startStub(reason: string): Promise<DemoVault> {
  const root = await createRootCa({ subject: 'CN=Stub CA' });
  const leaf = await root.issue({ hosts: ['127.0.0.1'] });
  let newest = { version: '', value: '' };
  const respond = ({ headers }: IncomingMessage, response: ServerResponse): void => {
    if (headers.authorization === undefined) {
      const challenge =
        'Bearer authorization="https://login.microsoftonline.com/demo", resource="https://vault.azure.net"';
      response.writeHead(401, { 'www-authenticate': challenge }).end();
      return;
    }
    const id = `${server.origin}/secrets/${secretName}/${newest.version}`;
    const attributes = { enabled: true, created: Math.floor(Date.now() / 1_000) };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ id, value: newest.value, attributes }));
  };
  const server = await startTlsServer({ chain: [leaf], respond });
  const getToken = async () => ({ token: 'demo', expiresOnTimestamp: Date.now() + 3_600_000 });
  return {
    name: `a stub of Azure Key Vault in this process (${reason})`,
    address: server.origin,
    secret: secretName,
    provider: 'azure',
    options: azureOptions(server.origin, root.pem, getToken),
    async write(rows: Rows) {
      newest = { version: randomUUID().replaceAll('-', ''), value: JSON.stringify(rows) };
      return newest.version;
    },
    async die() {
      await server.close();
      return 'its connections dropped, its port closed';
    },
    close: () => server.close(),
  };
}

function azureOptions(
  vaultUrl: string,
  ca: string,
  getToken: () => Promise<{ token: string; expiresOnTimestamp: number }>,
): DemoVault['options'] {
  const clientOptions = { tlsOptions: { ca } };
  return { provider: 'azure', azure: { vaultUrl, secretName, credential: { getToken }, clientOptions } };
}
