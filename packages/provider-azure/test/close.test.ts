import { expect } from 'chai';
import { runChild } from '@pinvault/testing';
import { createAzureProvider } from '#src/index.js';
import { failureOf } from './support/errors.js';
import { read } from './support/provider.js';
import { WireVault } from './support/wire-vault.js';

/** Hooks see what is imported after they are registered. */
const lateImport = (source: string): string =>
  source.replace(/import (\{.*?\}) from ('.*?');/u, 'const $1 = await import($2);');

const folder = new URL('.', import.meta.url);

describe('a process with a provider', function () {
  this.timeout(20_000);

  let vault: WireVault;

  beforeEach(async () => {
    vault = await WireVault.start();
  });

  afterEach(async () => {
    await vault.close();
  });

  const provider = (options = '') => `
    import { createAzureProvider } from '@pinvault/provider-azure';
    const provider = createAzureProvider({
      vaultUrl: ${JSON.stringify(vault.server.origin)},
      secretName: 'tls-pins',
      credential: { getToken: async () => ({ token: 't', expiresOnTimestamp: 9e12 }) },
      clientOptions: { tlsOptions: { ca: ${JSON.stringify(vault.root.pem)} } },
      ${options}
    });
    const signal = new AbortController().signal;
    process.on('exit', () => console.log('ended'));
  `;

  it('ends by itself after a read, with the provider open', async () => {
    for (const options of ['', `pins: ${JSON.stringify(vault.leaf.pin)}`]) {
      const source = `${provider(options)}
        const hold = setTimeout(() => undefined, 20_000);
        console.log((await provider.read({ signal })).revision);
        clearTimeout(hold);`;
      const { code, output, ranMs } = await runChild(folder, source);
      expect([code, output]).to.deep.equal([0, '4387e9f3d6e14c459867679a90fd0f79\nended\n']);
      expect(ranMs).to.be.below(10_000);
    }
  });

  it('is not held by a read that hangs in the background', async () => {
    const silent = await WireVault.start({ respond: () => undefined });
    try {
      vault.server.closeConnections();
      const source = `${provider().replaceAll(vault.server.origin, silent.server.origin).replaceAll(JSON.stringify(vault.root.pem), JSON.stringify(silent.root.pem))}
        void provider.read({ signal });
        // Until the request is on its way.
        setTimeout(() => undefined, 500);`;
      const { code, output } = await runChild(folder, source);
      expect([code, output]).to.deep.equal([0, 'ended\n']);
      expect(silent.server.requests).to.equal(1);
    } finally {
      await silent.close();
    }
  });

  for (const [missing, advice, options] of [
    ['@azure/keyvault-secrets', 'npm install @azure/keyvault-secrets', ''],
    ['@azure/identity', 'npm install @azure/identity', 'credential: undefined'],
  ] as const) {
    it(`is told to install ${missing} where that is missing`, async () => {
      const source = `
        import { register } from 'node:module';
        const hook = \`export async function resolve(name, context, next) {
          if (name === ${JSON.stringify(missing)}) throw Object.assign(new Error('gone'), { code: 'ERR_MODULE_NOT_FOUND' });
          return next(name, context);
        }\`;
        register('data:text/javascript,' + encodeURIComponent(hook));
        ${lateImport(provider(options))}
        const hold = setTimeout(() => undefined, 20_000);
        const error = await provider.read({ signal }).catch((error) => error);
        clearTimeout(hold);
        console.log(error.code, error.message.includes(${JSON.stringify(advice)}));`;
      const { output } = await runChild(folder, source, { NODE_NO_WARNINGS: '1' });
      expect(output).to.equal('ERR_PROVIDER_SDK_MISSING true\nended\n');
    });
  }

  it('loads no SDK before the first read, and no identity where there is a credential', async () => {
    const source = `
      import { register } from 'node:module';
      const hook = \`export async function resolve(name, context, next) {
        if (name.startsWith('@azure/')) process._rawDebug('loads', name);
        return next(name, context);
      }\`;
      register('data:text/javascript,' + encodeURIComponent(hook));
      ${lateImport(provider())}
      process._rawDebug('made');
      const hold = setTimeout(() => undefined, 20_000);
      await provider.read({ signal });
      clearTimeout(hold);`;
    const { code, output } = await runChild(folder, source, { NODE_NO_WARNINGS: '1' });
    expect(code, output).to.equal(0);
    expect(output)
      .to.match(/^made\nloads @azure\/keyvault-secrets\n/u)
      .and.not.to.contain('@azure/identity');
  });
});

describe('a provider that is closed', () => {
  it('reads no more with pins of its endpoint either', async () => {
    const vault = await WireVault.start();
    try {
      const provider = createAzureProvider(vault.options({ pins: vault.leaf.pin }));
      await read(provider);
      await Promise.all([provider.close?.(), provider.close?.()]);
      const seen = vault.seen.length;
      expect(await failureOf(() => read(provider))).to.have.property('detail', 'closed');
      expect(vault.seen.length).to.equal(seen);
    } finally {
      await vault.close();
    }
  });
});
