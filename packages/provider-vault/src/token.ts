import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { invalidOption, PinProviderError } from '@pinvault/core';
import { type Environment, misconfigured, readVariable } from './environment.js';

/** A token, or a function that hands over the present one. */
export type TokenOption = string | (() => string | Promise<string>);

/** Hands over the token that is good now. @throws PinProviderError */
export type TokenSource = () => Promise<string>;

/** Where the token comes from. */
export interface TokenOrigin {
  readonly source: TokenSource;
  /** One that stays the same: given as a text, in code or in `VAULT_TOKEN`. */
  readonly fixed: string | undefined;
}

/** @throws TypeError, PinProviderError */
export function readToken(option: TokenOption | undefined, env: Environment): TokenOrigin {
  const source = tokenSource(option, env);
  const fixed = option ?? readVariable(env, 'TOKEN')?.value;
  return { source, fixed: typeof fixed === 'string' ? fixed : undefined };
}

/** In the order of the command lines: given in code, `VAULT_TOKEN`, the token file. */
export function tokenSource(option: TokenOption | undefined, env: Environment): TokenSource {
  if (typeof option === 'function')
    return async () => checkedToken('what the function in vault.token returns', await askFor(option));
  if (option !== undefined) {
    if (typeof option !== 'string' || !isToken(option))
      throw invalidOption('vault.token', 'is empty or holds characters that no token has');
    return async () => option;
  }
  const variable = readVariable(env, 'TOKEN');
  if (variable !== undefined) {
    const token = checkedToken(variable.name, variable.value);
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
  return checkedToken(named?.name ?? '~/.vault-token', text.trim());
}

/** @throws PinProviderError (`ERR_PROVIDER_MISCONFIGURED`) */
export function checkedToken(where: string, token: unknown): string {
  if (typeof token === 'string' && isToken(token)) return token;
  throw misconfigured(`${where} is no token: it is empty or has characters that no token has`);
}

/** Whether a text can be a token: printable, and without blanks. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]+$/u.test(text);
}
