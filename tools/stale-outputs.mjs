import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './paths.mjs';

/**
 * Deletes compiled files whose source is gone: tsc leaves them, and mocha would go on running the tests of a file that
 * was renamed.
 */
export async function removeStaleOutputs() {
  for (const { source, output } of await compiledFolders()) {
    for (const file of await readdir(output, { recursive: true }).catch(() => [])) {
      if (!file.endsWith('.js') || existsSync(join(source, file.replace(/\.js$/, '.ts')))) continue;
      const compiled = join(output, file.slice(0, -'.js'.length));
      for (const ending of ['.js', '.js.map', '.d.ts', '.d.ts.map'])
        await rm(compiled + ending, { force: true });
    }
  }
}

async function compiledFolders() {
  const inside = async (folder) =>
    (await readdir(join(root, folder))).map((name) => join(root, folder, name));
  const packages = await inside('packages');
  const examples = await inside('examples');
  return [
    ...[...packages, ...examples].map((folder) => ({
      source: join(folder, 'src'),
      output: join(folder, 'dist'),
    })),
    ...packages.map((folder) => ({ source: join(folder, 'test'), output: join(folder, 'dist-test') })),
    { source: join(root, 'test/src'), output: join(root, 'test/dist-test') },
  ];
}
