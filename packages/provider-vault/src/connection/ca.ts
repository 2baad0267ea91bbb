import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { invalidOption } from '@pinvault/core';
import { type Environment, misconfigured, readVariable } from '../environment.js';
import { isCertificate, type Pem, readPemFile } from './pem.js';

/** PEM of one or more certificates. */
export type CaOption = Pem | readonly Pem[];

/** Options that say which CAs are trusted for the vault's certificate; one of them at most. */
export interface CaOptions {
  /** PEM of the CAs that are trusted for the vault's certificate. @defaultValue `VAULT_CACERT`, else `VAULT_CACERT_BYTES`, else `VAULT_CAPATH`, else Node's */
  readonly ca?: CaOption | undefined;
  /** A file of such PEM, read anew for each connection. */
  readonly caFile?: string | undefined;
  /** A folder of such files, with those below it. */
  readonly caPath?: string | undefined;
}

/** Hands over the trusted CAs; `undefined` for Node's. @throws PinProviderError */
export type CaSource = () => readonly Pem[] | undefined;

/** Checks what is named, once; the source reads again. @throws TypeError, PinProviderError */
export function readCa(options: CaOptions, env: Environment): CaSource {
  const source = caSource(options, env);
  source();
  return source;
}

function caSource({ ca, caFile, caPath }: CaOptions, env: Environment): CaSource {
  const given = Object.entries({ ca, caFile, caPath }).filter(([, value]) => value !== undefined);
  if (given.length > 1)
    throw invalidOption(`vault.${given[1]?.[0]}`, `and vault.${given[0]?.[0]} exclude each other`);
  if (ca !== undefined) return inline(ca);
  if (caFile !== undefined) return () => [fileOf('vault.caFile', textOf('caFile', caFile))];
  if (caPath !== undefined) return () => folderOf('vault.caPath', textOf('caPath', caPath));
  // In the order of the command lines.
  const file = readVariable(env, 'CACERT');
  if (file !== undefined) return () => [fileOf(file.name, file.value)];
  const bytes = readVariable(env, 'CACERT_BYTES');
  if (bytes !== undefined) {
    if (!isCertificate(bytes.value)) throw misconfigured(`${bytes.name} holds no certificate in PEM`);
    return () => [bytes.value];
  }
  const folder = readVariable(env, 'CAPATH');
  if (folder !== undefined) return () => folderOf(folder.name, folder.value);
  return () => undefined;
}

function inline(ca: CaOption): CaSource {
  const list: unknown[] = Array.isArray(ca) ? [...(ca as unknown[])] : [ca];
  // Node would take what holds no certificate, and then trust nobody, without a word on why.
  if (list.length > 0 && list.every(isCertificate)) return () => list;
  throw invalidOption('vault.ca', 'holds no certificate in PEM; a file is named by vault.caFile');
}

function textOf(option: keyof CaOptions, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw invalidOption(`vault.${option}`, 'is no path');
}

function fileOf(named: string, file: string): Pem {
  const pem = readPemFile(named, file);
  if (isCertificate(pem)) return pem;
  throw misconfigured(`the file that ${named} names holds no certificate in PEM`);
}

/** Each file has to hold a certificate: one that is skipped would be a CA that is missing without a word. */
function folderOf(named: string, folder: string): Pem[] {
  const list = filesIn(named, folder).map((file) => {
    const pem = readPemFile(named, file);
    if (isCertificate(pem)) return pem;
    throw misconfigured(`a file in the folder that ${named} names holds no certificate in PEM`);
  });
  if (list.length > 0) return list;
  throw misconfigured(`the folder that ${named} names holds no file`);
}

function filesIn(named: string, folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .toSorted((one, other) => (one.name < other.name ? -1 : 1))
      .flatMap((entry) => {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) return entry.name.startsWith('..') ? [] : filesIn(named, path);
        // Kubernetes mounts files as links, beside one to their folder.
        return statSync(path).isFile() ? [path] : [];
      });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw misconfigured(`the folder that ${named} names cannot be read: ${code}`);
  }
}
