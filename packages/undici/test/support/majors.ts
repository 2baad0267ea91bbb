import * as nodeModule from 'node:module';
import type * as undiciPackage from 'undici';
import type * as pinnedPackage from '#src/index.js';

type Package = typeof pinnedPackage;

/** This package, as it is with one major of undici. */
export interface Major {
  readonly name: string;
  readonly undici: typeof undiciPackage;
  readonly pinned: Package;
}

interface ResolveHooks {
  resolve(
    specifier: string,
    context: { readonly parentURL?: string },
    next: (specifier: string, context: object) => { url: string },
  ): { url: string };
}

/** The same compiled files once more, and `undici` in them is what it leads to. */
async function withUndici(name: string, lead: string): Promise<Package> {
  const mark = `?undici=${name}`;
  // Not in the types of Node 20.
  (nodeModule as unknown as { registerHooks(hooks: ResolveHooks): void }).registerHooks({
    resolve(specifier, context, next) {
      if (context.parentURL?.endsWith(mark) !== true) return next(specifier, context);
      if (specifier === 'undici') return next(lead, context);
      const resolved = next(specifier, context);
      return specifier.startsWith('.') ? { ...resolved, url: `${resolved.url}${mark}` } : resolved;
    },
  });
  return (await import(new URL(`../../dist/index.js${mark}`, import.meta.url).href)) as Package;
}

/** This package with an undici that has no more than undici 6; Node 22.15 and newer. */
export async function withOldUndici(): Promise<Package> {
  const names = [
    'Agent',
    'buildConnector',
    'Client',
    'Dispatcher',
    'EnvHttpProxyAgent',
    'errors',
    'Pool',
    'ProxyAgent',
  ];
  const real = JSON.stringify(import.meta.resolve('undici'));
  return withUndici(
    'old',
    `data:text/javascript,export { ${names.join(', ')} } from ${encodeURIComponent(real)};`,
  );
}

const [nodeMajor = 0, nodeMinor = 0] = process.versions.node.split('.').map(Number);
export const loads8 = nodeMajor > 22 || (nodeMajor === 22 && nodeMinor >= 19);

const majors: Major[] = [
  { name: 'undici 7', undici: await import('undici'), pinned: await import('#src/index.js') },
];
if (loads8) {
  const undici = (await import('undici-8')) as unknown as typeof undiciPackage;
  majors.push({ name: 'undici 8', undici, pinned: await withUndici('8', 'undici-8') });
}

/** The tests of a subject, with each major of undici that this Node can load; pending for one that it cannot. */
export function describeWithEach(subject: string, tests: (major: Major) => void): void {
  for (const major of majors) describe(`${subject} (${major.name})`, () => tests(major));
  if (!loads8)
    describe(subject, () => {
      it(`works with undici 8 (skipped: it does not load on Node ${process.versions.node})`);
    });
}
