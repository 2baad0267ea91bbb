import type { StoreAnswer } from '@pinvault/provider-conformance';
import { expect } from 'chai';
import { createAwsProvider } from '#src/index.js';
import { accessDenied, internalError, throttling, unknownOperation } from './support/answers.js';
import { providerError } from './support/errors.js';
import {
  answer,
  type Asked,
  optionsFor,
  read,
  secretValue,
  type SecretsManagerStub,
  startStub,
} from './support/stub.js';

const hosts = (count: number): string[] =>
  Array.from({ length: count }, (_each, index) => `h${String(index)}.example.com`);

/** A secret for each host but `missing.example.com`, whose content names it. */
function store({ operation, input }: Asked): StoreAnswer {
  if (operation === 'BatchGetSecretValue') {
    const ids = input['SecretIdList'] as string[];
    return answer({
      SecretValues: ids
        .filter((id) => !id.includes('missing'))
        .map((id) => secretValue({ [id]: 'none' }, 'v1', id)),
      Errors: ids
        .filter((id) => id.includes('missing'))
        .map((id) => ({ SecretId: id, ErrorCode: 'ResourceNotFoundException', Message: 'x' })),
    });
  }
  const id = String(input['SecretId']);
  return answer(secretValue({ [id]: 'none' }, 'v1', id));
}

describe('the secrets of many hosts', () => {
  let stub: SecretsManagerStub;
  let batch: (asked: Asked) => StoreAnswer | Promise<StoreAnswer>;

  beforeEach(async () => {
    batch = store;
    stub = await startStub((asked) =>
      asked.operation === 'BatchGetSecretValue' ? batch(asked) : store(asked),
    );
  });

  afterEach(async () => {
    await stub.server.stop();
  });

  const create = (more: object = {}): ReturnType<typeof createAwsProvider> =>
    createAwsProvider(optionsFor(stub.server.url, { secretId: 'pins/{host}', ...more }));

  async function readAll(
    provider: ReturnType<typeof createAwsProvider>,
    names: readonly string[],
  ): Promise<void> {
    const results = await Promise.all(names.map(async (host) => read(provider, undefined, host)));
    for (const [index, host] of names.entries())
      expect(results[index]).to.have.property('document', JSON.stringify({ [`pins/${host}`]: 'none' }));
  }

  it('are read twenty at a time where they are asked for at the same time', async () => {
    const provider = create();
    await readAll(provider, hosts(41));
    expect(stub.operations().sort()).to.deep.equal([
      'BatchGetSecretValue',
      'BatchGetSecretValue',
      'GetSecretValue',
    ]);
    await provider.close?.();
  });

  it('are read by themselves where one is asked for, and the same one by two', async () => {
    const provider = create();
    await readAll(provider, hosts(1));
    await readAll(provider, ['a.example.com', 'a.example.com']);
    expect(stub.operations()).to.deep.equal(Array<string>(3).fill('GetSecretValue'));
    await provider.close?.();
  });

  it('have errors of their own', async () => {
    const provider = create();
    const good = readAll(provider, hosts(3));
    const missing = providerError(
      () => read(provider, undefined, 'missing.example.com'),
      'ERR_PROVIDER_NOT_FOUND',
    );
    expect((await missing).message).to.contain('pins/missing.example.com');
    await good;
    expect(stub.operations()).to.deep.equal(['BatchGetSecretValue']);
    await provider.close?.();
  });

  for (const [what, failure] of [
    ['are not allowed', accessDenied],
    ['are not known', unknownOperation],
  ] as const) {
    it(`are read one by one where batches ${what}, and that is remembered`, async () => {
      batch = () => failure;
      const provider = create();
      await readAll(provider, hosts(3));
      await readAll(provider, hosts(3));
      expect(stub.operations()).to.deep.equal([
        'BatchGetSecretValue',
        ...Array<string>(6).fill('GetSecretValue'),
      ]);
      await provider.close?.();
    });
  }

  it('are not read one by one where the service fails or throttles: that would make it worse', async () => {
    const provider = create();
    for (const [failure, code] of [
      [internalError, 'ERR_PROVIDER_UNAVAILABLE'],
      [throttling, 'ERR_PROVIDER_THROTTLED'],
    ] as const) {
      batch = () => failure;
      await Promise.all(
        hosts(3).map(async (host) => providerError(() => read(provider, undefined, host), code)),
      );
    }
    expect(stub.operations()).to.deep.equal(Array<string>(2).fill('BatchGetSecretValue'));
    await provider.close?.();
  });

  it('are never taken for another: what the answer leaves out, or names otherwise, is read by itself', async () => {
    batch = () =>
      answer({
        SecretValues: [secretValue({ x: 'none' }, 'v1', 'pins/other.example.com')],
        NextToken: 'more',
      });
    const provider = create();
    await readAll(provider, hosts(2));
    expect(stub.operations()).to.deep.equal(['BatchGetSecretValue', 'GetSecretValue', 'GetSecretValue']);
    await provider.close?.();
  });

  it('are not lost to the others where one who asked gives up', async () => {
    let release = (): void => undefined;
    batch = async (asked) => {
      await new Promise<void>((resolve) => (release = resolve));
      return store(asked);
    };
    const provider = create();
    const controller = new AbortController();
    const host = 'gone.example.com';
    const aborted = providerError(
      () => provider.read({ host, signal: controller.signal }),
      'ERR_PROVIDER_UNAVAILABLE',
    );
    const kept = readAll(provider, hosts(2));
    while (stub.asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    controller.abort();
    await aborted;
    release();
    await kept;
    await provider.close?.();
  });

  it('are read one by one under another stage: batches know AWSCURRENT alone', async () => {
    const provider = create({ versionStage: 'AWSPENDING' });
    await readAll(provider, hosts(3));
    expect(stub.operations()).to.deep.equal(Array<string>(3).fill('GetSecretValue'));
    await provider.close?.();
  });

  it('need a host', async () => {
    const provider = create();
    for (const host of [undefined, '..', 'a/b'])
      await providerError(() => read(provider, undefined, host), 'ERR_PROVIDER_MISCONFIGURED');
    expect(stub.asked).to.deep.equal([]);
    await provider.close?.();
  });
});
