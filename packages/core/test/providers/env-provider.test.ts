import { inspect } from 'node:util';
import { expect } from 'chai';
import { PinDocumentError, PinProviderError } from '#src/errors.js';
import { decodeDocument } from '#src/policy/decode.js';
import type { PinReadResult } from '#src/provider.js';
import { createEnvProvider, type EnvProviderOptions } from '#src/providers/env-provider.js';
import { rejectionOf } from '../support/errors.js';

const text = '{"a.test":"none"}';
const { signal } = new AbortController();
const read = (options: EnvProviderOptions): Promise<PinReadResult> =>
  createEnvProvider(options).read({ signal });

describe('the env provider', () => {
  it('reads the document from its variable', async () => {
    const provider = createEnvProvider({ env: { PINVAULT_PINS: text } });
    expect(provider).to.include({ name: 'env', location: 'PINVAULT_PINS' });
    expect(await provider.read({ signal })).to.have.property('document', text);
    expect(await read({ env: { OTHER: text }, variable: 'OTHER' })).to.have.property('document', text);
  });

  it('reads base64, in one line or wrapped, padded or not, also base64url', async () => {
    const encoded = Buffer.from(text).toString('base64');
    for (const value of [
      encoded,
      encoded.replaceAll('=', ''),
      `${encoded.slice(0, 8)}\n ${encoded.slice(8)}\n`,
      Buffer.from(text).toString('base64url'),
    ]) {
      const result = await read({ env: { PINVAULT_PINS: '', PINVAULT_PINS_B64: value } });
      if ('unchanged' in result) throw new Error('unchanged');
      expect(decodeDocument(result.document).rows[0]?.pattern).to.equal('a.test');
    }
  });

  it('takes a blank variable for an unset one', async () => {
    const encoded = Buffer.from(text).toString('base64');
    const result = await read({ env: { PINVAULT_PINS: ' \n', PINVAULT_PINS_B64: encoded } });
    expect(result).to.have.property('document').that.deep.equals(Buffer.from(text));
    await rejectionOf(
      read({ env: { PINVAULT_PINS: ' ' } }),
      PinProviderError,
      'ERR_PROVIDER_NOT_FOUND',
    );
  });

  it('has the same revision for the same content, and another for another', async () => {
    const [first, again, other] = await Promise.all([
      read({ env: { PINVAULT_PINS: text } }),
      read({ env: { PINVAULT_PINS_B64: Buffer.from(text).toString('base64') } }),
      read({ env: { PINVAULT_PINS: '{}' } }),
    ]);
    expect(first.revision)
      .to.match(/^[0-9a-f]{12}$/u)
      .and.to.equal(again.revision);
    expect(other.revision).not.to.equal(first.revision);
  });

  it('is told when it stands in two variables', async () => {
    const encoded = Buffer.from(text).toString('base64');
    const env = { PINVAULT_PINS: text, PINVAULT_PINS_B64: encoded };
    const error = await rejectionOf(read({ env }), PinProviderError, 'ERR_PROVIDER_MISCONFIGURED');
    expect(error.message).to.contain('PINVAULT_PINS_B64');
  });

  for (const env of [{}, { PINVAULT_PINS: '' }, { PINVAULT_PINS: '', PINVAULT_PINS_B64: ' \n' }]) {
    it(`finds nothing in ${JSON.stringify(env)}: empty counts as unset`, async () => {
      const error = await rejectionOf(read({ env }), PinProviderError, 'ERR_PROVIDER_NOT_FOUND');
      expect(error.provider).to.equal('env');
    });
  }

  for (const value of ['{"a.test":"none"}', 'a=b', 'abc*', '====']) {
    it(`refuses ${value} for base64, and does not repeat it`, async () => {
      const error = await rejectionOf(
        read({ env: { PINVAULT_PINS_B64: value } }),
        PinDocumentError,
        'ERR_DOCUMENT_MALFORMED',
      );
      expect(error).to.include({ reason: 'encoding', key: 'PINVAULT_PINS_B64' });
      expect(inspect(error)).not.to.contain(value);
    });
  }

  it("reads the process's own environment, at each read", async () => {
    const variable = 'PINVAULT_TEST_OF_THE_ENV_PROVIDER';
    const provider = createEnvProvider({ variable });
    await rejectionOf(provider.read({ signal }), PinProviderError, 'ERR_PROVIDER_NOT_FOUND');
    process.env[variable] = text;
    try {
      expect(await provider.read({ signal })).to.have.property('document', text);
    } finally {
      delete process.env[variable];
    }
  });

  it('has defaults', () => {
    expect(createEnvProvider()).to.include({ name: 'env', location: 'PINVAULT_PINS' });
  });
});
