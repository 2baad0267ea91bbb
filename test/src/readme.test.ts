import { readFile } from 'node:fs/promises';
import https from 'node:https';
import { expect } from 'chai';
import {
  askedOnly,
  createMemoryProvider,
  createRootCa,
  loopbackLookup,
  startTlsServer,
} from '@pinvault/testing';
import { createPinResolver, PinnedAgent } from 'pinvault';

const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');

/** What differs from one run to another. */
function masked(text: string): string {
  return text
    .replaceAll(/sha256\/[A-Za-z0-9+/]{43}=/gu, 'sha256/PIN')
    .replace(/(api\.example\.com):\d+/u, '$1:PORT')
    .replace(/^ {2}document: .*$/mu, '  document: SOURCE');
}

describe('the README', () => {
  it('shows a refusal as it really reads', async () => {
    const shown = /^```\n(ERR_PIN_MISMATCH[^`]*)\n```$/mu.exec(readme)?.[1] ?? '';
    const root = await createRootCa({ subject: 'CN=Other Trusted Root' });
    const leaf = await root.issue({ subject: 'CN=api.example.com', hosts: ['api.example.com'] });
    const [first, second] = [await root.issue({}), await root.issue({})];
    const server = await startTlsServer({ chain: [leaf] });
    const provider = createMemoryProvider({ 'api.example.com': `${first.pin} ${second.pin}` });
    const pins = await createPinResolver({ provider, warnings: false, ...askedOnly }, {});
    const agent = new PinnedAgent(pins, { ca: root.pem, lookup: loopbackLookup });
    try {
      const error = await new Promise<Error>((resolve, reject) => {
        https
          .get({ host: 'api.example.com', port: server.port, agent }, () => reject(new Error('answered')))
          .on('error', resolve);
      });
      expect(masked(error.message)).to.equal(masked(shown));
      expect(error.message).to.match(/document: memory, revision 1, confirmed \d+ ms ago$/u);
    } finally {
      agent.destroy();
      await pins.close();
      await server.close();
    }
  });

  it('names commands that exist', async () => {
    const { scripts } = JSON.parse(
      await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
    ) as {
      scripts: Record<string, string>;
    };
    for (const command of ['demo', 'test']) {
      expect(readme).to.match(new RegExp(`^npm (?:run )?${command}\\b`, 'mu'));
      expect(scripts).to.have.property(command);
    }
  });

  it('names documents that exist', async () => {
    const links = [...readme.matchAll(/\]\(([^)#]+)\)/gu)].map(([, target = '']) => target);
    expect(links).to.include.members(['SECURITY.md', 'docs/architecture.md', 'docs/errors.md']);
    for (const link of links.filter((target) => target.endsWith('.md'))) {
      expect(await readFile(new URL(`../../${link}`, import.meta.url), 'utf8')).not.to.equal('');
    }
  });

  it('gives a document that is accepted as it stands', async () => {
    const shown = /^```json\n([^`]*)```$/mu.exec(readme)?.[1] ?? '';
    const pins = await createPinResolver({ provider: createMemoryProvider(shown), warnings: false }, {});
    expect(pins.status().quarantined).to.deep.equal([]);
    expect(pins.lookup('x.pay.example.com').rule).to.equal('pins');
    await pins.close();
  });
});
