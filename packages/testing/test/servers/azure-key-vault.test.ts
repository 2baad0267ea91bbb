import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { findAzureKeyVault, startAzureKeyVault, startTokenIssuer } from '#src/index.js';

describe('findAzureKeyVault', () => {
  let folder: string;
  let program: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pinvault-find-azure-'));
    program = join(folder, 'azure-keyvault-emulator');
    await writeFile(program, '');
  });

  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('takes the variable first, then PATH', () => {
    expect(findAzureKeyVault({ PATH: `/nonexistent:${folder}` })).to.deep.equal({ path: program });
    expect(findAzureKeyVault({ PINVAULT_AZURE_EMULATOR: folder, PATH: folder })).to.deep.equal({
      path: folder,
    });
  });

  it('says why there is none', () => {
    expect(findAzureKeyVault({ PATH: '/nonexistent' })).to.have.property('reason');
    expect(findAzureKeyVault({})).to.have.property('reason');
    // A wrong variable is no reason to take another program.
    const wrong = findAzureKeyVault({ PINVAULT_AZURE_EMULATOR: '/nonexistent', PATH: folder });
    expect(wrong).to.deep.equal({ reason: 'there is no /nonexistent' });
  });
});

describe('startAzureKeyVault', () => {
  it('tells what a program printed that is no emulator, and leaves nothing behind', async () => {
    const issuer = await startTokenIssuer();
    try {
      const error = await startAzureKeyVault({ issuer, path: process.execPath }).then(
        async (vault) => vault.stop(),
        (thrown: unknown) => thrown,
      );
      expect(error).to.be.an.instanceof(Error);
      expect((error as Error).message).to.contain('bad option');
    } finally {
      await issuer.close();
    }
  });
});
