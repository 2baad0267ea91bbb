import { createPublicKey, randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { chainPem, createRootCa, type TestCertificate, TestKey } from '@pinvault/testing';
import { command, Folder, listedPins, type Outcome, rowOf } from './support/command.js';

const host = 'api.example.test';
const dayMs = 86_400_000;

describe('pinvault pin <file>', () => {
  let folder: Folder;
  let root: TestCertificate;
  let leaf: TestCertificate;

  before(async () => {
    folder = new Folder();
    root = await createRootCa({ subject: 'CN=Root' });
    leaf = await root.issue({ hosts: [host, 'other.example.test'] });
  });
  after(() => folder.remove());

  const pin = async (name: string, content: string | Uint8Array): Promise<Outcome> =>
    command(['pin', folder.write(name, content)]);

  const expectRefused = (outcome: Outcome, ...facts: readonly string[]): void => {
    expect(outcome).to.include({ exitCode: 1, stdout: '' });
    for (const fact of facts) expect(outcome.stderr).to.include(fact);
  };

  it('prints the row for the first DNS name of a certificate, and that nothing was verified', async () => {
    const outcome = await pin('leaf.pem', leaf.pem);
    expect(outcome).to.include({ exitCode: 0, stderr: '' });
    expect(rowOf(outcome)).to.equal(`"${host}": "${leaf.pin}"`);
    expect(outcome.stdout).to.include('not verified');
  });

  it('lists every certificate of a chain', async () => {
    const outcome = await pin('chain.pem', `a comment\n${chainPem(leaf, root)}`);
    expect(rowOf(outcome)).to.equal(`"${host}": "${leaf.pin}"`);
    expect(listedPins(outcome)).to.deep.equal([leaf.pin, root.pin]);
    expect(outcome.stdout).to.match(/0 {2}leaf [^]*1 {2}root /u);
  });

  it('takes the row from the certificate where the key stands before it', async () => {
    const outcome = await pin('both.pem', leaf.key.privateKeyPem + leaf.pem);
    expect(rowOf(outcome)).to.equal(`"${host}": "${leaf.pin}"`);
    expect(listedPins(outcome)).to.deep.equal([leaf.pin, leaf.pin]);
  });

  it('takes the pin of the row from the certificate, whatever key stands before it', async () => {
    const { privateKeyPem, pin: other } = await TestKey.create('ec');
    const outcome = await pin('odd.pem', privateKeyPem + leaf.pem);
    expect(rowOf(outcome)).to.equal(`"${host}": "${leaf.pin}"`);
    expect(listedPins(outcome)).to.deep.equal([leaf.pin, other]);
  });

  it('keeps the wildcard of a certificate that has one', async () => {
    const wildcard = await root.issue({ hosts: ['*.pay.example.test'] });
    expect(rowOf(await pin('w.pem', wildcard.pem))).to.equal(`"*.pay.example.test": "${wildcard.pin}"`);
  });

  it('leaves the host open where no usable DNS name is there', async () => {
    for (const hosts of [[], ['127.0.0.1'], ['a, DNS:b.test'], ['not a name']]) {
      const certificate = await root.issue({ subject: 'CN=Nobody', hosts });
      expect(rowOf(await pin('n.pem', certificate.pem)), hosts[0]).to.equal(`"<host>": "${certificate.pin}"`);
    }
  });

  const privateForms = [
    { type: 'pkcs8', format: 'pem' },
    { type: 'pkcs8', format: 'der' },
    { type: 'sec1', format: 'pem' },
    { type: 'sec1', format: 'der' },
  ] as const;
  for (const form of privateForms) {
    it(`takes the public half of a private key (${form.type}, ${form.format}) and shows nothing of it`, async () => {
      const key = await TestKey.create('ec');
      const outcome = await pin('some.key', key.privateKey.export(form as { type: 'pkcs8'; format: 'der' }));
      expect(rowOf(outcome)).to.equal(`"<host>": "${key.pin}"`);
      expect(outcome.stdout).to.include(`"<host>#next": "${key.pin}"`);
      const scalar = key.privateKey.export({ format: 'jwk' }).d ?? '';
      expect(scalar).to.have.length(43);
      for (const secret of [
        scalar,
        Buffer.from(scalar, 'base64url').toString('base64').slice(2, 30),
        'PRIVATE',
      ])
        expect(outcome.stdout).not.to.include(secret);
    });
  }

  it('reads RSA keys in PKCS#1, private and public', async () => {
    const key = await TestKey.create('rsa');
    const privateDer = key.privateKey.export({ type: 'pkcs1', format: 'der' });
    expect(listedPins(await pin('rsa.key', privateDer))).to.deep.equal([key.pin]);
    const publicKey = createPublicKey(key.privateKey);
    for (const format of ['der', 'pem'] as const) {
      const content = publicKey.export({ type: 'pkcs1', format: format as 'der' });
      expect(listedPins(await pin('rsa.pub', content)), format).to.deep.equal([key.pin]);
    }
  });

  for (const [name, form] of [
    ['PKCS#8, PEM', { type: 'pkcs8', format: 'pem' }],
    ['PKCS#8, DER', { type: 'pkcs8', format: 'der' }],
    ['SEC 1, PEM', { type: 'sec1', format: 'pem' }],
  ] as const) {
    it(`says that a private key is encrypted (${name})`, async () => {
      const { privateKey } = await TestKey.create('ec');
      const content = privateKey.export({
        ...(form as { type: 'pkcs8'; format: 'pem' }),
        cipher: 'aes-256-cbc',
        passphrase: 'x',
      });
      expectRefused(await pin('locked.key', content), 'locked.key', 'encrypted', 'openssl pkey');
    });
  }

  it('says that a certificate request is not supported, and what is', async () => {
    const request = '-----BEGIN CERTIFICATE REQUEST-----\nMA==\n-----END CERTIFICATE REQUEST-----\n';
    expectRefused(await pin('x.pem', request), 'CSR', 'not supported', 'the key or the certificate');
  });

  it('refuses a PEM block of another kind, and one that is cut off', async () => {
    const other = '-----BEGIN PKCS7-----\nMA==\n-----END PKCS7-----\n';
    expectRefused(await pin('x.pem', other), '"PKCS7"');
    expectRefused(await pin('x.pem', leaf.pem.slice(0, -20)), 'cut off');
    expectRefused(await pin('x.pem', leaf.pem + leaf.pem.slice(0, 200)), 'cut off');
  });

  it('refuses a certificate and a key that cannot be read', async () => {
    expectRefused(await pin('x.pem', leaf.pem.replace(/^MII/mu, 'MIJ')), '"CERTIFICATE"');
    expectRefused(
      await pin('x.key', '-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n'),
      'PRIVATE KEY',
    );
    expectRefused(await pin('x.der', leaf.der.subarray(0, 100)), 'no certificate and no key');
  });

  it('refuses garbage, an empty file, and one larger than 1 MiB', async () => {
    expectRefused(await pin('x.pem', 'hello'), 'no certificate and no key');
    expectRefused(await pin('x.der', randomBytes(2_000)), 'no certificate and no key');
    expectRefused(await pin('x.pem', ''), 'empty');
    const exactly = leaf.pem.padEnd(1024 * 1024, '\n');
    expect((await pin('x.pem', exactly)).exitCode).to.equal(0);
    expectRefused(await pin('x.pem', `${exactly}\n`), 'larger than 1 MiB');
  });

  it('reads a file full of opened PEM blocks in no time', async () => {
    const started = process.hrtime.bigint();
    expectRefused(await pin('x.pem', '-----BEGIN X-----\n'.repeat(55_000)), 'cut off');
    // A look at each block for each block takes minutes.
    expect(Number(process.hrtime.bigint() - started) / 1e6).to.be.lessThan(8_000);
  });

  it('says that a file is not there, or is a directory', async () => {
    expectRefused(await command(['pin', `${folder.path}/none`]), 'none', 'no file');
    expectRefused(await command(['pin', 'none.pem']), 'none.pem', 'no file');
    expectRefused(await command(['pin', 'api.example.test/path']), 'no file', 'for a host');
    expectRefused(await command(['pin', folder.path]), 'directory');
  });

  it('takes an existing file for a file, whatever its name looks like', async () => {
    const before = process.cwd();
    folder.write(host, leaf.pem);
    process.chdir(folder.path);
    try {
      expect((await command(['pin', host])).stdout).to.include('read from a file');
    } finally {
      process.chdir(before);
    }
  });

  it('escapes the name of a file', async () => {
    const outcome = await command(['pin', './\u001b[2Jx.pem']);
    expectRefused(outcome, '\\u001b');
    expect(outcome.stderr).not.to.include('\u001b');
  });

  it('warns of a certificate that has expired, is not valid yet, or is a CA', async () => {
    const path = folder.write('leaf.pem', leaf.pem);
    const at = async (now: number): Promise<string> => (await command(['pin', path], () => now)).stdout;
    expect(await at(Date.parse(leaf.x509.validTo) + dayMs)).to.include('! the certificate has expired');
    expect(await at(Date.parse(leaf.x509.validFrom) - dayMs)).to.include(
      '! the certificate is not valid yet',
    );
    expect(await at(Date.parse(leaf.x509.validFrom) + dayMs)).not.to.include('!');
    expect((await pin('root.pem', root.pem)).stdout).to.include(`"ca:${root.pin}"`);
  });

  it('says as JSON that nothing was verified', async () => {
    const path = folder.write('key.pem', leaf.key.privateKeyPem);
    const { stdout } = await command(['pin', path, '--json']);
    expect(JSON.parse(stdout)).to.deep.equal({
      row: { '<host>': leaf.pin },
      verified: false,
      source: { file: path },
      entries: [{ index: 0, kind: 'private key', pin: leaf.pin, algorithm: 'EC P-256' }],
      warnings: [],
    });
  });
});
