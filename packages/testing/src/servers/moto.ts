import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';

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
const graceMs = 5_000;

/**
 * moto, a server with the API of AWS, in a process of its own on a free port of the loopback interface. State lives in
 * memory; it takes any credentials.
 */
export class Moto {
  readonly region: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  // For the last moment of our own process, when nothing can be awaited any more.
  readonly #abandon = (): void => void this.#child.kill('SIGKILL');
  #port = 0;
  #log = '';

  private constructor({ packages, region = 'eu-central-1' }: MotoOptions) {
    this.region = region;
    this.#child = spawn('python3', ['-m', 'moto.server', '-H', '127.0.0.1', '-p', '0'], {
      // Nothing of ours: an AWS_* variable or a proxy would change what it does.
      env: {
        PATH: process.env['PATH'],
        PYTHONPATH: packages,
        PYTHONUNBUFFERED: '1',
        PYTHONDONTWRITEBYTECODE: '1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const take = (chunk: string): void => void (this.#log += chunk);
    this.#child.stdout?.setEncoding('utf8').on('data', take);
    this.#child.stderr?.setEncoding('utf8').on('data', take);
    this.#ended = once(this.#child, 'close').catch((error: unknown) => take(String(error)));
    process.once('exit', this.#abandon);
  }

  /** Starts a server. Exported as `startMoto`. @throws Error with all that it printed, where it does not start */
  static async start(options: MotoOptions): Promise<Moto> {
    const moto = new Moto(options);
    try {
      await moto.#listening();
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

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Everything that it has printed so far. */
  log(): string {
    return this.#log;
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

  /** Ends it as a crash would, and waits until it has ended. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** Asks it to end, insists after five seconds, and waits until it has. Idempotent. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const insist = setTimeout(this.#abandon, graceMs);
    await this.#ended;
    clearTimeout(insist);
    process.off('exit', this.#abandon);
  }

  async #listening(): Promise<void> {
    const deadline = Date.now() + startLimitMs;
    for (;;) {
      const [, port] = /Running on http:\/\/127\.0\.0\.1:(\d+)/.exec(this.#log) ?? [];
      if (port !== undefined) {
        this.#port = Number(port);
        return;
      }
      if (this.#child.exitCode !== null || this.#child.pid === undefined || Date.now() > deadline)
        throw new Error(`moto did not start:\n${this.#log}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Starts moto, and waits until it listens. */
export async function startMoto(options: MotoOptions): Promise<Moto> {
  return Moto.start(options);
}
