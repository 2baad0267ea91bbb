import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { invalidOption, PinProviderError } from '@pinvault/core';
import { type Environment, misconfigured, readVariable } from './environment.js';

/** A token, or a function that hands over the present one. */
export type TokenOption = string | (() => string | Promise<string>);

/** Hands over the token that is good now. @throws PinProviderError */
export type TokenSource = () => Promise<string>;

/** In the order of the command lines: given in code, `VAULT_TOKEN`, the token file. */
export function tokenSource(option: TokenOption | undefined, env: Environment): TokenSource {
  if (typeof option === 'function')
    return async () => checked('what the function in vault.token returns', await askFor(option));
  if (option !== undefined) {
    if (typeof option !== 'string' || !isToken(option))
      throw invalidOption('vault.token', 'is empty or holds characters that no token has');
    return async () => option;
  }
  const variable = readVariable(env, 'TOKEN');
  if (variable !== undefined) {
    const token = checked(variable.name, variable.value);
    return async () => token;
  }
  return () => readTokenFile(env);
}

async function askFor(option: () => string | Promise<string>): Promise<unknown> {
  try {
    return await option();
  } catch {
    // Its error is not attached: it may hold what the token was fetched with.
    throw new PinProviderError('ERR_PROVIDER_UNAVAILABLE', 'the function in vault.token failed', {
      provider: 'vault',
      detail: 'token',
    });
  }
}

async function readTokenFile(env: Environment): Promise<string> {
  const named = readVariable(env, 'TOKEN_PATH');
  const home = env['HOME'] ?? '';
  const file = named?.value ?? join(home === '' ? homedir() : home, '.vault-token');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    if (named !== undefined) throw misconfigured(`the file that ${named.name} names cannot be read: ${code}`);
    throw misconfigured(
      'no vault token: set VAULT_TOKEN, pass vault: { token }, or log in so that there is a ~/.vault-token',
    );
  }
  return checked(named?.name ?? '~/.vault-token', text.trim());
}

function checked(where: string, token: unknown): string {
  if (typeof token === 'string' && isToken(token)) return token;
  throw misconfigured(`${where} is no token: it is empty or has characters that no token has`);
}

function isToken(text: string): boolean {
  return /^[\x21-\x7e]+$/u.test(text);
}
