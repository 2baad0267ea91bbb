import { expect } from 'chai';
import { command } from './support/command.js';

describe('the command line', () => {
  for (const args of [[], ['--help'], ['-h'], ['pin', '--help'], ['pin', 'x.pem', '-h']]) {
    it(`shows the usage for: pinvault ${args.join(' ')}`, async () => {
      const outcome = await command(args);
      expect(outcome).to.include({ exitCode: 0, stderr: '' });
      expect(outcome.stdout).to.match(/^Usage: pinvault /u);
      expect(outcome.stdout).to.include('pinvault pin api.example.com');
      const longest = Math.max(...outcome.stdout.split('\n').map((line) => line.length));
      expect(longest).to.be.at.most(100);
    });
  }

  it('names every option in the usage', async () => {
    const { stdout } = await command(['pin', '--help']);
    for (const option of ['--ca', '--servername', '--timeout', '--json', '--help', '--version'])
      expect(stdout).to.include(option);
  });

  for (const args of [['--version'], ['pin', '--version']]) {
    it(`prints the version for: pinvault ${args.join(' ')}`, async () => {
      const outcome = await command(args);
      expect(outcome).to.include({ exitCode: 0, stderr: '' });
      expect(outcome.stdout).to.match(/^\d+\.\d+\.\d+\n$/u);
    });
  }

  const wrong: readonly (readonly [readonly string[], ...string[]])[] = [
    [['pni'], '"pni"', 'pinvault --help'],
    [['api.example.com'], 'did you mean: pinvault pin api.example.com'],
    [['\u001b[2J'], '\\u001b'],
    [['--josn'], '--josn'],
    [['--versoin'], '--versoin', 'did you mean --version?'],
    [['--help', 'pin'], 'after the command'],
    [['pin'], 'which host'],
    [['pin', ''], 'which host'],
    [['pin', 'a.test', 'b.test'], '"b.test"'],
    [['pin', 'a.test', '--josn'], '--josn', 'did you mean --json?'],
    [['pin', 'a.test', '-k'], 'unknown option -k'],
    [['pin', 'a.test', '--insecure'], 'unknown option --insecure'],
    [['pin', 'a.test', '--__proto__=x'], 'unknown option'],
    [['pin', 'a.test', '--json=yes'], '--json takes no value'],
    [['pin', 'a.test', '--ca'], '--ca needs a value'],
    [['pin', 'a.test', '--ca='], '--ca needs a value'],
    [['pin', 'a.test', '--ca', '--json'], '--ca needs a value'],
    [['pin', 'a.test', '--timeout', '0'], '--timeout'],
    [['pin', 'a.test', '--timeout', '1e3'], '--timeout'],
    [['pin', 'a.test', '--timeout', '3601'], '--timeout'],
    [['pin', 'a.test', '--timeout=-1'], '--timeout'],
    [['pin', 'a.test', '--servername', '10.0.0.1'], '--servername'],
    [['pin', 'a.test', '--servername', 'b.test:443'], '--servername'],
    [['pin', 'a.test:0'], 'port'],
    [['pin', 'a.test:65536'], 'port'],
    [['pin', 'a b'], 'no host', 'U+0020'],
    [['pin', '127.1'], 'no host'],
    [['pin', 'http://user:secret@a.test/'], 'http://'],
    [['pin', 'https://user:secret@a b/'], 'URL'],
    [['pin', 'x.pem', '--ca', 'root.pem'], '--ca'],
    [['pin', 'x.pem', '--servername', 'a.test'], '--servername'],
  ];
  for (const [args, ...facts] of wrong) {
    it(`refuses with exit code 2: pinvault ${JSON.stringify(args)}`, async () => {
      const outcome = await command(args);
      expect(outcome).to.include({ exitCode: 2, stdout: '' });
      for (const fact of facts) expect(outcome.stderr).to.include(fact);
      expect(outcome.stderr).not.to.include('secret');
      expect(outcome.stderr).not.to.include('\u001b');
    });
  }
});
