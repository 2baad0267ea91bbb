import { createSign, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { listen, stopListening } from './listening.js';

/** Claims of a token; each may be set, or taken out with `undefined`. */
export type TokenClaims = Readonly<Record<string, unknown>>;

const tenant = 'tenant';
const keyId = 'pinvault-test-key';

/**
 * A small issuer of tokens for the emulator of Azure Key Vault: signs them (RS256), publishes the key as a JWKS, and
 * answers as the managed identity of App Service does, so that `DefaultAzureCredential` itself can be walked.
 * **Security:** for tests only: who can reach it gets a token.
 */
export class TokenIssuer {
  readonly #server: Server;
  readonly #key: KeyObject;
  readonly #jwk: object;
  readonly #url: string;
  readonly #identityHeader: string;
  #claims: TokenClaims = {};
  #issued = 0;
  #isDown = false;

  private constructor(server: Server, port: number, identityHeader: string) {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.#server = server;
    this.#key = privateKey;
    this.#jwk = { ...publicKey.export({ format: 'jwk' }), kid: keyId, use: 'sig', alg: 'RS256' };
    this.#url = `http://127.0.0.1:${port}`;
    this.#identityHeader = identityHeader;
    server.on('request', (request, response) => this.#serve(request, response));
  }

  /** Starts an issuer. Exported as `startTokenIssuer`. */
  static async start(options: { readonly identityHeader?: string } = {}): Promise<TokenIssuer> {
    const server = createServer();
    const port = await listen(server, 0, '127.0.0.1');
    return new TokenIssuer(server, port, options.identityHeader ?? randomUUID());
  }

  /** What stands in `iss`, and what the emulator is told to trust. */
  get issuer(): string {
    return `${this.#url}/${tenant}/v2.0`;
  }

  /** Tokens that the managed identity has handed out. */
  get issued(): number {
    return this.#issued;
  }

  /** The variables by which `@azure/identity` finds the managed identity. */
  get environment(): { readonly IDENTITY_ENDPOINT: string; readonly IDENTITY_HEADER: string } {
    return { IDENTITY_ENDPOINT: `${this.#url}/msi/token`, IDENTITY_HEADER: this.#identityHeader };
  }

  /** Claims of the managed identity's next tokens, in place of the usual ones. */
  useClaims(claims: TokenClaims): void {
    this.#claims = claims;
  }

  /** From now on the managed identity answers with 500; the JWKS stays. */
  fail(isDown = true): void {
    this.#isDown = isDown;
  }

  /** A token for Azure Key Vault that is good for an hour, of the identity `reader`, unless `claims` say otherwise. */
  mint(claims: TokenClaims = {}): string {
    const now = Math.floor(Date.now() / 1_000);
    const usual = { iss: this.issuer, aud: 'https://vault.azure.net', oid: 'reader', tid: tenant };
    const payload = { ...usual, iat: now, nbf: now, exp: now + 3_600, jti: randomUUID(), ...claims };
    const text = `${encode({ alg: 'RS256', typ: 'JWT', kid: keyId })}.${encode(payload)}`;
    return `${text}.${createSign('RSA-SHA256').update(text).sign(this.#key, 'base64url')}`;
  }

  /** Drops every connection and stops listening. Idempotent. */
  async close(): Promise<void> {
    const stopped = stopListening(this.#server);
    this.#server.closeAllConnections();
    await stopped;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.#url);
    if (pathname === `/${tenant}/discovery/v2.0/keys`) return send(response, 200, { keys: [this.#jwk] });
    if (pathname !== '/msi/token') return send(response, 404, { error: 'not_found' });
    if (this.#isDown) return send(response, 500, { error: 'internal_error' });
    if (request.headers['x-identity-header'] !== this.#identityHeader)
      return send(response, 401, { error: 'unauthorized' });
    this.#issued += 1;
    const resource = searchParams.get('resource');
    const token = this.mint({ aud: resource, ...this.#claims });
    const { exp = Math.floor(Date.now() / 1_000) + 3_600 } = this.#claims;
    send(response, 200, {
      access_token: token,
      expires_on: String(exp),
      resource,
      token_type: 'Bearer',
      client_id: 'system',
    });
  }
}

/** Starts an issuer on the loopback interface. */
export async function startTokenIssuer(
  options: { readonly identityHeader?: string } = {},
): Promise<TokenIssuer> {
  return TokenIssuer.start(options);
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}
