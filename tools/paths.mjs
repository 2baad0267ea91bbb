import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const cacheFolder = join(root, '.cache');

/** The script behind a command of node_modules/.bin: run with our own Node, so that no shell shim chooses another. */
export const binaries = {
  c8: join(root, 'node_modules/c8/bin/c8.js'),
  knip: join(root, 'node_modules/knip/bin/knip.js'),
  mocha: join(root, 'node_modules/mocha/bin/mocha.js'),
  oxlint: join(root, 'node_modules/oxlint/bin/oxlint'),
  prettier: join(root, 'node_modules/prettier/bin/prettier.cjs'),
  publint: join(root, 'node_modules/publint/src/cli.js'),
  turbo: join(root, 'node_modules/turbo/bin/turbo'),
};
