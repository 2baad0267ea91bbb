import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { describeWithVaultUi, startChromium } from './chromium.js';
import { takePicture } from './screenshots.js';
import { VaultUi } from './vault-ui.js';
import { host, operator, Site, World } from './world.js';

describeWithVaultUi("an operator in the vault's own web interface", function () {
  this.timeout(120_000);

  let browser: Browser;
  let site: Site;
  let world: World;
  let ui: VaultUi;

  before(async () => {
    // With a root token that can be recognised, unlike that of the dev mode.
    site = await Site.start('persistent');
    browser = await startChromium();
  });

  after(async () => {
    await browser.close();
    await site.close();
  });

  beforeEach(async () => {
    world = await World.start(site);
    ui = await VaultUi.open(browser, site.vault.address, async (page, name) => {
      // Nothing that the operator sees, and no picture of it, holds the key to the whole vault.
      expect(await page.content()).not.to.include(site.vault.token);
      await takePicture(page, name);
    });
    await ui.logIn(operator);
  });

  afterEach(async () => {
    await ui.close();
    await world.close();
  });

  it('rotates a key: the service follows each edit, and refuses the removed pin before one byte', async () => {
    const { server, leaves, pins } = world;
    expect(await world.request()).to.deep.include({ outcome: 200 });
    server.use([leaves.next]);
    world.agent.destroy();
    expect(await world.request()).to.deep.equal({ outcome: 'ERR_PIN_MISMATCH', bytes: 0 });
    server.use([leaves.old]);

    await ui.edit({ [`${host}#next`]: leaves.next.pin }, 'add-row');
    expect(await ui.shownVersion()).to.equal('Version 2');
    await world.followed('2');
    expect(await world.request()).to.deep.include({ outcome: 200 });
    server.use([leaves.next]);
    world.agent.destroy();
    expect(await world.request()).to.deep.include({ outcome: 200 });

    await ui.edit({ [host]: undefined }, 'delete-row');
    expect(await ui.shownVersion()).to.equal('Version 3');
    await world.followed('3');
    expect(await world.request()).to.deep.include({ outcome: 200 });
    server.use([leaves.old]);
    world.agent.destroy();
    expect(await world.request()).to.deep.equal({ outcome: 'ERR_PIN_MISMATCH', bytes: 0 });
    expect(pins.status()).to.include({ state: 'fresh', revision: '3', source: 'provider' });
  });

  it('ends the idle connection of the removed pin', async () => {
    const { leaves } = world;
    expect(await world.request()).to.deep.include({ outcome: 200 });
    expect(Object.values(world.agent.freeSockets).flat()).to.have.lengthOf(1);
    await ui.edit({ [host]: undefined, [`${host}#next`]: leaves.next.pin });
    await world.followed('2');
    expect(Object.values(world.agent.freeSockets).flat()).to.deep.equal([]);
    expect(await world.request()).to.deep.equal({ outcome: 'ERR_PIN_MISMATCH', bytes: 0 });
  });

  it('mistypes a pin: the row is set aside and named, and the host keeps its last good pins', async () => {
    const { leaves, pins } = world;
    const neighbour = 'pay.example.com';
    await ui.edit({ [host]: leaves.old.pin.slice(0, -6), [neighbour]: leaves.next.pin });
    const { row, revision } = await world.told('rowRejected');
    expect({ revision, pattern: row.pattern, tokenIndex: row.tokenIndex }).to.deep.equal({
      revision: '2',
      pattern: host,
      tokenIndex: 0,
    });
    expect(pins.status().quarantined.map(({ pattern }) => pattern)).to.deep.equal([host]);
    expect(pins.lookup(neighbour).rule).to.equal('pins');
    world.agent.destroy();
    expect(await world.request()).to.deep.include({ outcome: 200 });

    await ui.edit({ [host]: leaves.old.pin });
    await world.followed('3');
    expect(pins.status().quarantined).to.deep.equal([]);
  });

  it('undoes an edit by restoring an old version', async () => {
    const { leaves } = world;
    await ui.edit({ [`${host}#next`]: leaves.next.pin });
    await ui.edit({ [host]: undefined });
    await world.followed('3');
    expect(await world.request()).to.deep.equal({ outcome: 'ERR_PIN_MISMATCH', bytes: 0 });

    await ui.restore(2);
    expect(await ui.shownVersion()).to.equal('Version 4');
    await world.followed('4');
    expect(await world.request()).to.deep.include({ outcome: 200 });
    expect((await site.vault.api('GET', 'secret/data/tls-pins')).body).to.deep.nested.include({
      'data.data': { [host]: leaves.old.pin, [`${host}#next`]: leaves.next.pin },
    });
  });

  it('cannot save over what somebody else has saved meanwhile', async () => {
    const { leaves } = world;
    const second = await VaultUi.open(browser, site.vault.address);
    await second.logIn(operator);
    const form = await second.openForm();
    await ui.edit({ [`${host}#next`]: leaves.next.pin });
    expect(await form.save()).to.include('check-and-set parameter did not match the current version');
    await world.followed('2');
    await second.close();
  });
});
