import type { IncomingHttpHeaders } from 'node:http';
import {
  createRootCa,
  startTlsServer,
  type TestCertificate,
  type TestTlsServer,
  type TlsServerOptions,
} from '@pinvault/testing';
import type { AzureProviderOptions } from '#src/index.js';
import { credentialOf } from './provider.js';

/** An answer of Azure Key Vault, byte for byte. */
export interface WireAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** A request as it came in. */
export interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** The token that the options of {@link WireVault} show. */
export const canary = 'eyJ0eXAi.CANARY-4711-abcdefghijklmnop.c2lnbmF0dXJl';

// https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret, sample answer
const goodAnswer: WireAnswer = {
  status: 200,
  body: {
    value: '{"api.example.com":"none"}',
    id: 'https://emulator.vault.azure.net/secrets/tls-pins/4387e9f3d6e14c459867679a90fd0f79',
    attributes: {
      enabled: true,
      created: 1_493_938_410,
      updated: 1_493_938_410,
      recoveryLevel: 'Recoverable+Purgeable',
    },
  },
};

/**
 * A stand-in on the wire for what the emulator cannot be made to answer. A request without a token meets the challenge
 * of the real service, one with a token what `answerWith` says.
 */
export class WireVault {
  readonly server: TestTlsServer;
  readonly root: TestCertificate;
  readonly leaf: TestCertificate;
  readonly seen: Seen[];
  readonly #state: { answer: WireAnswer; challenge: string };

  private constructor(
    server: TestTlsServer,
    certificates: { readonly root: TestCertificate; readonly leaf: TestCertificate },
    seen: Seen[],
    state: { answer: WireAnswer; challenge: string },
  ) {
    this.server = server;
    this.root = certificates.root;
    this.leaf = certificates.leaf;
    this.seen = seen;
    this.#state = state;
  }

  static async start(options: Partial<TlsServerOptions> = {}): Promise<WireVault> {
    const root = await createRootCa({ subject: 'Trusted CA' });
    const leaf = await root.issue({ hosts: ['127.0.0.1', 'localhost'] });
    const seen: Seen[] = [];
    const state = { answer: goodAnswer, challenge: 'https://vault.azure.net' };
    const server = await startTlsServer({
      chain: [leaf],
      respond: ({ method, url, headers }, response) => {
        seen.push({ method, url, headers });
        const {
          status,
          headers: extra = {},
          body,
        } = headers.authorization === undefined ? challengeOf(state.challenge) : state.answer;
        response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...extra });
        response.end(typeof body === 'string' ? body : JSON.stringify(body));
      },
      ...options,
    });
    return new WireVault(server, { root, leaf }, seen, state);
  }

  /** From now on this is the answer to every request with a token; without one, the answer of the beginning. */
  answerWith(answer: WireAnswer = goodAnswer): void {
    this.#state.answer = answer;
  }

  /** From now on the challenge asks for a token for this resource. */
  challengeFor(resource: string): void {
    this.#state.challenge = resource;
  }

  /** Options of a provider that trusts this vault and shows the canary. */
  options(options: Partial<AzureProviderOptions> = {}): AzureProviderOptions {
    return {
      vaultUrl: this.server.origin,
      secretName: 'tls-pins',
      credential: credentialOf(() => canary),
      clientOptions: { tlsOptions: { ca: this.root.pem } },
      env: {},
      ...options,
    };
  }

  async close(): Promise<void> {
    await this.server.close();
  }
}

// As the real service words it, tenant and all.
function challengeOf(resource: string): WireAnswer {
  return {
    status: 401,
    headers: {
      'www-authenticate': `Bearer authorization="https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47", resource="${resource}"`,
    },
    body: {
      error: { code: 'Unauthorized', message: 'AKV10000: Request is missing a Bearer or PoP token.' },
    },
  };
}

/** A body of an error as the service sends it. */
export function errorBody(code: string, inner?: string, message = 'words of the service'): unknown {
  return { error: { code, message, ...(inner === undefined ? {} : { innererror: { code: inner } }) } };
}
