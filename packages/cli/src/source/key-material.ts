import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { CommandError } from '../command-error.js';
import { printable } from '../text.js';

/** What a file held. A private key is dropped as soon as its public half is known. */
export type KeyMaterial =
  | { readonly kind: 'certificate'; readonly der: Buffer }
  | { readonly kind: 'public key' | 'private key'; readonly publicKey: KeyObject };

const readable = 'PEM or DER of certificates, a public key or a private key';

/**
 * Reads all certificates and keys of a file, PEM or DER, in the order of the file.
 *
 * @param name - what errors call the file, safe to print
 * @throws CommandError
 */
export function readKeyMaterial(bytes: Buffer, name: string): readonly KeyMaterial[] {
  const text = bytes.toString('latin1');
  const items = text.includes('-----BEGIN ') ? fromPem(text, name) : [fromDer(bytes, name)];
  if (items.length === 0) throw new CommandError(`${name} holds no certificate and no key`);
  return items;
}

function fromPem(text: string, name: string): KeyMaterial[] {
  const items: KeyMaterial[] = [];
  for (const { label, block } of pemBlocks(text, name)) {
    // `openssl ecparam -genkey` writes them before the key, which repeats them.
    if (label === 'EC PARAMETERS') continue;
    items.push(fromBlock(label, block, name));
  }
  return items;
}

function* pemBlocks(text: string, name: string): Generator<{ label: string; block: string }> {
  const opening = /-----BEGIN ([A-Z0-9 ]{1,40})-----/gu;
  for (let match = opening.exec(text); match !== null; match = opening.exec(text)) {
    const label = match[1] ?? '';
    const closing = `-----END ${label}-----`;
    const end = text.indexOf(closing, opening.lastIndex);
    if (end === -1) throw new CommandError(`${name} is cut off: the line ${closing} is missing`);
    opening.lastIndex = end + closing.length;
    yield { label, block: `${text.slice(match.index, opening.lastIndex)}\n` };
  }
}

function fromBlock(label: string, block: string, name: string): KeyMaterial {
  switch (label) {
    case 'CERTIFICATE':
    case 'X509 CERTIFICATE':
      return attempt(label, name, () => ({ kind: 'certificate', der: new X509Certificate(block).raw }));
    case 'PUBLIC KEY':
    case 'RSA PUBLIC KEY':
      return attempt(label, name, () => ({ kind: 'public key', publicKey: createPublicKey(block) }));
    case 'PRIVATE KEY':
    case 'RSA PRIVATE KEY':
    case 'EC PRIVATE KEY':
      if (/^Proc-Type:.*ENCRYPTED/mu.test(block)) throw encrypted(name);
      return attempt(label, name, () => privateKey(createPrivateKey(block)));
    case 'ENCRYPTED PRIVATE KEY':
      throw encrypted(name);
    case 'CERTIFICATE REQUEST':
    case 'NEW CERTIFICATE REQUEST':
      throw new CommandError(`${name} is a certificate request (CSR), which is not supported`, {
        hint: 'take the key or the certificate; or: openssl req -in <file> -pubkey -noout > public-key.pem',
      });
    default:
      throw new CommandError(`${name} holds a "${label}", which is not supported`, {
        hint: `readable: ${readable}`,
      });
  }
}

function attempt(label: string, name: string, read: () => KeyMaterial): KeyMaterial {
  try {
    return read();
  } catch (error) {
    throw new CommandError(`${name}: a block "${label}" cannot be read (${reasonOf(error)})`, {
      cause: error,
    });
  }
}

function privateKey(key: KeyObject): KeyMaterial {
  return { kind: 'private key', publicKey: createPublicKey(key) };
}

function fromDer(bytes: Buffer, name: string): KeyMaterial {
  if (bytes.length === 0) throw new CommandError(`${name} is empty`);
  const readers: readonly (() => KeyMaterial)[] = [
    () => ({ kind: 'certificate', der: new X509Certificate(bytes).raw }),
    () => ({ kind: 'public key', publicKey: createPublicKey({ key: bytes, format: 'der', type: 'spki' }) }),
    () => ({ kind: 'public key', publicKey: createPublicKey({ key: bytes, format: 'der', type: 'pkcs1' }) }),
    () => privateKey(createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' })),
    () => privateKey(createPrivateKey({ key: bytes, format: 'der', type: 'pkcs1' })),
    () => privateKey(createPrivateKey({ key: bytes, format: 'der', type: 'sec1' })),
  ];
  // The first byte of all of them: without it, PEM text pasted badly and the like need not be tried.
  for (const read of bytes[0] === 0x30 ? readers : []) {
    try {
      return read();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_MISSING_PASSPHRASE') throw encrypted(name);
    }
  }
  throw new CommandError(`${name} holds no certificate and no key`, { hint: `readable: ${readable}` });
}

function encrypted(name: string): CommandError {
  return new CommandError(`${name} is an encrypted private key`, {
    hint: 'the public half will do: openssl pkey -in <file> -pubout -out public-key.pem',
  });
}

function reasonOf(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error), 120);
}
