import { createHash, createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

/**
 * Kinds of key a {@link TestKey} can have: P-256 (`ec`), P-384 (`ec384`), RSA with 2048 bits (`rsa`), the same with
 * the id-RSASSA-PSS key algorithm (`rsa-pss`), and `ed25519`.
 */
export type KeyType = 'ec' | 'ec384' | 'rsa' | 'rsa-pss' | 'ed25519';

const generate = promisify(generateKeyPair);

/**
 * A key pair for test certificates. Nothing is cached: RSA pairs take 50 to 500 ms each, so create one and pass it as
 * `key` where several certificates may share it.
 */
export class TestKey {
  /** What kind of key this is. */
  readonly type: KeyType;
  /** The private key as PKCS#8 PEM. Test material: it protects nothing. */
  readonly privateKeyPem: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
  /** `sha256/<base64>` of {@link TestKey.spki}. */
  readonly pin: string;

  private constructor(type: KeyType, privateKeyPem: string) {
    this.type = type;
    this.privateKeyPem = privateKeyPem;
    this.spki = createPublicKey(privateKeyPem).export({ type: 'spki', format: 'der' });
    this.pin = `sha256/${createHash('sha256').update(this.spki).digest('base64')}`;
  }

  /**
   * Generates a new pair.
   *
   * @defaultValue `type` is `'ec'`, P-256.
   */
  static async create(type: KeyType = 'ec'): Promise<TestKey> {
    const { privateKey } = await generatePair(type);
    return new TestKey(type, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  }

  /**
   * A pair that was made elsewhere, such as one that is too short on purpose.
   *
   * @param type - what it signs as
   */
  static fromPem(type: KeyType, privateKeyPem: string): TestKey {
    return new TestKey(type, privateKeyPem);
  }

  /** The private key as Node's own object, for signing something by hand. */
  get privateKey(): KeyObject {
    return createPrivateKey(this.privateKeyPem);
  }
}

async function generatePair(type: KeyType): Promise<{ privateKey: KeyObject }> {
  switch (type) {
    case 'ec':
      return generate('ec', { namedCurve: 'P-256' });
    case 'ec384':
      return generate('ec', { namedCurve: 'P-384' });
    case 'rsa':
      return generate('rsa', { modulusLength: 2048 });
    case 'rsa-pss':
      return generate('rsa-pss', { modulusLength: 2048 });
    case 'ed25519':
      return generate('ed25519');
  }
}
