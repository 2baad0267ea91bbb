import { startDevVault } from '@pinvault/testing';
import type { DemoVault } from './vault.js';
import { kvSecret, vaultOptions, writeRows } from './vault-api.js';

/** A small vault inside this process: real HTTP, Vault's API, state in memory. */
export async function startVaultInProcess(): Promise<DemoVault> {
  const server = await startDevVault();
  return {
    name: 'dev vault in this process',
    address: server.address,
    secret: kvSecret,
    provider: 'vault',
    options: vaultOptions(server),
    write: async (rows) => writeRows(server, rows),
    async die() {
      await server.close();
      return 'its connections dropped, its port closed';
    },
    close: () => server.close(),
  };
}
