import { expect } from 'chai';
import type { PinEvent } from 'pinvault';
import { describeWithOpenBao } from '../support/open-bao.js';
import { chapter } from './chapter.js';
import { host, Site, World } from './world.js';

const pin = `sha256/${'A'.repeat(42)}E=`;

/** What the chapter's table says of a mistake, by the first words of its row. */
function said(mistake: string): string {
  const row = chapter.split('\n').find((line) => line.startsWith(`| ${mistake}`));
  if (row === undefined) throw new Error(`the chapter does not know: ${mistake}`);
  return row;
}

describeWithOpenBao("the mistakes of the operators' chapter", function () {
  this.timeout(120_000);

  let site: Site;
  let world: World;
  let eventsBefore: number;

  before(async () => {
    site = await Site.start('dev');
  });

  after(async () => {
    await site.close();
  });

  beforeEach(async () => {
    world = await World.start(site);
    eventsBefore = world.events.length;
  });

  afterEach(async () => {
    await world.close();
  });

  async function save(rows: Readonly<Record<string, string>>): Promise<void> {
    expect((await site.vault.api('POST', 'secret/data/tls-pins', { data: rows })).status).to.equal(200);
  }

  /** The event that tells of the mistake; the chapter names it and its code, and the good pins serve on. */
  async function isTold<Type extends PinEvent['type']>(
    mistake: string,
    type: Type,
    codeOf: (event: Extract<PinEvent, { type: Type }>) => string,
  ): Promise<void> {
    const event = await world.told(type, eventsBefore);
    expect(said(mistake))
      .to.include(`\`${type}\``)
      .and.include(`\`${codeOf(event)}\``);
  }

  async function servesOn(): Promise<void> {
    expect((await world.request()).outcome).to.equal(200);
    world.server.use([world.leaves.next]);
    world.agent.destroy();
    expect(await world.request()).to.deep.equal({ outcome: 'ERR_PIN_MISMATCH', bytes: 0 });
  }

  for (const [what, value] of [
    ['mistyped', 'sha256/abc'],
    ['left empty', ''],
  ] as const) {
    it(`a pin that is ${what} is set aside and named`, async () => {
      await save({ [host]: value, 'pay.example.com': pin });
      await isTold('a pin is mistyped', 'rowRejected', ({ row }) => row.code);
      expect(world.pins.status().quarantined.map(({ pattern }) => pattern)).to.deep.equal([host]);
      await servesOn();
    });
  }

  it('a pin of the wrong key refuses the new one', async () => {
    await save({ [host]: world.leaves.old.pin, [`${host}#next`]: pin });
    await world.followed('2');
    expect((await world.request()).outcome).to.equal(200);
    world.server.use([world.leaves.next]);
    world.agent.destroy();
    expect(await world.request()).to.deep.equal({ outcome: 'ERR_PIN_MISMATCH', bytes: 0 });
    await isTold('a well-formed pin of the wrong key', 'mismatch', ({ error }) => error.code);
  });

  it('the old row deleted too early refuses the server', async () => {
    await save({ [`${host}#next`]: world.leaves.next.pin });
    await world.followed('2');
    expect(await world.request()).to.deep.equal({ outcome: 'ERR_PIN_MISMATCH', bytes: 0 });
    await isTold('the old row is deleted', 'mismatch', ({ error }) => error.code);
  });

  it("a host's only row deleted refuses the host", async () => {
    await save({ 'pay.example.com': pin });
    await world.followed('2');
    expect(await world.request()).to.deep.equal({ outcome: 'ERR_PIN_HOST_UNCOVERED', bytes: 0 });
    await isTold("a host's only row", 'mismatch', ({ error }) => error.code);
  });

  for (const key of [`https://${host}`, '$revokd']) {
    it(`a key such as ${key} changes nothing, and is told`, async () => {
      await save({ [host]: world.leaves.next.pin, [key]: pin });
      await isTold('a key is mistyped', 'documentRejected', ({ error }) => error.code);
      expect(world.pins.status().lastRejected?.code).to.equal('ERR_DOCUMENT_MALFORMED');
      await servesOn();
    });
  }

  it('a mistyped pin in the only row changes nothing, and is told', async () => {
    await save({ [host]: 'sha256/abc' });
    await isTold('a key is mistyped', 'documentRejected', ({ error }) => error.code);
    await servesOn();
  });

  it('no row at all changes nothing, and is told', async () => {
    await save({});
    await isTold('every row is deleted', 'documentRejected', ({ error }) => error.code);
    await servesOn();
  });

  it('a deleted secret changes nothing, and is told', async () => {
    await site.vault.api('DELETE', 'secret/data/tls-pins');
    await isTold('the secret, or its newest version', 'refreshError', ({ error }) => error.code);
    expect(world.pins.status().lastError?.code).to.equal('ERR_PROVIDER_NOT_FOUND');
    await servesOn();
  });
});
