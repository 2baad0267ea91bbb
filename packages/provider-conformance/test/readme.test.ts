import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { capabilities } from '#src/index.js';

const packageFolder = new URL('../', import.meta.url);
const readme = await readFile(new URL('README.md', packageFolder), 'utf8');

/** The code that the README shows under a file's name. */
function shown(name: string): string {
  const [, code = ''] =
    new RegExp(`^\`\`\`ts\\n// ${name.replaceAll('.', '\\.')}\\n([^\`]*(?:\`[^\`]+)*?)\\n\`\`\`$`, 'mu').exec(
      readme,
    ) ?? [];
  return code;
}

const countOf = (code: string): number => code.split('\n').filter((line) => line.trim() !== '').length;

describe('the README of the conformance suite', () => {
  for (const name of ['config-provider.ts', 'config-provider.test.ts']) {
    // Which is compiled and run beside this test, as it is.
    it(`shows ${name} as it is run`, async () => {
      const run = await readFile(new URL(`test/readme/${name}`, packageFolder), 'utf8');
      expect(shown(name)).to.equal(run.trimEnd());
    });
  }

  it('keeps its word on how little it takes', () => {
    expect(countOf(shown('config-provider.ts'))).to.be.within(20, 40);
    expect(countOf(shown('config-provider.test.ts'))).to.be.within(10, 15);
  });

  it('names every capability', () => {
    for (const capability of capabilities) expect(readme).to.contain(`\`${capability}\``);
  });
});
