import { expect } from 'chai';
import * as core from '#src/index.js';

describe('the public names', () => {
  it('are these values, and no other', () => {
    expect(Object.keys(core).sort((left, right) => (left < right ? -1 : 1))).to.deep.equal([
      'HostSyntaxError',
      'Pin',
      'PinDocumentError',
      'PinError',
      'PinMismatchError',
      'PinProviderError',
      'PinResolver',
      'PinResolverError',
      'createEnvProvider',
      'createFileProvider',
      'createStaticProvider',
      'decodeDocument',
      'findPinError',
      'invalidOption',
      'normaliseHost',
      'parseTarget',
      'pinErrorCode',
      'pinErrorCodes',
      'verifiedPath',
    ]);
  });
});
