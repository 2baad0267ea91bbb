import { startDevVault } from '@pinvault/testing';
import { type DemoVault, editedRows } from './demo-vault.js';

/** A small vault inside this process, with the API of Vault's KV version 2. */
export async function startDemoDevVault(): Promise<DemoVault> {
  const vault = await startDevVault();
  return {
    description: `a dev vault inside this process, ${vault.address}`,
    address: vault.address,
    token: vault.token,
    path: `${vault.mount}/tls-pins`,
    edit: async (edit) => {
      vault.write('tls-pins', editedRows(vault.read('tls-pins') ?? {}, edit));
    },
    die: () => vault.close(),
    close: () => vault.close(),
  };
}
