import { PinProviderError } from '@pinvault/core';
import { parseResponse, type VaultAnswer } from './answer.js';
import type { Credential } from './auth/credential.js';
import { loginFailure } from './auth/login-answer.js';
import type { VaultSettings } from './options.js';
import type { VaultTransport } from './transport.js';

/** What this package uses of node-vault; its own types say `any` and need those of a client that is not used here. */
interface NodeVaultClient {
  token: string;
  namespace: string;
  pathPrefix: string;
  read(path: string, options: SeamOptions): Promise<unknown>;
  write(path: string, body: object, options: SeamOptions): Promise<unknown>;
}

/** What goes into `read` and `write` comes out at the seam, with the address put together. */
interface SeamOptions {
  readonly headers: Record<string, string>;
  readonly secrets: readonly string[];
  readonly signal: AbortSignal;
  /** node-vault's errors keep less than the answer has: no header, so no Retry-After. */
  readonly onAnswer: (answer: VaultAnswer) => void;
}

interface SeamRequest extends SeamOptions {
  readonly method: 'GET' | 'POST';
  readonly uri: string;
  readonly json?: object;
}

type Seam = (request: SeamRequest) => Promise<{
  readonly statusCode: number;
  readonly body: unknown;
  readonly request: { readonly path: string };
}>;

/** A client of the vault, over a transport of our own. */
export class VaultClient {
  readonly #client: NodeVaultClient;

  private constructor(client: NodeVaultClient) {
    this.#client = client;
  }

  /** @throws PinProviderError (`ERR_PROVIDER_SDK_MISSING`) */
  static async create(
    { address, namespace }: VaultSettings,
    transport: VaultTransport,
  ): Promise<VaultClient> {
    let nodeVault: (options: object) => unknown;
    try {
      ({ default: nodeVault } = await import('node-vault'));
    } catch (error) {
      throw new PinProviderError(
        'ERR_PROVIDER_SDK_MISSING',
        'the package node-vault cannot be loaded: npm install node-vault',
        { provider: 'vault', cause: error },
      );
    }
    const seam: Seam = async ({ method, uri, headers, secrets, json, signal, onAnswer }) => {
      const url = new URL(uri);
      const response = await transport.request({ method, url, headers, secrets, body: json }, signal);
      const answer = parseResponse(response);
      onAnswer(answer);
      if (response.isLoginRefused) throw loginFailure(answer, 'the inline log-in', secrets);
      return { statusCode: answer.statusCode, body: answer.body, request: { path: url.pathname } };
    };
    const client = nodeVault({
      endpoint: address.href.replace(/\/+$/u, ''),
      'request-promise': { defaults: () => seam },
      // Its own debug output prints payloads.
      debug: () => undefined,
    }) as NodeVaultClient;
    // It takes what it was not given from the environment. The token is passed with each call: once set, it sticks.
    Object.assign(client, { token: '', namespace, pathPrefix: '' });
    return new VaultClient(client);
  }

  /** What the vault answers, whatever its status. @throws PinError where there is no answer */
  async read(path: string, credential: Credential, signal: AbortSignal): Promise<VaultAnswer> {
    return this.#ask(credential, signal, (options) => this.#client.read(path, options));
  }

  /** The same, with a body that is sent as JSON. @throws PinError where there is no answer */
  async write(path: string, body: object, credential: Credential, signal: AbortSignal): Promise<VaultAnswer> {
    return this.#ask(credential, signal, (options) => this.#client.write(path, body, options));
  }

  async #ask(
    { headers, secrets }: Credential,
    signal: AbortSignal,
    send: (options: SeamOptions) => Promise<unknown>,
  ): Promise<VaultAnswer> {
    let answer: VaultAnswer | undefined;
    const onAnswer = (received: VaultAnswer): void => {
      answer = received;
    };
    try {
      await send({ headers: { ...headers }, secrets, signal, onAnswer });
    } catch (error) {
      // Every status but 200 and 204 is an error there; here it is an answer.
      if (answer === undefined || error instanceof PinProviderError) throw error;
    }
    if (answer === undefined)
      throw new PinProviderError('ERR_PROVIDER_UNAVAILABLE', 'the vault did not answer', {
        provider: 'vault',
      });
    return answer;
  }
}
