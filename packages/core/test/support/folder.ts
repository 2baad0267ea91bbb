import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of its own for each test of the describe that calls this; removed afterwards. */
export function folderOfEachTest(): { readonly path: string } {
  const folder = { path: '' };
  beforeEach(async () => {
    folder.path = await mkdtemp(join(tmpdir(), 'pinvault-core-'));
  });
  afterEach(async () => {
    await rm(folder.path, { recursive: true, force: true });
  });
  return folder;
}

/** Waits for what the disk does in its own time. */
export async function until(check: () => boolean | Promise<boolean>, limitMs = 5_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`not reached within ${limitMs} ms: ${String(check)}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
