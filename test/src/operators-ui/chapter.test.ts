import { expect } from 'chai';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describeWithOpenBao } from '../support/open-bao.js';
import { chapter, chapterCommands } from './chapter.js';
import { pictures } from './screenshots.js';
import { host, operator, Site, World } from './world.js';

describe("the operators' chapter", () => {
  it('shows the pictures that the test of the interface takes, and no others', () => {
    const shown = [...chapter.matchAll(/!\[[^\]]+\]\(operators\/([a-z-]+)\.png\)/gu)].map(([, name]) => name);
    expect(shown).to.have.members([...pictures]);
    for (const name of pictures) {
      const file = new URL(`../../../docs/operators/${name}.png`, import.meta.url);
      expect(existsSync(file), name).to.equal(true);
    }
  });

  it('has commands under these headings, all of which are run below or at the set-up', () => {
    const counts = [...chapterCommands].map(([heading, scripts]) => [heading, scripts.length]);
    expect(counts.filter(([, count]) => count !== 0)).to.deep.equal([
      ['Rotate a key', 5],
      ['Undo', 1],
      ['A key has leaked', 1],
      ['Emergency', 2],
      ['Set-up, once', 1],
    ]);
  });
});

describeWithOpenBao("the commands of the operators' chapter", function () {
  this.timeout(120_000);

  let site: Site;
  let world: World;
  let instance: Server;

  before(async () => {
    site = await Site.start('dev');
    // `bao login` reads a password from a terminal only.
    await run('bao login -method=userpass username="$USER" password="$PASSWORD"', {
      USER: operator.user,
      PASSWORD: operator.password,
    });
  });

  after(async () => {
    await site.close();
  });

  beforeEach(async () => {
    world = await World.start(site);
    instance = createServer((_, response) => response.end(JSON.stringify(world.pins.status())));
    instance.listen(0, '127.0.0.1');
    await once(instance, 'listening');
  });

  afterEach(async () => {
    instance.close();
    await world.close();
  });

  async function run(script: string, variables: NodeJS.ProcessEnv = {}): Promise<string> {
    const { exitCode, output } = await site.shell.run(script, variables);
    expect(exitCode, `${script}\n${output}`).to.equal(0);
    return output;
  }

  function command(heading: string, index: number): string {
    const script = chapterCommands.get(heading)?.[index];
    if (script === undefined) throw new Error(`the chapter has no command ${index} under "${heading}"`);
    return script;
  }

  it('rotate a key', async () => {
    const { leaves, server, pins, agent } = world;
    const [getPin, add, savedVersion, showStatus, remove] = [0, 1, 2, 3, 4].map((index) =>
      command('Rotate a key', index),
    ) as [string, string, string, string, string];

    const pem = leaves.next.key.privateKey.export({ type: 'pkcs8', format: 'pem' });
    await site.shell.put('next-key.pem', pem.toString());
    const [pin = ''] = /sha256\/[A-Za-z0-9+/]{43}=/u.exec(await run(getPin)) ?? [];
    expect(pin).to.equal(leaves.next.pin);

    await run(add, { NEXT_PIN: pin });
    const [, version = ''] = /^current_version +(\d+)$/mu.exec(await run(savedVersion)) ?? [];
    expect(version).to.equal('2');
    await world.followed(version);
    const { port } = instance.address() as AddressInfo;
    const status = JSON.parse(await run(showStatus, { INSTANCE: `http://127.0.0.1:${port}` })) as unknown;
    expect(status).to.deep.include({ revision: version, state: 'fresh', quarantined: [] });

    server.use([leaves.next]);
    expect((await world.request()).outcome).to.equal(200);
    await run(remove);
    await world.followed('3');
    expect(pins.snapshot.document.rows.map(({ label }) => label)).to.deep.equal(['next']);
    server.use([leaves.old]);
    agent.destroy();
    expect(await world.request()).to.deep.equal({ outcome: 'ERR_PIN_MISMATCH', bytes: 0 });
  });

  it('undo an edit', async () => {
    await run(command('Emergency', 1));
    await world.followed('2');
    await run(command('Undo', 0), { GOOD_VERSION: '1' });
    await world.followed('3');
    expect(world.pins.snapshot.document.rows.map(({ rule }) => rule)).to.deep.equal(['pins']);
  });

  it('revoke a leaked key, whatever its own row says', async () => {
    const { leaves } = world;
    expect((await world.request()).outcome).to.equal(200);
    await run(command('A key has leaked', 0), { LEAKED_PIN: leaves.old.pin });
    await world.followed('2');
    expect(Object.values(world.agent.freeSockets).flat()).to.deep.equal([]);
    expect(await world.request()).to.deep.equal({ outcome: 'ERR_PIN_REVOKED', bytes: 0 });

    for (const [index, version] of ['3', '4'].entries()) {
      await run(command('Emergency', index), { PIN: leaves.next.pin });
      await world.followed(version);
      expect(await world.request()).to.deep.equal({ outcome: 'ERR_PIN_REVOKED', bytes: 0 });
    }
  });

  it('undo a revocation too, where an older version is restored', async () => {
    await run(command('A key has leaked', 0), { LEAKED_PIN: world.leaves.old.pin });
    await world.followed('2');
    expect(await world.request()).to.deep.equal({ outcome: 'ERR_PIN_REVOKED', bytes: 0 });
    await run(command('Undo', 0), { GOOD_VERSION: '1' });
    await world.followed('3');
    expect((await world.request()).outcome).to.equal(200);
  });

  it('open a host in an emergency', async () => {
    const { leaves, server } = world;
    server.use([leaves.next]);
    expect(await world.request()).to.deep.equal({ outcome: 'ERR_PIN_MISMATCH', bytes: 0 });
    await run(command('Emergency', 0), { PIN: leaves.old.pin });
    await world.followed('2');
    expect((await world.request()).outcome).to.equal(200);
    expect(await world.told('mismatch')).to.include({ host });
    await run(command('Emergency', 1));
    await world.followed('3');
    expect(world.pins.lookup(host).rule).to.equal('none');
    expect((await world.request()).outcome).to.equal(200);
  });

  it('let the operator edit this one secret, and nothing else', async () => {
    const { vault } = site;
    const token = await vault.createToken({ policies: ['default', 'tls-pins-operator'] });
    const write = { data: { [host]: 'none' } };
    expect((await vault.api('POST', 'secret/data/other', write, token)).status).to.equal(403);
    expect((await vault.api('DELETE', 'secret/data/tls-pins', undefined, token)).status).to.equal(403);
    expect((await vault.api('DELETE', 'secret/metadata/tls-pins', undefined, token)).status).to.equal(403);
    expect((await vault.api('GET', 'sys/policies/acl', undefined, token)).status).to.equal(403);
    expect((await vault.api('GET', 'secret/metadata?list=true', undefined, token)).status).to.equal(403);
    expect((await vault.api('POST', 'secret/data/tls-pins', write, token)).status).to.equal(200);
  });
});
