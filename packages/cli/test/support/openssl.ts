import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Suite } from 'mocha';

const isAvailable = spawnSync('openssl', ['version']).status === 0;

/**
 * A describe whose tests ask OpenSSL. Without it they are pending, and the title says why; where
 * PINVAULT_REQUIRE_REAL=1 promises one, its absence is a failure.
 */
export function describeWithOpenssl(title: string, define: (this: Suite) => void): void {
  if (isAvailable) {
    describe(title, define);
  } else if (process.env['PINVAULT_REQUIRE_REAL'] === '1') {
    describe(title, () => {
      it('has an openssl to run', () => {
        throw new Error('openssl is not on the PATH');
      });
    });
  } else {
    describe.skip(`${title} (skipped: openssl is not on the PATH)`, define);
  }
}

// What users paste is what runs here.
const readme = readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8');
const [fromHost = '', fromCertificate = '', fromPrivateKey = ''] =
  /^```sh\n(openssl s_client[^`]*)```$/mu.exec(readme)?.[1]?.split('\n\n') ?? [];

export async function pinOfCertificateFile(path: string): Promise<string> {
  return shell(fromCertificate, { 'server.pem': path });
}

export async function pinOfPrivateKeyFile(path: string): Promise<string> {
  return shell(fromPrivateKey, { 'next-key.pem': path });
}

/** @param rootPath - trusted instead of the system's, by SSL_CERT_FILE; the pipeline stays as it is */
export async function pinOfServer(name: string, port: number, rootPath: string): Promise<string> {
  const words = { 'api.example.com:443': `127.0.0.1:${String(port)}`, 'api.example.com': name };
  return shell(fromHost, words, { SSL_CERT_FILE: rootPath });
}

// Not the synchronous one: the server that is asked lives in this process.
const execute = promisify(execFile);

async function shell(
  pipeline: string,
  words: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const script = Object.entries(words).reduce(
    (text, [word, value]) => text.replaceAll(word, value),
    pipeline,
  );
  const { stdout } = await execute('sh', ['-c', script], { env: { ...process.env, ...env }, timeout: 8_000 });
  return `sha256/${stdout.trim()}`;
}
