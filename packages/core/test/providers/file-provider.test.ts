import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { PinDocumentError, PinProviderError } from '#src/errors.js';
import { createFileProvider } from '#src/providers/file-provider.js';
import { rejectionOf } from '../support/errors.js';

describe('the file provider', () => {
  const { signal } = new AbortController();
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pinvault-file-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('reads the bytes of the file, anew each time', async () => {
    const path = join(folder, 'pins.json');
    const provider = createFileProvider({ path });
    expect(provider).to.include({ name: 'file', location: path });
    await writeFile(path, 'one');
    const first = await provider.read({ signal });
    expect(first)
      .to.have.property('document')
      .that.deep.equals(new Uint8Array(Buffer.from('one')));
    expect((await provider.read({ signal })).revision).to.equal(first.revision);
    await writeFile(path, 'two');
    expect((await provider.read({ signal })).revision).not.to.equal(first.revision);
  });

  it('reads a file of exactly the size allowed, and refuses one byte more', async () => {
    const path = join(folder, 'pins.json');
    const provider = createFileProvider({ path, maxBytes: 8 });
    await writeFile(path, '12345678');
    expect(await provider.read({ signal }))
      .to.have.property('document')
      .with.length(8);
    await writeFile(path, '123456789');
    const error = await rejectionOf(provider.read({ signal }), PinDocumentError, 'ERR_DOCUMENT_TOO_LARGE');
    expect(error.reason).to.equal('too-large');
  });

  it('reads a file without a size', async function () {
    if (process.platform !== 'linux') return this.skip();
    const provider = createFileProvider({ path: '/proc/self/status' });
    expect(await provider.read({ signal }))
      .to.have.property('document')
      .with.property('length')
      .that.is.greaterThan(9);
  });

  it('that is missing is not found, and its name is safe to print', async () => {
    for (const path of [join(folder, 'missing\u001b[2J.json'), join(folder, 'pins.json', 'below')]) {
      await writeFile(join(folder, 'pins.json'), 'x');
      const error = await rejectionOf(
        createFileProvider({ path }).read({ signal }),
        PinProviderError,
        'ERR_PROVIDER_NOT_FOUND',
      );
      expect(error.detail).to.match(/^ENOENT|ENOTDIR$/u);
      expect(error.message).not.to.contain('\u001b');
    }
  });

  it('that is a directory is a mistake in the configuration', async () => {
    const provider = createFileProvider({ path: folder });
    await rejectionOf(provider.read({ signal }), PinProviderError, 'ERR_PROVIDER_MISCONFIGURED');
  });

  it('that may not be read is denied', async function () {
    // Root may read everything.
    if (process.platform === 'win32' || process.getuid?.() === 0) return this.skip();
    const path = join(folder, 'pins.json');
    await writeFile(path, 'x', { mode: 0o000 });
    const provider = createFileProvider({ path });
    await rejectionOf(provider.read({ signal }), PinProviderError, 'ERR_PROVIDER_DENIED');
  });

  it('that no system call can name is unavailable', async () => {
    for (const path of [join(folder, 'x'.repeat(300)), 'a\0b']) {
      const provider = createFileProvider({ path });
      await rejectionOf(provider.read({ signal }), PinProviderError, 'ERR_PROVIDER_UNAVAILABLE');
    }
  });

  it('does not go on reading once it is aborted', async () => {
    const path = join(folder, 'pins.json');
    await writeFile(path, 'x');
    const provider = createFileProvider({ path });
    for (const reason of [undefined, 'a text'])
      await rejectionOf(
        provider.read({ signal: AbortSignal.abort(reason) }),
        PinProviderError,
        'ERR_PROVIDER_UNAVAILABLE',
      );
  });
});
