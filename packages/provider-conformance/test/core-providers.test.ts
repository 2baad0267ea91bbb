import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEnvProvider, createFileProvider, createStaticProvider } from '@pinvault/core';
import { type Capability, describePinProvider, type Rows } from '#src/index.js';

/** What a provider without a network has not. */
function local(why: string): Partial<Record<Capability, string>> {
  const lacking: readonly Capability[] = [
    'secrets',
    'requests',
    'connections',
    'createWithTimeout',
    'disable',
    'deny',
    'throttle',
    'goOffline',
    'fail',
    'answerGarbage',
    'echo',
    'hang',
    'expireCredentials',
    'createPerHost',
    'close',
  ];
  return Object.fromEntries(lacking.map((capability) => [capability, why]));
}

describePinProvider('env', {
  start() {
    const env: Record<string, string> = {};
    const set = (name: string, value: string): void => {
      delete env['PINS'];
      delete env['PINS_B64'];
      env[name] = value;
    };
    return {
      create: () => createEnvProvider({ variable: 'PINS', env }),
      publish: (rows: Rows) => set('PINS', JSON.stringify(rows)),
      publishText: (text) => set('PINS', text),
      publishBytes: (bytes) => set('PINS_B64', Buffer.from(bytes).toString('base64')),
      remove: () => void delete env['PINS'],
      stop: () => undefined,
    };
  },
  cannot: local('a variable of this process'),
});

describePinProvider('file', {
  async start() {
    const folder = await mkdtemp(join(tmpdir(), 'pinvault-conformance-'));
    const path = join(folder, 'pins.json');
    const write = async (content: string | Uint8Array): Promise<void> => writeFile(path, content);
    return {
      create: () => createFileProvider({ path }),
      publish: (rows: Rows) => write(JSON.stringify(rows)),
      publishText: write,
      publishBytes: write,
      remove: () => rm(path),
      stop: () => rm(folder, { recursive: true }),
    };
  },
  cannot: local('a file on a local disk, which root may read whatever its mode'),
});

describePinProvider('static', {
  start() {
    const provider = createStaticProvider({ 'api.example.com': 'none' });
    return {
      create: () => provider,
      publish: (rows: Rows) => provider.update({ ...rows }),
      publishText: (text) => provider.update(text),
      publishBytes: (bytes) => provider.update(bytes),
      stop: () => undefined,
    };
  },
  cannot: {
    ...local('a document in code'),
    remove: 'a document in code is always there',
    absence: 'a document in code is always there',
  },
});
