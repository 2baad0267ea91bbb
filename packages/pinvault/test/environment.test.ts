import { expect } from 'chai';
import { resolverOptionsOf, valueOf } from '#src/environment.js';
import { expectInvalidOption } from './support/errors.js';

const read = async (env: Record<string, string>) => resolverOptionsOf(env);

describe('the variables of the resolver', () => {
  it('are all unset where the environment is empty', async () => {
    const empty = Object.fromEntries(
      ['MODE', 'UNCOVERED_HOSTS', 'REQUIRE', 'REFRESH_INTERVAL', 'MAX_STALE', 'STARTUP_TIMEOUT'].map(
        (name, index) => [`PINVAULT_${name}`, ['', ' ', '\n'][index % 3] ?? ''],
      ),
    );
    for (const env of [{}, empty])
      expect(Object.values(await read(env)).filter((value) => value !== undefined)).to.deep.equal([]);
  });

  it('say mode and what happens with uncovered hosts', async () => {
    for (const mode of ['enforce', 'report'])
      expect(await read({ PINVAULT_MODE: mode })).to.deep.include({ mode });
    for (const uncoveredHosts of ['reject', 'report', 'allow'])
      expect(await read({ PINVAULT_UNCOVERED_HOSTS: uncoveredHosts })).to.deep.include({ uncoveredHosts });
  });

  it('say the hosts that are required, with commas or blanks between', async () => {
    const env = { PINVAULT_REQUIRE: ' a.example.com, b.example.com:8443\n[::1]:443,,' };
    expect((await read(env)).requiredHosts).to.deep.equal([
      'a.example.com',
      'b.example.com:8443',
      '[::1]:443',
    ]);
  });

  for (const [text, milliseconds] of [
    ['50ms', 50],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
    [' 7d\n', 604_800_000],
  ] as const) {
    it(`say durations: ${JSON.stringify(text)}`, async () => {
      expect(
        await read({
          PINVAULT_REFRESH_INTERVAL: text,
          PINVAULT_MAX_STALE: text,
          PINVAULT_STARTUP_TIMEOUT: text,
        }),
      ).to.deep.include({
        refreshIntervalMs: milliseconds,
        maxStaleMs: milliseconds,
        startupTimeoutMs: milliseconds,
      });
    });
  }

  it('say Infinity for the hard limit, and for nothing else', async () => {
    expect((await read({ PINVAULT_MAX_STALE: 'Infinity' })).maxStaleMs).to.equal(Infinity);
    for (const name of ['PINVAULT_REFRESH_INTERVAL', 'PINVAULT_STARTUP_TIMEOUT'])
      await expectInvalidOption(read({ [name]: 'Infinity' }), name);
  });

  const wrong: Readonly<Record<string, readonly string[]>> = {
    PINVAULT_MODE: ['Enforce', 'off', 'none', 'enforce,report', 'true'],
    PINVAULT_UNCOVERED_HOSTS: ['deny', 'ALLOW', 'none'],
    PINVAULT_REQUIRE: ['https://api.example.com', 'a b..c', '*.example.com', 'a:0', 'a,b:99999', ',', ' , '],
    PINVAULT_REFRESH_INTERVAL: [
      '30',
      '0s',
      '49ms',
      '-5s',
      '5 m',
      '1m30s',
      'soon',
      's',
      '1e3s',
      `${'9'.repeat(400)}d`,
    ],
    PINVAULT_MAX_STALE: ['7', '0d', '0.5ms', 'never', 'infinity'],
    PINVAULT_STARTUP_TIMEOUT: ['8', '0ms', '8S', '8sec'],
  };
  for (const [name, values] of Object.entries(wrong))
    for (const value of values) {
      it(`are refused by name: ${name}=${value.slice(0, 40)}`, async () => {
        await expectInvalidOption(read({ [name]: value }), name);
      });
    }
});

describe('valueOf', () => {
  it('trims, and counts blank as unset', () => {
    expect(valueOf({ A: ' x\n' }, 'A')).to.equal('x');
    for (const blank of [undefined, '', ' \t\n']) expect(valueOf({ A: blank }, 'A')).to.equal(undefined);
  });
});
