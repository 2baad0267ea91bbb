import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { ServerProcess } from '../processes/server-process.js';
import type { TokenIssuer } from './token-issuer.js';

const program = 'azure-keyvault-emulator';

/**
 * Where the emulator of Azure Key Vault lies: in `PINVAULT_AZURE_EMULATOR`, else on `PATH`; or why it is not to be had.
 */
export function findAzureKeyVault(
  env: Readonly<Record<string, string | undefined>> = process.env,
): { readonly path: string } | { readonly reason: string } {
  const given = env['PINVAULT_AZURE_EMULATOR'] ?? '';
  if (given !== '') return existsSync(given) ? { path: given } : { reason: `there is no ${given}` };
  const path = (env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((each) => existsSync(each));
  return path === undefined
    ? { reason: `${program} is not on PATH, and PINVAULT_AZURE_EMULATOR is not set` }
    : { path };
}

/** Attributes of a version, as the service takes them; times are epoch seconds there. */
export interface SecretAttributes {
  readonly enabled?: boolean;
  readonly notBefore?: Date;
  readonly expiresOn?: Date;
  readonly contentType?: string;
}

/** How {@link startAzureKeyVault} is set up. */
export interface AzureKeyVaultOptions {
  /** Whose tokens are accepted. */
  readonly issuer: TokenIssuer;
  /** The program. @defaultValue what {@link findAzureKeyVault} finds */
  readonly path?: string;
}

/**
 * The emulator of Azure Key Vault (github.com/calvinchengx/azure-keyvault-emulator, 0.7.0) as a child process, with
 * what an operator does to it. It checks tokens for real: signature, issuer, audience, expiry.
 */
export class AzureKeyVault {
  readonly #path: string;
  readonly #folder: string;
  readonly #issuer: TokenIssuer;
  #process: ServerProcess | undefined;
  #port = 0;
  #ca = '';

  private constructor(path: string, folder: string, issuer: TokenIssuer) {
    this.#path = path;
    this.#folder = folder;
    this.#issuer = issuer;
  }

  /** Starts an emulator on a free port. Exported as `startAzureKeyVault`. @throws Error where there is no program */
  static async start(options: AzureKeyVaultOptions): Promise<AzureKeyVault> {
    const found = options.path === undefined ? findAzureKeyVault() : { path: options.path };
    if ('reason' in found) throw new Error(found.reason);
    const folder = await mkdtemp(join(tmpdir(), 'pinvault-azure-'));
    const vault = new AzureKeyVault(found.path, folder, options.issuer);
    try {
      await vault.restart();
      return vault;
    } catch (error) {
      await vault.stop();
      throw error;
    }
  }

  /** `https://localhost:<port>`. */
  get url(): string {
    return `https://localhost:${this.#port}`;
  }

  /** The CA to trust (PEM). */
  get ca(): string {
    return this.#ca;
  }

  /** What the emulator has printed in its present life. */
  get log(): string {
    return this.#process?.log ?? '';
  }

  /** Starts the emulator again, on the same port and with the same secrets. */
  async restart(): Promise<void> {
    await this.kill();
    this.#process = new ServerProcess(this.#path, [
      ...['-addr', `127.0.0.1:${this.#port}`],
      ...['-data-dir', this.#folder],
      ...['-entra-issuer', this.#issuer.issuer],
    ]);
    const [, port] = await this.#process.printed(/listening on https:\/\/127\.0\.0\.1:(\d+)/u);
    this.#port = Number(port);
    this.#ca = await readFile(join(this.#folder, 'tls', 'cert.pem'), 'utf8');
  }

  /** Ends the emulator as a crash would. Its secrets stay, for `restart`. */
  async kill(): Promise<void> {
    await this.#process?.kill();
    this.#process = undefined;
  }

  /** Ends the emulator for good and removes its data. Idempotent. */
  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Writes a new version of a secret. Returns its id. */
  async set(name: string, value: string, attributes: SecretAttributes = {}): Promise<string> {
    const { contentType } = attributes;
    const body = { value, contentType, attributes: wireAttributes(attributes) };
    return versionOf(await this.#call('PUT', `/secrets/${name}`, body));
  }

  /** Changes the attributes of a version. */
  async update(name: string, version: string, attributes: SecretAttributes): Promise<void> {
    const { contentType } = attributes;
    await this.#call('PATCH', `/secrets/${name}/${version}`, {
      contentType,
      attributes: wireAttributes(attributes),
    });
  }

  /** Deletes a secret softly, all its versions. */
  async remove(name: string): Promise<void> {
    await this.#call('DELETE', `/secrets/${name}`);
  }

  /** Takes `remove` back. */
  async recover(name: string): Promise<void> {
    await this.#call('POST', `/deletedsecrets/${name}/recover`);
  }

  /** From now on an identity may do this and nothing else, as `secrets/get`; `{}` allows everybody everything. */
  async permit(permissions: Readonly<Record<string, readonly string[]>>): Promise<void> {
    await this.#call('POST', '/_emulator/permissions', permissions);
  }

  /** The next requests are answered with 429 and a Retry-After of one second. */
  async throttle(count: number): Promise<void> {
    await this.#call('POST', '/_emulator/faults', { throttleNextRequests: count });
  }

  /** The next requests are answered with 500. */
  async fail(count: number): Promise<void> {
    await this.#call('POST', '/_emulator/faults', { rejectNextRequests: count });
  }

  /** No client library between a test and what the emulator really answers. */
  async #call(method: string, path: string, body?: object): Promise<unknown> {
    const isControl = path.startsWith('/_emulator/');
    const token = this.#issuer.mint({ oid: 'operator' });
    const text = await new Promise<string>((resolve, reject) => {
      const request = httpsRequest(
        new URL(isControl ? path : `${path}?api-version=7.5`, this.url),
        {
          method,
          ca: this.#ca,
          agent: false,
          headers: {
            'content-type': 'application/json',
            ...(isControl ? {} : { authorization: `Bearer ${token}` }),
          },
        },
        (response) => {
          let received = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
          response.once('error', reject);
          response.once('end', () => {
            if ((response.statusCode ?? 0) < 300) resolve(received);
            else reject(new Error(`${method} ${path}: ${response.statusCode} ${received}\n${this.log}`));
          });
        },
      );
      request.once('error', reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
    return text === '' ? undefined : JSON.parse(text);
  }
}

/** Starts an emulator of Azure Key Vault on the loopback interface. */
export async function startAzureKeyVault(options: AzureKeyVaultOptions): Promise<AzureKeyVault> {
  return AzureKeyVault.start(options);
}

function wireAttributes({ enabled, notBefore, expiresOn }: SecretAttributes): object {
  const seconds = (date: Date | undefined): number | undefined =>
    date === undefined ? undefined : Math.floor(date.getTime() / 1_000);
  return { enabled, nbf: seconds(notBefore), exp: seconds(expiresOn) };
}

function versionOf(bundle: unknown): string {
  const { id } = bundle as { readonly id?: unknown };
  const [, version] = /\/secrets\/[^/]+\/([0-9a-f]+)$/u.exec(String(id)) ?? [];
  if (version === undefined)
    throw new Error(`the emulator answered without an id: ${JSON.stringify(bundle)}`);
  return version;
}
