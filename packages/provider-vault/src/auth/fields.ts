import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { invalidOption } from '@pinvault/core';
import { type Environment, misconfigured } from '../environment.js';

interface Field {
  readonly value: unknown;
  /** `vault.auth.roleId` or `PINVAULT_VAULT_AUTH_ROLE_ID`. */
  readonly where: string;
  readonly isOption: boolean;
}

/** Hands over a secret as it is now. @throws PinProviderError */
export type SecretSource = () => Promise<string>;

const prefix = 'PINVAULT_VAULT_AUTH_';

/**
 * Whether the environment says how to log in. A part of it without a method is a slip, with which a token that lies around
 * would be used. @throws PinProviderError
 */
export function namesMethod(env: Environment): boolean {
  const isSet = (name: string): boolean => (env[name]?.trim() ?? '') !== '';
  if (isSet(`${prefix}METHOD`)) return true;
  const stray = Object.keys(env).find((name) => name.startsWith(prefix) && isSet(name));
  if (stray === undefined) return false;
  throw misconfigured(`${stray} is set, and ${prefix}METHOD is not: say how to log in, such as approle`);
}

/** What options and environment say of the log-in; an option goes before the variable of the same name. */
export class AuthFields {
  readonly #options: Readonly<Record<string, unknown>>;
  readonly #env: Environment;

  constructor(options: object | undefined, env: Environment) {
    if (options !== undefined && (typeof options !== 'object' || options === null))
      throw invalidOption('vault.auth', "is no object, such as { method: 'approle', roleId, secretIdFile }");
    this.#options = { ...options };
    this.#env = env;
  }

  /** Refuses names that the method does not have: a slip would otherwise leave a default in force. @throws TypeError, PinProviderError */
  refuseUnknown(method: string, known: readonly string[]): void {
    const list = known.join(', ');
    for (const name of Object.keys(this.#options)) {
      if (!known.includes(name))
        throw invalidOption(`vault.auth.${name}`, `is unknown to the method ${method}; known are ${list}`);
    }
    if (this.#options['method'] !== undefined) return;
    const variables = known.map(variableOf);
    for (const name of Object.keys(this.#env)) {
      if (!name.startsWith(prefix) || this.#env[name]?.trim() === '') continue;
      if (!variables.includes(name))
        throw misconfigured(`${name} is unknown to the method ${method}; known are ${variables.join(', ')}`);
    }
  }

  /** @throws TypeError, PinProviderError */
  text(name: string): string | undefined {
    const field = this.#field(name);
    if (field === undefined) return undefined;
    if (typeof field.value === 'string' && /^[^\p{Cc}\p{Cs}]+$/u.test(field.value)) return field.value;
    throw wrong(field, 'is no text, or is empty or holds control characters');
  }

  /** @throws TypeError, PinProviderError */
  requiredText(name: string, what: string): string {
    const value = this.text(name);
    if (value !== undefined) return value;
    throw misconfigured(`the log-in lacks ${what}: pass vault.auth.${name}, or set ${variableOf(name)}`);
  }

  /** @throws TypeError, PinProviderError */
  flag(name: string): boolean {
    const field = this.#field(name);
    if (field === undefined) return false;
    if (typeof field.value === 'boolean') return field.value;
    if (field.value === 'true') return true;
    if (field.value === 'false') return false;
    throw wrong(field, 'is neither true nor false');
  }

  /** Of code alone: what no variable can hold. */
  value(name: string): unknown {
    return this.#options[name];
  }

  /** `name` itself, or the file that `<name>File` names, read anew each time. @throws TypeError, PinProviderError */
  secret(name: string, defaultFile?: string): SecretSource | undefined {
    const fileName = `${name}File`;
    const direct = this.#field(name);
    const file = this.#field(fileName);
    if (direct !== undefined && file !== undefined)
      throw wrong(file, `and ${direct.where} exclude each other`);
    if (direct !== undefined) {
      const value = this.text(name) ?? '';
      return async () => value;
    }
    const path = this.text(fileName) ?? defaultFile;
    if (path === undefined) return undefined;
    const where = file?.where ?? `the default of vault.auth.${fileName}`;
    return () => readSecretFile(path, where);
  }

  #field(name: string): Field | undefined {
    const option = this.#options[name];
    if (option !== undefined) return { value: option, where: `vault.auth.${name}`, isOption: true };
    const variable = variableOf(name);
    const value = this.#env[variable]?.trim() ?? '';
    return value === '' ? undefined : { value, where: variable, isOption: false };
  }
}

/** A hash of what the sources hold now. One that fails counts as what it fails with. */
export async function hashOf(...sources: readonly (SecretSource | undefined)[]): Promise<string> {
  const held = sources.map(async (source) => source?.().catch((error: unknown) => String(error)));
  return createHash('sha256')
    .update(JSON.stringify(await Promise.all(held)))
    .digest('base64');
}

/** The path of a mount, each segment encoded. @throws TypeError, PinProviderError */
export function mountPath(fields: AuthFields, method: string): string {
  const mount = (fields.text('mount') ?? method).replace(/^\/|\/$/gu, '').replace(/^auth\//u, '');
  return mount
    .split('/')
    .map((segment) => encodedSegment(segment, 'vault.auth.mount'))
    .join('/');
}

/**
 * One segment of a path: what looks like a way out of it would reach another part of the API, also where the server decodes
 * it first. @throws TypeError
 */
export function encodedSegment(segment: string, option: string): string {
  if (/(?:^|\/)\.{0,2}(?:\/|$)/u.test(segment) || /[\p{Cc}\p{Cf}\p{Cs}\\?#%]/u.test(segment))
    throw invalidOption(option, 'is empty, or holds what a path cannot have');
  return encodeURIComponent(segment);
}

function wrong({ where, isOption }: Field, problem: string): Error {
  return isOption ? invalidOption(where, problem) : misconfigured(`${where} ${problem}`);
}

/** `secretIdFile` → `PINVAULT_VAULT_AUTH_SECRET_ID_FILE`. */
function variableOf(option: string): string {
  return prefix + option.replaceAll(/[A-Z]/gu, (letter) => `_${letter}`).toUpperCase();
}

async function readSecretFile(path: string, where: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw misconfigured(`the file that ${where} names cannot be read: ${code}`);
  }
  const secret = text.trim();
  if (secret !== '' && /^[^\p{Cc}\p{Cs}]+$/u.test(secret)) return secret;
  throw misconfigured(`the file that ${where} names is empty, or holds more than one line`);
}
