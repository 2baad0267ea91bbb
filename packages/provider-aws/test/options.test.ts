import { createRootCa } from '@pinvault/testing';
import { expect } from 'chai';
import { createAwsProvider } from '#src/index.js';
import { isSecretOf, parseSecretId } from '#src/secret-id.js';
import { expectInvalidOption } from './support/errors.js';

const pin = 'sha256/r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=';
const client = { send: async () => ({}) };

describe('the options of the AWS provider', () => {
  const wrong: readonly (readonly [string, Record<string, unknown>])[] = [
    ['aws.secretId', { secretId: undefined }],
    ['aws.secretId', { secretId: '' }],
    ['aws.secretId', { secretId: 'tls pins' }],
    ['aws.secretId', { secretId: 'a?b' }],
    ['aws.secretId', { secretId: '{host}/{host}' }],
    ['aws.secretID', { secretID: 'x' }],
    ['aws.region', { region: '' }],
    ['aws.region', { region: 'eu-central-1.evil.example/' }],
    ['aws.versionStage', { versionStage: '' }],
    ['aws.timeoutMs', { timeoutMs: 0 }],
    ['aws.timeoutMs', { timeoutMs: Infinity }],
    ['aws.timeoutMs', { timeoutMs: '5s' }],
    ['aws.client', { client: {} }],
    ['aws.client', { client: null }],
    ['aws.clientOptions', { clientOptions: 7 }],
    ['aws.allowInsecureStore', { allowInsecureStore: 'false' }],
    ['aws.pins', { pins: 'none' }],
    ['aws.pins', { pins: [] }],
    ['aws.pins', { pins: 'sha256/x' }],
    ['aws.pins', { pins: `${pin} mode=report` }],
    ['aws.ca', { ca: 'no certificate' }],
    ['aws.ca', { ca: [] }],
  ];
  for (const [option, given] of wrong) {
    it(`are refused by name: ${JSON.stringify(given)}`, async () => {
      await expectInvalidOption(() => createAwsProvider({ secretId: 'tls-pins', ...given }), option);
    });
  }

  it('are refused where they are no object', async () => {
    for (const options of [undefined, null, 'tls-pins'])
      await expectInvalidOption(() => createAwsProvider(options as never), 'aws');
  });

  it('promise no pins that a transport of somebody else would not enforce', async () => {
    const { pem: ca } = await createRootCa();
    const handler = { clientOptions: { requestHandler: { handle: () => undefined } } };
    for (const other of [{ client }, handler]) {
      await expectInvalidOption(() => createAwsProvider({ secretId: 'x', pins: pin, ...other }), 'aws.pins');
      await expectInvalidOption(() => createAwsProvider({ secretId: 'x', ca, ...other }), 'aws.ca');
    }
  });

  it('are taken where they are right, names and ARNs', () => {
    const arn = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/tls-pins-AbCdEf';
    for (const secretId of ['tls-pins', 'prod/tls_pins+=.@-', arn]) {
      const { name, scope, location, defaultRefreshIntervalMs } = createAwsProvider({ secretId, client });
      expect({ name, scope, location, defaultRefreshIntervalMs }).to.deep.equal({
        name: 'aws',
        scope: 'document',
        location: secretId,
        defaultRefreshIntervalMs: 60_000,
      });
    }
    expect(createAwsProvider({ secretId: 'pins/{host}', client }).scope).to.equal('host');
  });
});

describe('the secret of a host', () => {
  const secret = parseSecretId('pins/{host}/v1');

  it('has the host in its name, in the form in which hosts are compared', () => {
    for (const [host, id] of [
      ['api.example.com', 'pins/api.example.com/v1'],
      ['API.Example.com.', 'pins/api.example.com/v1'],
      ['bücher.example', 'pins/xn--bcher-kva.example/v1'],
      ['192.0.2.7', 'pins/192.0.2.7/v1'],
      ['2001:db8::1', 'pins/2001=3Adb8=3A=3A1/v1'],
      ['[2001:DB8:0::1]', 'pins/2001=3Adb8=3A=3A1/v1'],
    ] as const)
      expect(secret.idFor(host)).to.equal(id);
  });

  it('is none where the host is none: no host leads to another secret', () => {
    for (const host of [undefined, '', '..', 'a/b', '../x', 'a=2Fb', 'a b', 'x?y', 'a..b', 'a\0b', '%2e%2e'])
      expect(() => secret.idFor(host)).to.throw();
  });

  it('is found in an answer by its name, its ARN, or its ARN without the six random characters', () => {
    const arn = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:pins/a';
    const answered = { name: 'pins/a', arn: `${arn}-AbCdEf` };
    for (const id of ['pins/a', arn, `${arn}-AbCdEf`]) expect(isSecretOf(id, answered)).to.equal(true);
    for (const id of ['pins/b', 'pins', `${arn}-AbCdE`, arn.slice(0, -1), 'arn:'])
      expect(isSecretOf(id, answered)).to.equal(false);
    expect(isSecretOf(arn, { name: 'pins/a-1', arn: `${arn}-1-AbCdEf` })).to.equal(false);
  });
});
