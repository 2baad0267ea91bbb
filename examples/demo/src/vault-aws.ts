import { type Moto, startMoto } from '@pinvault/testing';
import type { DemoVault } from './vault.js';

const secretId = 'prod/tls-pins';

/** AWS Secrets Manager, as moto plays it: a server of its own with the API of AWS, on this machine. */
export async function startAws(packages: string): Promise<DemoVault> {
  const moto: Moto = await startMoto({ packages });
  const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' };
  return {
    name: 'moto (AWS Secrets Manager)',
    address: moto.url,
    secret: secretId,
    provider: 'aws',
    options: {
      provider: 'aws',
      aws: { secretId, region: moto.region, clientOptions: { endpoint: moto.url, credentials } },
    },
    write: async (rows) => moto.write(secretId, JSON.stringify(rows)),
    async die() {
      await moto.stop();
      return 'its process ended with SIGKILL';
    },
    close: () => moto.stop(),
  };
}
