import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { runChild } from '@pinvault/testing';
import { document } from './support/resolvers.js';

describe('a process with an open resolver', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pinvault-idle-'));
    await writeFile(join(folder, 'pins.json'), document);
  });

  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('ends by itself, though it watches a file, listens for a signal and keeps a copy on disk', async function () {
    this.timeout(20_000);
    const source = `
      import { createPinResolver } from 'pinvault';
      const pins = await createPinResolver({ file: { reloadOnSighup: true } });
      await new Promise((resolve) => setTimeout(resolve, 300));
      console.log(pins.status().state);`;
    const { code, output } = await runChild(new URL('.', import.meta.url), source, {
      PINVAULT_PINS_FILE: join(folder, 'pins.json'),
      PINVAULT_LAST_KNOWN_GOOD: join(folder, 'copies'),
    });
    expect([code, output]).to.deep.equal([0, 'fresh\n']);
  });
});
