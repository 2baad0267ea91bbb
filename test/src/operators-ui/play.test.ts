import { expect } from 'chai';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { callApi } from '../support/open-bao-api.js';
import { until } from '../support/processes.js';
import { describeWithVaultUi, startChromium } from './chromium.js';
import { VaultUi } from './vault-ui.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const host = 'api.example.test';

/** `npm run demo -- --play`, after the build: in a process group of its own, so that what it leaves can be seen. */
class Game {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #output = '';
  #read = 0;

  constructor(temporary: string) {
    const program = join(root, 'examples/demo/dist/main.js');
    this.#child = spawn(process.execPath, [program, '--play'], {
      env: { ...process.env, TMPDIR: temporary, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const take = (chunk: string): void => {
      this.#output += chunk;
    };
    this.#child.stdout?.setEncoding('utf8').on('data', take);
    this.#child.stderr?.setEncoding('utf8').on('data', take);
    this.#ended = once(this.#child, 'close');
  }

  /** Waits for a text that comes after those already waited for. */
  async says(text: RegExp): Promise<RegExpExecArray> {
    const find = (): RegExpExecArray | null => text.exec(this.#output.slice(this.#read));
    await until(
      () => find() !== null,
      () => `${String(text)} in:\n${this.#output}`,
    );
    const found = find();
    if (found === null) throw new Error(`${String(text)} was said and is lost`);
    this.#read += found.index + found[0].length;
    return found;
  }

  async interrupt(): Promise<number | null> {
    this.#child.kill('SIGINT');
    await this.#ended;
    return this.#child.exitCode;
  }

  /** Kills the demo's own process, which can close nothing then. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  /** Whether a process of its group still runs. */
  get hasLeftProcesses(): boolean {
    try {
      process.kill(-(this.#child.pid ?? 0), 0);
      return true;
    } catch {
      return false;
    }
  }

  /** For a test that failed before the end. */
  abandon(): void {
    if (this.#child.pid !== undefined && this.hasLeftProcesses) process.kill(-this.#child.pid, 'SIGKILL');
  }
}

describeWithVaultUi('npm run demo -- --play', function () {
  this.timeout(180_000);

  let browser: Browser;
  let temporary: string;
  let game: Game;

  beforeEach(async () => {
    temporary = await mkdtemp(join(tmpdir(), 'pinvault-play-'));
    browser = await startChromium();
    game = new Game(temporary);
  });

  afterEach(async () => {
    game.abandon();
    await browser.close();
    await rm(temporary, { recursive: true, force: true });
  });

  it('leads through a rotation by hand, tells of each edit, and leaves nothing behind', async () => {
    const [, page = '', address = ''] = await game.says(/Open +((http:\/\/127\.0\.0\.1:\d+)\S+)/u);
    const [, user = '', password = ''] = await game.says(/Username (\S+) +Password (\S+)/u);
    await game.says(
      /✓ requests are accepted: the server shows its old key, of the row "api\.example\.test"/u,
    );
    const [, key = '', next = ''] = await game.says(/Step 1:[\s\S]* key +(\S+)\s+value +(\S+)/u);
    expect(key).to.equal(`${host}#next`);

    const ui = await VaultUi.open(browser, address);
    await ui.logInAt(page, { user, password });
    await ui.edit({ [key]: next });
    await game.says(/version 2 is in force/u);
    await game.says(/\+ "api\.example\.test#next" +sha256\//u);
    await game.says(/Both keys are accepted now/u);
    await game.says(/the server's key changes/u);
    await game.says(/accepted: the server shows its new key, of the row "api\.example\.test#next"/u);

    await game.says(/Step 2: [\s\S]*\s{4}api\.example\.test\n/u);
    await ui.edit({ [host]: undefined });
    await game.says(/version 3 is in force/u);
    await game.says(/- "api\.example\.test" +sha256\//u);
    await game.says(/the kept connection from 127\.0\.0\.1:\d+ ended, which was made under the\s+old key/u);
    await game.says(/That was a rotation/u);

    await ui.edit({ [key]: next.slice(0, -6) });
    await game.says(/row "api\.example\.test#next" of version 4 is set aside: ERR_PIN_SYNTAX/u);
    await game.says(/its host keeps its last good pins/u);
    await ui.edit({ [key]: undefined });
    await game.says(/requests are refused: ERR_PIN_HOST_UNCOVERED, 0 bytes/u);
    await game.says(/Undo it/u);
    await ui.restore(3);
    await game.says(/requests are accepted/u);
    expect(await game.interrupt()).to.equal(130);
    await game.says(/Ended by SIGINT; everything is closed/u);
    expect(game.hasLeftProcesses).to.equal(false);
    expect(await readdir(temporary)).to.deep.equal([]);
    const health = { address, method: 'GET', path: 'sys/health' };
    expect(await callApi(health).catch((error: NodeJS.ErrnoException) => error.code)).to.equal(
      'ECONNREFUSED',
    );
  });

  it('tells of what is refused, revoked, or open', async () => {
    const [, page = '', address = ''] = await game.says(/Open +((http:\/\/127\.0\.0\.1:\d+)\S+)/u);
    const [, user = '', password = ''] = await game.says(/Username (\S+) +Password (\S+)/u);
    const [, next = ''] = await game.says(/Step 1:[\s\S]* value +(\S+)/u);
    const ui = await VaultUi.open(browser, address);
    await ui.logInAt(page, { user, password });

    await ui.edit({ [`https://${host}`]: next });
    await game.says(/version 2 is refused whole: ERR_DOCUMENT_MALFORMED/u);
    await game.says(/the pins of version 1 stay in force/u);
    await ui.edit({ [`https://${host}`]: undefined, [`${host}#next`]: `sha256/${'A'.repeat(42)}E=` });
    await game.says(/version 3 is in force[\s\S]*it is of no key that the server is going to have/u);
    await ui.edit({ [`${host}#next`]: undefined, [host]: 'none' });
    await game.says(/requests are accepted[\s\S]*no pin of the server's key is why/u);
    await ui.edit({ [host]: next });
    await game.says(/requests are refused: ERR_PIN_MISMATCH, 0 bytes[\s\S]*Undo it/u);
    await ui.restore(1);
    await game.says(/requests are accepted[\s\S]*Step 1/u);
    await ui.edit({ '$revoked#leak': next });
    await game.says(/version 7 is in force[\s\S]*\+ "\$revoked#leak"[\s\S]*Step 1/u);
    expect(await game.interrupt()).to.equal(130);
  });

  it('leaves no server even where the demo itself is killed', async () => {
    await game.says(/Step 1/u);
    await game.kill();
    await until(
      async () => !game.hasLeftProcesses && (await readdir(temporary)).length === 0,
      () => 'a server, or its folder, is left',
    );
  });

  it('gives a log-in that may edit the pins, and nothing else', async () => {
    const [, address = ''] = await game.says(/(http:\/\/127\.0\.0\.1:\d+)\/ui/u);
    const [, user = '', password = ''] = await game.says(/Username (\S+) +Password (\S+)/u);
    const login = { address, method: 'POST', path: `auth/userpass/login/${user}`, body: { password } };
    const { body } = (await callApi(login)) as {
      body: { auth: { client_token: string; policies: string[] } };
    };
    expect(body.auth.policies).to.have.members(['default', 'tls-pins-operator']);
    const token = body.auth.client_token;
    const other = { address, token, method: 'POST', path: 'secret/data/other', body: { data: {} } };
    expect((await callApi(other)).status).to.equal(403);
    expect(await game.interrupt()).to.equal(130);
    expect(game.hasLeftProcesses).to.equal(false);
  });
});

describe('npm run demo, asked for what it has not', () => {
  let checkout: string;

  // As somebody has it who has just cloned it: nothing installed, nothing built.
  before(async () => {
    checkout = await mkdtemp(join(tmpdir(), 'pinvault-checkout-'));
    await cp(join(root, 'tools'), join(checkout, 'tools'), { recursive: true });
    await mkdir(join(checkout, 'examples/demo'), { recursive: true });
    await cp(join(root, 'examples/demo/arguments.mjs'), join(checkout, 'examples/demo/arguments.mjs'));
  });

  after(async () => {
    await rm(checkout, { recursive: true, force: true });
  });

  for (const [asked, complaint] of [
    [['--paly'], '--paly'],
    [['--vault=foo'], '--vault=foo'],
    [['--vault', 'constructor'], '--vault=constructor'],
    [['--vault=openbao', '--provider=aws'], '--provider=aws'],
    [['--play', '--provider=azure'], '--provider=azure'],
  ] as const) {
    it(`refuses ${asked.join(' ')} before anything is installed or built`, async () => {
      const { exitCode, output, errors } = await demo(checkout, asked);
      expect(exitCode).to.equal(2);
      expect(output).to.equal('');
      expect(errors.split('\n')[0]).to.include(complaint);
    });
  }

  it('says what there is, as early', async () => {
    const { exitCode, output } = await demo(checkout, ['--help']);
    expect(exitCode).to.equal(0);
    for (const choice of ['--vault=openbao', '--provider=aws', '--provider=azure', '--play']) {
      expect(output).to.include(choice);
    }
  });

  it('says what to do where OpenBao cannot be had', async () => {
    const program = join(root, 'examples/demo/dist/main.js');
    const child = spawn(process.execPath, [program, '--play'], {
      env: { PATH: process.env['PATH'], PINVAULT_OPENBAO_MISSING: 'PyPI cannot be reached' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk));
    await once(child, 'close');
    expect(child.exitCode).to.equal(1);
    expect(errors).to.include('PyPI cannot be reached').and.include('https://openbao.org/docs/install');
  });
});

async function demo(
  checkout: string,
  args: readonly string[],
): Promise<{ readonly exitCode: number | null; readonly output: string; readonly errors: string }> {
  const child = spawn(process.execPath, [join(checkout, 'tools/bootstrap.mjs'), 'demo', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [output, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk));
  await once(child, 'close');
  return { exitCode: child.exitCode, output, errors };
}
