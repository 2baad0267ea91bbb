// One file per rule that must not go blind: the linter has to report exactly this rule in it.
export const plantedLint = [
  ['packages/core/src/internal/upward.ts', 'no-restricted-imports', "import '../pin/pin.js';"],
  ['packages/core/src/pin/upward.ts', 'no-restricted-imports', "import '../policy/policy.js';"],
  ['packages/core/src/policy/upward.ts', 'no-restricted-imports', "import '../verify/verifier.js';"],
  ['packages/core/src/verify/upward.ts', 'no-restricted-imports', "import '../resolver/resolver.js';"],
  ['packages/core/src/verify/sockets.ts', 'no-restricted-imports', "import 'node:tls';"],
  ['packages/core/src/verify/host-name.ts', 'no-restricted-imports', "import 'node:fs';"],
  ['packages/core/src/resolver/wrong-pin.ts', 'no-restricted-imports', "import 'node:fs';"],
  ['packages/core/src/resolver/contexts.ts', 'no-restricted-imports', "import 'node:async_hooks';"],
  ['packages/core/src/resolver/files.ts', 'no-restricted-imports', "import 'node:fs';"],
  ['packages/core/src/resolver/unprefixed.ts', 'no-restricted-imports', "import 'fs/promises';"],
  ['packages/core/src/outward.ts', 'no-restricted-imports', "import '@pinvault/node';"],
  ['packages/core/src/resolver/time.ts', 'no-restricted-properties', 'export const at = Date.now();'],
  ['packages/core/src/policy/time.ts', 'no-restricted-properties', 'export const at = performance.now();'],
  ['packages/node/src/support.ts', 'no-restricted-imports', "import '@pinvault/testing';"],
  ['packages/provider-vault/src/sibling.ts', 'no-restricted-imports', "import '@pinvault/provider-aws';"],
  ['packages/provider-aws/src/sibling.ts', 'no-restricted-imports', "import '@pinvault/provider-vault';"],
  ['packages/cli/src/shortcut.ts', 'no-restricted-imports', "import '@pinvault/core';"],
  ['packages/node/src/output.ts', 'no-console', "console.log('x');"],
  ['packages/node/src/default.ts', 'no-default-export', 'export default 1;'],
  ['packages/node/src/any.ts', 'no-explicit-any', 'export const value: any = 1;'],
  ['packages/node/src/floating.ts', 'no-floating-promises', 'Promise.resolve(1);'],
  [
    'packages/node/src/cycle-a.ts',
    'no-cycle',
    "import { b } from './cycle-b.js';\nexport const a = (): unknown => b;",
  ],
  [
    'packages/node/src/cycle-b.ts',
    'no-cycle',
    "import { a } from './cycle-a.js';\nexport const b = (): unknown => a;",
  ],
].map(([path, rule, source]) => ({ path, rule, source }));

/** Files that the same rules must leave alone: a rule that forbids everything proves nothing either. */
export const plantedInnocent = [
  [
    'packages/core/src/verify/certificate.ts',
    "import { X509Certificate } from 'node:crypto';\nimport { pin } from '../pin/pin.js';\nexport const both = [X509Certificate, pin];",
  ],
  ['packages/core/src/pin/pin.ts', "export const pin = 'sha256/';"],
  [
    'packages/core/src/providers/file-provider.ts',
    "import { readFile } from 'node:fs/promises';\nexport const read = readFile;",
  ],
  [
    'packages/core/src/resolver/last-known-good-disk.ts',
    "import { readFile } from 'node:fs/promises';\nexport const read = readFile;",
  ],
  ['packages/core/src/internal/clock.ts', 'export const at = Date.now();'],
  ['packages/cli/src/output.ts', "console.log('x');"],
  ['test/src/weak.attack.ts', 'export const options = { rejectUnauthorized: false };'],
].map(([path, source]) => ({ path, source }));

/** For tools/check-sources.mjs: each of these files has to be found. */
export const plantedSource = [
  ['packages/node/src/weak.ts', 'export const options = { rejectUnauthorized: false };'],
  ['test/src/weak.ts', 'export const options = { "rejectUnauthorized": false };'],
  ['test/src/variable.ts', "process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';"],
  ['packages/core/src/resolver/date.ts', 'export const at = new Date();'],
  ['packages/node/src/star.ts', "export * from './weak.js';"],
  ['packages/node/src/await.ts', 'await Promise.resolve();'],
].map(([path, source]) => ({ path, source }));

const covered = (part, total = 1000) => {
  const numbers = { covered: part, total, pct: part / 10 };
  return { lines: numbers, statements: numbers, functions: numbers, branches: numbers };
};

/** For tools/coverage.mjs: a summary that is good enough, and then what is wrong with others. */
export const innocentCoverage = {
  'src/pin/pin.ts': covered(1000),
  'src/policy/policy.ts': covered(1000),
  'src/verify/verifier.ts': covered(1000),
  'src/resolver/resolver.ts': covered(950),
};

export const plantedCoverage = [
  { summary: {}, says: /src\/verify\/: no file/ },
  { summary: {}, says: /rest of the core/ },
  {
    summary: { ...innocentCoverage, 'src/pin/pin.ts': covered(999) },
    says: /pin\.ts: 99\.9 % of the branches/,
  },
  { summary: { ...innocentCoverage, 'src/policy/new.ts': covered(0) }, says: /policy\/new\.ts: 0 %/ },
  {
    summary: { ...innocentCoverage, 'src/resolver/resolver.ts': covered(949) },
    says: /rest of the core: 94\.9 %/,
  },
];
