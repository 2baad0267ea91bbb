import { PinProviderError } from '@pinvault/core';
import { member, type VaultAnswer } from '../answer.js';
import { foreignText } from '../foreign-text.js';
import type { Write } from './auth-method.js';
import { noCredential, tokenCredential } from './credential.js';
import type { SecretSource } from './fields.js';
import { loginFailure } from './login-answer.js';

/** Where a secret id may have been wrapped. */
export interface WrapOrigin {
  readonly mount: string;
  readonly roleName: string | undefined;
  readonly namespace: string;
}

/**
 * A secret id in a response-wrapping token, which can be used once. It is unwrapped at the first log-in and kept for the
 * later ones, until the file holds another one.
 *
 * **Security:** a token that was used before means that somebody else may hold the secret id, and one that was wrapped
 * elsewhere that somebody handed over another one; both are told as such, and never tried again.
 */
export class WrappedSecretId {
  readonly #source: SecretSource;
  readonly #origin: WrapOrigin;
  #used: { readonly wrapping: string; readonly outcome: string | PinProviderError } | undefined;

  constructor(source: SecretSource, origin: WrapOrigin) {
    this.#source = source;
    this.#origin = origin;
  }

  /** @throws PinProviderError: `ERR_PROVIDER_DENIED` with detail `wrap-spent` or `wrap-path`, or why the vault was not asked */
  async read(write: Write): Promise<string> {
    const wrapping = await this.#source();
    if (this.#used?.wrapping !== wrapping) {
      try {
        this.#used = { wrapping, outcome: await this.#unwrap(wrapping, write) };
      } catch (error) {
        if (!(error instanceof PinProviderError) || !isAlarm(error)) throw error;
        this.#used = { wrapping, outcome: error };
      }
    }
    const { outcome } = this.#used;
    if (typeof outcome === 'string') return outcome;
    throw outcome;
  }

  async #unwrap(wrapping: string, write: Write): Promise<string> {
    const masked = { ...noCredential, secrets: [wrapping] };
    const looked = await write('sys/wrapping/lookup', { token: wrapping }, masked);
    refuseFailure(looked, wrapping);
    const creationPath = member(looked.body, 'data', 'creation_path');
    if (!this.#isOurs(creationPath)) {
      const path = foreignText(String(creationPath), wrapping, 200);
      throw alarm(
        'wrap-path',
        `the secret id was wrapped at "${path}", not at "${this.#expected()}": somebody may have replaced it, and it was not unwrapped`,
      );
    }
    const unwrapped = await write('sys/wrapping/unwrap', {}, tokenCredential(wrapping));
    refuseFailure(unwrapped, wrapping);
    const secretId = member(unwrapped.body, 'data', 'secret_id');
    if (typeof secretId === 'string' && secretId !== '') return secretId;
    throw alarm('wrap-path', 'what was unwrapped holds no secret id');
  }

  #expected(): string {
    return `auth/${this.#origin.mount}/role/${this.#origin.roleName ?? '<role>'}/secret-id`;
  }

  #isOurs(creationPath: unknown): boolean {
    if (typeof creationPath !== 'string') return false;
    const { mount, roleName, namespace } = this.#origin;
    const within = namespace.replace(/\/+$/u, '');
    const path =
      within !== '' && creationPath.startsWith(`${within}/`)
        ? creationPath.slice(within.length + 1)
        : creationPath;
    const start = `auth/${mount}/role/`;
    const ending = ['/secret-id', '/custom-secret-id'].find((each) => path.endsWith(each));
    if (!path.startsWith(start) || ending === undefined) return false;
    const role = path.slice(start.length, -ending.length);
    return roleName === undefined ? /^[^/]+$/u.test(role) : role === roleName;
  }
}

/** What the vault answers for a token that is spent, has expired, or never was. */
function refuseFailure(answer: VaultAnswer, wrapping: string): void {
  if (answer.statusCode === 200) return;
  const isRefused = answer.statusCode === 400 || answer.statusCode === 403;
  if (!isRefused || answer.body === undefined) throw loginFailure(answer, 'the unwrapping', [wrapping]);
  throw alarm(
    'wrap-spent',
    'the wrapping token of the secret id is spent: somebody else may have unwrapped it (or it has expired). Find out who before you hand out another one',
  );
}

function alarm(detail: 'wrap-path' | 'wrap-spent', problem: string): PinProviderError {
  return new PinProviderError('ERR_PROVIDER_DENIED', problem, { provider: 'vault', detail });
}

function isAlarm({ detail }: PinProviderError): boolean {
  return detail === 'wrap-path' || detail === 'wrap-spent';
}
