import fs, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

// A process that keeps pins as a service does, and ends itself at a step of its third write: `process.kill` with
// SIGKILL is what the kernel does to it, no handler runs.
const step = process.env['PINVAULT_TEST_STEP'] ?? '';
const directory = process.env['PINVAULT_TEST_DIRECTORY'] ?? '';
const key = Buffer.alloc(32, 7);
let writes = 0;

function dieAt(here: string): void {
  if (step === here && writes === 3) process.kill(process.pid, 'SIGKILL');
}

const { open, rename } = fs;
fs.open = async (...parameters: Parameters<typeof open>): Promise<FileHandle> => {
  const handle = await open(...parameters);
  if (!String(parameters[0]).endsWith('.tmp')) {
    if (String(parameters[0]) === directory) {
      const sync = handle.sync.bind(handle);
      handle.sync = async () => {
        await sync();
        dieAt('synced');
      };
    }
    return handle;
  }
  writes += 1;
  dieAt('open');
  const [writeFile, sync, close] = [
    handle.writeFile.bind(handle),
    handle.sync.bind(handle),
    handle.close.bind(handle),
  ];
  handle.writeFile = async (data) => {
    if (step === 'half' && writes === 3) {
      await handle.write((data as Buffer).subarray(0, (data as Buffer).length / 2));
      dieAt('half');
    }
    await writeFile(data);
    dieAt('write');
  };
  handle.sync = async () => {
    await sync();
    dieAt('sync');
  };
  handle.close = async () => {
    await close();
    dieAt('close');
  };
  return handle;
};
fs.rename = async (...parameters: Parameters<typeof rename>) => {
  dieAt('rename');
  await rename(...parameters);
  dieAt('renamed');
};
syncBuiltinESMExports();

const { createStaticProvider } = await import('#src/providers/static-provider.js');
const { PinResolver } = await import('#src/resolver/resolver.js');

function documentOf(number: number): object {
  const rows = Array.from({ length: 1 + ((number * 37) % 211) }, (_, index) => [`h${index}.test`, 'none']);
  return Object.fromEntries(rows) as object;
}

const provider = createStaticProvider(documentOf(1));
provider.update(documentOf(1), '1');
const resolver = await PinResolver.create(provider, { lastKnownGood: { directory, key }, warnings: false });
process.stdout.write('writing\n');

async function written(number: number): Promise<void> {
  const isWritten = (): boolean => writes >= number && resolver.status().lastKnownGood?.writtenAt !== null;
  while (!isWritten()) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 20));
}

const last = step === 'never' ? 5_000 : 3;
for (let number = 2; number <= last; number += 1) {
  // A step is about one write; the others are killed in the middle of many.
  if (step !== 'never' && step !== 'full') await written(number - 1);
  provider.update(documentOf(number), String(number));
  await resolver.refresh();
  await new Promise((resolve) => setTimeout(resolve, 2));
}
await resolver.close();
process.stdout.write(
  `${resolver.status().lastKnownGood?.problem ?? 'written'}, ${resolver.status().revision}\n`,
);
