import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
// As a namespace: Node 20 has no getCACertificates to import by name.
import * as tls from 'node:tls';
import { CommandError } from '../command-error.js';
import { printable } from '../text.js';
import { readFile } from './file.js';
import { readKeyMaterial } from './key-material.js';

/**
 * Node's own roots and those of the files. Node takes a `ca` option instead of its own roots, so they are passed too.
 *
 * @returns PEM, or undefined where there are no files: Node's default
 * @throws CommandError
 */
export async function trustedRoots(paths: readonly string[]): Promise<readonly string[] | undefined> {
  if (paths.length === 0) return undefined;
  const roots = [...nodeRoots()];
  for (const path of paths) {
    const name = `--ca ${printable(path)}`;
    for (const item of readKeyMaterial(await readFile(path, name), name)) {
      if (item.kind !== 'certificate')
        throw new CommandError(`${name} holds a ${item.kind}: only certificates can be trusted`);
      roots.push(new X509Certificate(item.der).toString());
    }
  }
  return roots;
}

function nodeRoots(): readonly string[] {
  const { getCACertificates } = tls as { readonly getCACertificates?: (type: 'default') => string[] };
  return getCACertificates?.('default') ?? [...tls.rootCertificates, ...extraRoots()];
}

/** What Node 20 took from NODE_EXTRA_CA_CERTS when it started; it warned by itself where that was not to be read. */
function extraRoots(): readonly string[] {
  const path = process.env['NODE_EXTRA_CA_CERTS'];
  if (path === undefined || path === '') return [];
  try {
    return [readFileSync(path, 'utf8')];
  } catch {
    return [];
  }
}
