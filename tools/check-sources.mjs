import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

const mayWeakenTls = /\.attack\.|fail-open/;

// What the linter has no rule for. `applies` is asked with the path relative to the root, with slashes.
const bans = [
  {
    pattern: /rejectUnauthorized['"]?\s*[:=]\s*false/,
    applies: (path) => !mayWeakenTls.test(path),
    reason: 'certificate checks are switched off only in files named .attack. or fail-open',
  },
  {
    pattern: /NODE_TLS_REJECT_UNAUTHORIZED/,
    applies: (path) => !mayWeakenTls.test(path) && path !== 'tools/environment.mjs',
    reason: 'certificate checks are switched off only in files named .attack. or fail-open',
  },
  {
    pattern: /\bnew Date\(\s*\)/,
    applies: (path) =>
      path.startsWith('packages/core/src/') && path !== 'packages/core/src/internal/clock.ts',
    reason: 'only internal/clock.ts reads the time',
  },
  {
    pattern: /^\s*export \*/,
    applies: () => true,
    reason: 'a public name is exported by name',
  },
  {
    pattern: /^(?:const .*= )?await /,
    applies: (path) => /^packages\/[^/]+\/src\//.test(path),
    reason: 'a top-level await keeps require() from loading the package',
  },
];

/** Every place under `root` that one of the bans matches, as `path:line: reason`. */
export async function findBannedSource(root) {
  const findings = [];
  for (const path of await sourceFiles(root)) {
    const active = bans.filter((ban) => ban.applies(path));
    const lines = (await readFile(join(root, path), 'utf8')).split('\n');
    for (const [index, line] of lines.entries()) {
      // prose may name what the code may not do
      if (/^\s*(\/\/|\*|\/\*)/.test(line)) continue;
      for (const ban of active)
        if (ban.pattern.test(line)) findings.push(`${path}:${index + 1}: ${ban.reason}`);
    }
  }
  return findings;
}

async function sourceFiles(root) {
  const files = [];
  for (const folder of ['packages', 'examples', 'test', 'tools']) await collect(join(root, folder), files);
  return files
    .map((file) => relative(root, file).split(sep).join('/'))
    .filter((path) => /\.(ts|mts|cts|mjs|cjs|js)$/.test(path) && path !== 'tools/check-sources.mjs')
    .filter((path) => path !== 'tools/planted-violations.mjs')
    .toSorted((left, right) => left.localeCompare(right));
}

async function collect(folder, files) {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (['node_modules', 'dist', 'dist-test', '.turbo'].includes(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await collect(path, files);
    else files.push(path);
  }
}
