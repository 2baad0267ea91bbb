import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { openRecord } from '#src/resolver/last-known-good-record.js';
import { folderOfEachTest } from '../support/folder.js';

const child = new URL('../support/last-known-good-process.js', import.meta.url);
const key = Buffer.alloc(32, 7);

/** Where the child kills itself: the steps of one write, in their order. */
const steps = ['open', 'write', 'half', 'sync', 'close', 'rename', 'renamed', 'synced'] as const;

describe('a process that is killed while it writes the last known good pins', () => {
  const folder = folderOfEachTest();

  function begin(step: string): ChildProcess {
    const env = { ...process.env, PINVAULT_TEST_DIRECTORY: folder.path, PINVAULT_TEST_STEP: step };
    return spawn(process.execPath, [child.pathname], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  }

  /** The number in the copy: whole, sealed and with as many rows as belong to it; 0 where there is none yet. */
  async function numberInForce(): Promise<number> {
    const [name] = (await readdir(folder.path)).filter((each) => each.endsWith('.pins'));
    if (name === undefined) return 0;
    const { revision, document } = openRecord(await readFile(join(folder.path, name)), key);
    const number = Number(revision);
    expect(Object.keys(JSON.parse(document) as object)).to.have.length(rowsOf(number));
    return number;
  }

  async function litter(): Promise<number> {
    return (await readdir(folder.path)).filter((name) => name.endsWith('.tmp')).length;
  }

  for (const step of steps) {
    it(`leaves the old copy or the new one, whole, where it dies at "${step}"`, async function () {
      this.timeout(20_000);
      const process = begin(step);
      const [, signal] = (await once(process, 'exit')) as [number | null, string | null];
      expect(signal).to.equal('SIGKILL');
      // It dies in its third write.
      const isDone = ['renamed', 'synced'].includes(step);
      expect(await numberInForce()).to.equal(isDone ? 3 : 2);
      expect(await litter()).to.equal(isDone ? 0 : 1);
      // Whoever writes next clears up.
      await once(begin('end'), 'exit');
      expect(await numberInForce()).to.equal(3);
      expect(await litter()).to.equal(0);
    });
  }

  it('leaves a whole copy at whatever moment it dies, and no growing litter', async function () {
    this.timeout(60_000);
    const found: number[] = [];
    for (let round = 0; round < 12; round += 1) {
      const writing = begin('never');
      const exited = once(writing, 'exit');
      // Up to the first write it is Node that starts; from then on any moment will do.
      const [first] = (await once(writing.stdout as NonNullable<typeof writing.stdout>, 'data')) as [Buffer];
      expect(first.toString()).to.contain('writing');
      // Longer in the later rounds: on a slow disk a write takes its time.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20 * (round + 1)));
      writing.kill('SIGKILL');
      await exited;
      found.push(await numberInForce());
      expect(await litter()).to.be.at.most(1);
    }
    expect(Math.max(...found)).to.be.greaterThan(1);
  });

  it('lives on with the last document where the disk is full, and the old copy stays', async function () {
    if (process.platform === 'win32') return this.skip(); // it takes a POSIX shell and its limits
    this.timeout(20_000);
    await once(begin('end'), 'exit');
    // No file may grow beyond nothing: what a full disk is to a write.
    const limited = `trap '' XFSZ; ulimit -f 0; exec "$0" "$1"`;
    // Without what a coverage run would have it write.
    const { NODE_V8_COVERAGE: _coverage, ...inherited } = process.env;
    const env = { ...inherited, PINVAULT_TEST_DIRECTORY: folder.path, PINVAULT_TEST_STEP: 'full' };
    const running = spawn('bash', ['-c', limited, process.execPath, child.pathname], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    running.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const [code] = (await once(running, 'close')) as [number | null];
    expect([code, output]).to.deep.equal([0, 'writing\ncould not be written: EFBIG, 3\n']);
    expect(await numberInForce()).to.equal(3);
    expect(await litter()).to.equal(0);
  });

  it('the tests themselves would see a copy that is written in place', async () => {
    await once(begin('end'), 'exit');
    const [name = ''] = await readdir(folder.path);
    const whole = await readFile(join(folder.path, name));
    await rename(join(folder.path, name), join(folder.path, 'gone'));
    await writeFile(join(folder.path, name), whole.subarray(0, whole.length / 2));
    let caught: unknown;
    await numberInForce().catch((error: unknown) => (caught = error));
    expect(caught).to.be.an.instanceof(Error);
  });
});

/** As the child writes them: each number has another size. */
function rowsOf(number: number): number {
  return 1 + ((number * 37) % 211);
}
