import type { Browser, Locator, Page } from 'playwright-core';

/** What stands in the secret's form: `undefined` deletes a row. */
export type RowChanges = Readonly<Record<string, string | undefined>>;

// Far more than a page takes: a browser beside other tests on two cores.
const stepLimitMs = 30_000;
// Wide enough for a whole pin, and not for the interface's side bar.
const viewport = { width: 1000, height: 760 };

/**
 * A person at OpenBao's own web interface: clicks and types, and knows no API. The words on the page are how it finds its
 * way, as they are for the reader of docs/operators.md.
 */
export class VaultUi {
  readonly #page: Page;
  readonly #address: string;
  readonly #screenshot: (page: Page, name: string) => Promise<void>;

  private constructor(
    page: Page,
    address: string,
    screenshot: (page: Page, name: string) => Promise<void> = async () => undefined,
  ) {
    this.#page = page;
    this.#address = address;
    this.#screenshot = screenshot;
  }

  /** `screenshot` is asked wherever the operators' chapter has a picture. */
  static async open(
    browser: Browser,
    address: string,
    screenshot?: (page: Page, name: string) => Promise<void>,
  ): Promise<VaultUi> {
    const page = await browser.newPage({ viewport });
    page.setDefaultTimeout(stepLimitMs);
    return new VaultUi(page, address, screenshot);
  }

  /** Logs in, and lands on the secret. */
  async logIn(operator: { readonly user: string; readonly password: string }): Promise<void> {
    await this.logInAt(loginAddress(this.#address), operator);
  }

  /** The same, at the address that somebody printed. */
  async logInAt(
    url: string,
    { user, password }: { readonly user: string; readonly password: string },
  ): Promise<void> {
    await this.#page.goto(url);
    await this.#page.getByLabel('Username').fill(user);
    await this.#page.getByLabel('Password').fill(password);
    await this.#screenshot(this.#page, 'log-in');
    await this.#page.getByRole('button', { name: 'Sign In' }).click();
    await this.#newVersion.waitFor();
    await this.#screenshot(this.#page, 'secret');
  }

  /** Changes rows in the form, and saves them as one new version. `picture` is taken before that. */
  async edit(changes: RowChanges, picture?: string): Promise<void> {
    await this.#newVersion.click();
    await this.#rows.last().waitFor();
    for (const [key, value] of Object.entries(changes)) await this.#change(key, value);
    await this.#saveForm(picture);
  }

  /** Makes an old version the newest one, as the chapter says: choose it, create a new version of it, save. */
  async restore(version: number): Promise<void> {
    await this.#page.getByRole('button', { name: /^Version \d+$/u }).click();
    const choice = this.#page.getByRole('link', { name: `Version ${version}`, exact: true });
    await choice.waitFor();
    await this.#screenshot(this.#page, 'versions');
    await choice.click();
    await this.#page.waitForURL(`**/show/tls-pins?version=${version}`);
    // The address changes before the page does, whose link would still lead to the form of the newest version.
    await this.#newVersion.and(this.#page.locator(`[href$="?version=${version}"]`)).click();
    await this.#page.getByText(`based on data from Version ${version}`).waitFor();
    await this.#saveForm('restore');
  }

  /** Opens the form now and saves it later, as it then stands. `save` resolves with what the interface complains of. */
  async openForm(): Promise<{ readonly save: () => Promise<string> }> {
    await this.#newVersion.click();
    await this.#rows.last().waitFor();
    return {
      save: async () => {
        await this.#page.getByRole('button', { name: 'Save' }).click();
        return this.#page.locator('.message.is-danger, [data-test-alert], .hds-alert').first().innerText();
      },
    };
  }

  /** What the interface says of the version that it shows. */
  async shownVersion(): Promise<string> {
    return (await this.#page.getByRole('button', { name: /^Version \d+$/u }).innerText()).trim();
  }

  async close(): Promise<void> {
    await this.#page.close();
  }

  get #newVersion(): Locator {
    return this.#page.getByRole('link', { name: 'Create new version' });
  }

  get #rows(): Locator {
    return this.#page.locator('form .columns');
  }

  async #change(key: string, value: string | undefined): Promise<void> {
    const row = await this.#rowOf(key);
    if (value === undefined) {
      if (row === undefined) throw new Error(`there is no row ${key} to delete`);
      const before = await this.#rows.count();
      await row.getByRole('button', { name: 'Delete row' }).click();
      await this.#rows.nth(before - 1).waitFor({ state: 'detached' });
    } else if (row === undefined) {
      // The last row is the empty one; "Add" is for more than one at a time.
      await this.#rows.last().getByPlaceholder('key').fill(key);
      await this.#rows.last().locator('textarea').fill(value);
      await this.#rows.last().getByRole('button', { name: 'Add' }).click();
    } else {
      await row.locator('textarea').fill(value);
    }
  }

  async #rowOf(key: string): Promise<Locator | undefined> {
    for (const row of await this.#rows.all()) {
      if ((await row.getByPlaceholder('key').inputValue()) === key) return row;
    }
    return undefined;
  }

  async #saveForm(picture?: string): Promise<void> {
    if (picture !== undefined) {
      for (const eye of await this.#page.locator('.masked-input-toggle').all()) await eye.click();
      await this.#screenshot(this.#page, picture);
    }
    await this.#page.getByRole('button', { name: 'Save' }).click();
    await this.#page.waitForURL((url) => url.pathname.endsWith('/show/tls-pins') && url.search === '');
    await this.#newVersion.waitFor();
  }
}

/** Where the log-in with a password leads straight to the secret. */
function loginAddress(address: string): string {
  const secret = encodeURIComponent('/vault/secrets/secret/show/tls-pins');
  return `${address}/ui/vault/auth?with=userpass&redirect_to=${secret}`;
}
