import { expect } from 'chai';
import * as core from '#src/index.js';

describe('the public names', () => {
  it('hold what a service, a provider and an enforcement package need', () => {
    expect(Object.keys(core)).to.include.members([
      'BoundSessions',
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
