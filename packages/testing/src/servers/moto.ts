import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { ServerProcess } from '../processes/server-process.js';

/** How {@link startMoto} is set up. */
export interface MotoOptions {
  /** The folder of Python packages that holds moto, as `node tools/moto.mjs` prints it. */
  readonly packages: string;
  /** @defaultValue `'eu-central-1'` */
  readonly region?: string;
}

/** An answer of the API: status and decoded JSON. */
export interface AwsAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const startLimitMs = 30_000;

/**
 * moto, a server with the API of AWS, in a process of its own on a free port of the loopback interface. State lives in
 * memory; it takes any credentials.
 */
export class Moto {
  readonly region: string;
  readonly #process: ServerProcess;
  #port = 0;

  private constructor({ packages, region = 'eu-central-1' }: MotoOptions) {
    this.region = region;
    // Nothing else of ours: an AWS_* variable or a proxy would change what it does.
    const env = { PYTHONPATH: packages, PYTHONUNBUFFERED: '1', PYTHONDONTWRITEBYTECODE: '1' };
    const path = { PATH: process.env['PATH'] ?? '' };
    this.#process = new ServerProcess('python3', ['-m', 'moto.server', '-H', '127.0.0.1', '-p', '0'], {
      ...path,
      ...env,
    });
  }

  /** Starts a server. Exported as `startMoto`. @throws Error with all that it printed, where it does not start */
  static async start(options: MotoOptions): Promise<Moto> {
    const moto = new Moto(options);
    try {
      const [, port] = await moto.#process.printed(/Running on http:\/\/127\.0\.0\.1:(\d+)/u, startLimitMs);
      moto.#port = Number(port);
      return moto;
    } catch (error) {
      await moto.stop();
      throw error;
    }
  }

  /** `http://127.0.0.1:<port>`, as `AWS_ENDPOINT_URL` wants it. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Everything that it has printed so far. */
  log(): string {
    return this.#process.log;
  }

  /** Writes the secret as an operator does, creates it, or takes its deletion back. Resolves with the `VersionId`. */
  async write(name: string, content: string | Uint8Array): Promise<string> {
    const value =
      typeof content === 'string'
        ? { SecretString: content }
        : { SecretBinary: Buffer.from(content).toString('base64') };
    const created = await this.call('CreateSecret', { Name: name, ...value });
    if (created.status === 200) return String(created.body['VersionId']);
    await this.call('RestoreSecret', { SecretId: name });
    const put = await this.call('PutSecretValue', { SecretId: name, ...value });
    if (put.status !== 200) throw new Error(`moto answered the write with ${JSON.stringify(put)}`);
    return String(put.body['VersionId']);
  }

  /** Schedules the secret for deletion, as the console does. */
  async remove(name: string): Promise<void> {
    const { status } = await this.call('DeleteSecret', { SecretId: name });
    if (status !== 200) throw new Error(`moto answered the deletion with ${String(status)}`);
  }

  /** One call of Secrets Manager, as the wire has it, with credentials that moto does not look at. */
  async call(operation: string, input: object): Promise<AwsAnswer> {
    const credential = `operator/20260101/${this.region}/secretsmanager/aws4_request`;
    const headers = {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `secretsmanager.${operation}`,
      authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=0`,
    };
    const body = JSON.stringify({ ClientRequestToken: randomUUID(), ...input });
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(10_000);
      const outgoing = request(this.url, { method: 'POST', headers, agent: false, signal });
      outgoing.once('error', reject);
      outgoing.once('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.once('error', reject);
        response.once('end', () =>
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as AwsAnswer['body'] }),
        );
      });
      outgoing.end(body);
    });
  }

  /** Ends it, with all its secrets, and waits until it has ended. Idempotent. */
  async stop(): Promise<void> {
    await this.#process.kill();
  }
}

/** Starts moto, and waits until it listens. */
export async function startMoto(options: MotoOptions): Promise<Moto> {
  return Moto.start(options);
}
