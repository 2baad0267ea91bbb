import { join } from 'node:path';
import { cwd } from 'node:process';
import { build } from 'esbuild';
import { exitWith } from './steps.mjs';

/**
 * Puts the compiled files of the package in the working directory into one, which is what its `exports` name: a process
 * that imports a hundred small files waits for each. Dependencies stay imports, names and lines can be read, and the
 * source map leads to the TypeScript.
 */
await exitWith(() =>
  build({
    entryPoints: [join(cwd(), 'dist/index.js')],
    outfile: join(cwd(), 'dist/bundle.mjs'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    sourcemap: true,
    logLevel: 'warning',
  }).then(() => 0),
);
