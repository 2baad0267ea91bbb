import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chainPem, type TestCertificate } from '#src/index.js';

/** Whether this machine has an OpenSSL to ask; without one the tests that do are pending. */
export const hasOpenssl: boolean = spawnSync('openssl', ['version']).status === 0;

/** What a person gets who follows the usual recipe for a pin. */
export function opensslPin(certificate: TestCertificate): string {
  const publicKey = execFileSync('openssl', ['x509', '-pubkey', '-noout'], { input: certificate.pem });
  const spki = execFileSync('openssl', ['pkey', '-pubin', '-outform', 'der'], { input: publicKey });
  const digest = execFileSync('openssl', ['dgst', '-sha256', '-binary'], { input: spki });
  return `sha256/${digest.toString('base64')}`;
}

/** The text that `openssl x509 -text` prints. */
export function opensslText(certificate: TestCertificate): string {
  return execFileSync('openssl', ['x509', '-noout', '-text'], { input: certificate.pem }).toString();
}

/** What `openssl verify` says of a chain, leaf first, under one trusted root. */
export function opensslVerify(
  root: TestCertificate,
  chain: readonly TestCertificate[],
  ...more: readonly string[]
): { readonly accepted: boolean; readonly output: string } {
  const folder = mkdtempSync(join(tmpdir(), 'pinvault-pki-'));
  try {
    const [trusted, untrusted, leaf] = ['root.pem', 'untrusted.pem', 'leaf.pem'].map((name) =>
      join(folder, name),
    );
    writeFileSync(String(trusted), root.pem);
    writeFileSync(String(untrusted), chainPem(...chain));
    writeFileSync(String(leaf), chain[0]?.pem ?? '');
    const files = ['-CAfile', String(trusted), '-untrusted', String(untrusted), String(leaf)];
    const result = spawnSync('openssl', ['verify', '-x509_strict', ...more, ...files]);
    return { accepted: result.status === 0, output: result.stdout.toString() + result.stderr.toString() };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
