import type { Clock } from '@pinvault/core';
import { member, type Question, refusalOf, type VaultAnswer } from '../answer.js';
import { misconfigured } from '../environment.js';
import { foreignText } from '../foreign-text.js';
import type { SecretPath } from '../secret-path.js';
import { encodedPath, type KvMount } from './location.js';

/** Asks the vault for a path of its API. @throws PinError where there is no answer */
export type Ask = (path: string) => Promise<VaultAnswer>;

/** Who asks what, with which token. */
export interface Asking extends Pick<Question, 'address' | 'token'> {
  readonly ask: Ask;
}

// An answer that may have another reason makes us ask again only so often.
const askAgainAfterMs = 60_000;

/**
 * Finds out where a KV back end is mounted, and its version, as the official command line does: from
 * `sys/internal/ui/mounts/<path>`. Remembers it for all secrets of a provider, which share one mount.
 *
 * A vault that says nothing (a policy or a proxy denies that path) is taken to have a KV version 2 under the path's first
 * segment; one that does not know the question is so old that it has version 1 only.
 */
export class MountFinder {
  readonly #said: KvMount | undefined;
  readonly #clock: Clock;
  #found: { readonly mount: KvMount; readonly at: number; readonly isGuess: boolean } | undefined;

  constructor(secret: SecretPath, kvVersion: 1 | 2 | undefined, clock: Clock) {
    this.#said = kvVersion === undefined ? undefined : { path: secret.mount, version: kvVersion };
    this.#clock = clock;
  }

  /** @throws PinError */
  async find(secret: SecretPath, asking: Asking): Promise<KvMount> {
    return this.#said ?? this.#found?.mount ?? this.#findOut(secret, asking, 2);
  }

  /**
   * Another mount than the one that an answer has contradicted; `undefined` where that was right, was said, or was asked
   * for a moment ago. @throws PinError
   */
  async findOther(
    wrong: KvMount,
    contradiction: 'possible' | 'certain',
    secret: SecretPath,
    asking: Asking,
  ): Promise<KvMount | undefined> {
    if (this.#said !== undefined) return undefined;
    const ageMs = this.#clock.monotonic() - (this.#found?.at ?? -Infinity);
    if (contradiction === 'possible' && ageMs < askAgainAfterMs) return undefined;
    const other = await this.#findOut(secret, asking, contradiction === 'certain' ? 2 : wrong.version);
    return other.path === wrong.path && other.version === wrong.version ? undefined : other;
  }

  async #findOut(secret: SecretPath, asking: Asking, ifUnsaid: 1 | 2): Promise<KvMount> {
    const { address, token, ask } = asking;
    const answer = await ask(`sys/internal/ui/mounts/${encodedPath(secret.segments)}`);
    const question = { address, token, secret: { ...secret, policyPath: secret.text } };
    const told = mountIn(answer, secret, question);
    const mount = told ?? { path: secret.mount, version: ifUnsaid };
    this.#found = { mount, at: this.#clock.monotonic(), isGuess: told === undefined };
    return mount;
  }

  /** A read has failed: what the vault did not say, be it for want of a right or of a vault, is asked again. */
  doubt(): void {
    if (this.#found?.isGuess === true) this.#found = undefined;
  }
}

/** `undefined` where the answer does not tell. @throws PinProviderError */
function mountIn(answer: VaultAnswer, secret: SecretPath, question: Question): KvMount | undefined {
  const { statusCode, body } = answer;
  if (statusCode === 404)
    return Array.isArray(member(body, 'errors')) ? { path: secret.mount, version: 1 } : undefined;
  if (statusCode === 401 || statusCode === 403) return undefined;
  if (statusCode !== 200) throw refusalOf(answer, question);
  const path = member(body, 'data', 'path');
  const type = member(body, 'data', 'type');
  if (typeof path !== 'string' || typeof type !== 'string') return undefined;
  const text = path.replace(/\/+$/u, '');
  // A read there may do something: that of a database back end makes an account, each time.
  if (type !== 'kv' && type !== 'generic')
    throw misconfigured(
      `the mount "${foreignText(text, question.token, 200)}/" is no KV back end, but of the type ${foreignText(type, question.token, 60)}`,
    );
  if (secret.isMountSaid && text !== secret.mount)
    throw misconfigured(
      `vault.mount is "${secret.mount}", and the vault knows "${foreignText(text, question.token, 200)}/"; mind the namespace, too`,
    );
  return { path: text, version: member(body, 'data', 'options', 'version') === '2' ? 2 : 1 };
}
