import type { StoreAnswer } from '@pinvault/provider-conformance';
import { expect } from 'chai';
import { createAwsProvider } from '#src/index.js';
import {
  accessDenied,
  internalError,
  markedForDeletion,
  resourceNotFound,
  throttling,
} from './support/answers.js';
import { providerError } from './support/errors.js';
import {
  type Answers,
  answer,
  type Asked,
  optionsFor,
  read,
  secretValue,
  type SecretsManagerStub,
  startStub,
} from './support/stub.js';

describe('a version that is known', () => {
  let stub: SecretsManagerStub;
  let described: StoreAnswer;
  let got: StoreAnswer;

  const answers: Answers = ({ operation }) => (operation === 'DescribeSecret' ? described : got);
  const stages = (versions: Record<string, string[]>, more: object = {}): StoreAnswer =>
    answer({ Name: 'tls-pins', VersionIdsToStages: versions, ...more });

  beforeEach(async () => {
    stub = await startStub(answers);
    described = stages({ v1: ['AWSCURRENT'] });
    got = answer(secretValue({ a: 'none' }));
  });

  afterEach(async () => {
    await stub.server.stop();
  });

  async function reads(...revisions: readonly (string | undefined)[]): Promise<unknown[]> {
    const provider = createAwsProvider(optionsFor(stub.server.url));
    const results: unknown[] = [];
    for (const revision of revisions) results.push(await read(provider, revision));
    await provider.close?.();
    return results;
  }

  it('costs one DescribeSecret where it still has the stage', async () => {
    expect(await reads('v1')).to.deep.equal([{ unchanged: true, revision: 'v1' }]);
    expect(stub.operations()).to.deep.equal(['DescribeSecret']);
  });

  it('is read without a look the first time', async () => {
    await reads(undefined, '');
    expect(stub.operations()).to.deep.equal(['GetSecretValue', 'GetSecretValue']);
  });

  it('is replaced by what has the stage now', async () => {
    described = stages({ v1: ['AWSPREVIOUS'], v2: ['AWSCURRENT'] });
    got = answer(secretValue({ b: 'none' }, 'v2'));
    expect(await reads('v1')).to.have.nested.property('[0].revision', 'v2');
    expect(stub.operations()).to.deep.equal(['DescribeSecret', 'GetSecretValue']);
  });

  it('counts for nothing where the secret is to be deleted', async () => {
    described = stages({ v1: ['AWSCURRENT'] }, { DeletedDate: 1_795_552_155 });
    got = markedForDeletion;
    await providerError(() => reads('v1'), 'ERR_PROVIDER_NOT_FOUND');
  });

  it('counts for nothing where the answer is of another kind', async () => {
    for (const strange of [{}, { VersionIdsToStages: { v1: 'AWSCURRENT' } }, { VersionIdsToStages: null }]) {
      described = answer(strange);
      expect(await reads('v1')).to.have.nested.property('[0].document');
    }
  });

  it('is read in full where it may not be looked at, and that is remembered', async () => {
    described = accessDenied;
    await reads('v1', 'v1', 'v1');
    expect(stub.operations()).to.deep.equal(['DescribeSecret', ...Array<string>(3).fill('GetSecretValue')]);
  });

  it('is looked at again where everything was denied for a while', async () => {
    const provider = createAwsProvider(optionsFor(stub.server.url));
    [described, got] = [accessDenied, accessDenied];
    await providerError(() => read(provider, 'v1'), 'ERR_PROVIDER_DENIED');
    described = stages({ v1: ['AWSCURRENT'] });
    expect(await read(provider, 'v1')).to.deep.equal({ unchanged: true, revision: 'v1' });
    await provider.close?.();
  });

  for (const [what, failure, code] of [
    ['is throttled', throttling, 'ERR_PROVIDER_THROTTLED'],
    ['fails', internalError, 'ERR_PROVIDER_UNAVAILABLE'],
    ['finds no secret', resourceNotFound, 'ERR_PROVIDER_NOT_FOUND'],
  ] as const) {
    it(`is not asked for twice where the look ${what}`, async () => {
      described = failure;
      await providerError(() => reads('v1'), code);
      expect(stub.operations()).to.deep.equal(['DescribeSecret']);
    });
  }

  it('is asked for by stage, always', async () => {
    const provider = createAwsProvider(optionsFor(stub.server.url, { versionStage: 'AWSPENDING' }));
    await reads(undefined);
    await read(provider);
    described = stages({ v1: ['AWSCURRENT'], v2: ['AWSPENDING'] });
    expect(await read(provider, 'v2')).to.have.property('unchanged', true);
    expect(await read(provider, 'v1')).to.have.property('document');
    await provider.close?.();
    expect(stub.asked.flatMap(({ input }: Asked) => input['VersionStage'] ?? [])).to.deep.equal([
      'AWSCURRENT',
      'AWSPENDING',
      'AWSPENDING',
    ]);
  });
});
