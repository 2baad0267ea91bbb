import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';

const folder = fileURLToPath(new URL('../../../docs/operators/', import.meta.url));
const marginBelow = 24;

/** What the chapter shows; the driver offers more. */
export const pictures = ['log-in', 'add-row', 'delete-row', 'versions', 'restore'] as const;

/**
 * Takes the pictures of docs/operators.md, into that folder where PINVAULT_SCREENSHOTS=docs asks for it. Otherwise the tree
 * stays as it is.
 */
export async function takePicture(page: Page, name: string): Promise<void> {
  if (process.env['PINVAULT_SCREENSHOTS'] !== 'docs' || !pictures.some((known) => known === name)) return;
  await mkdir(folder, { recursive: true });
  const { width } = page.viewportSize() ?? { width: 0 };
  // The log-in stands in the middle of an empty page.
  const aside = name === 'log-in' ? 240 : 0;
  const shown = await page.locator('form, .toolbar, .popup-menu-content, .info-table-row').all();
  const boxes = await Promise.all(shown.map((element) => element.boundingBox()));
  const bottom = Math.max(...boxes.map((box) => (box === null ? 0 : box.y + box.height)));
  await page.screenshot({
    path: `${folder}${name}.png`,
    clip: { x: aside, y: 0, width: width - 2 * aside, height: Math.ceil(bottom) + marginBelow },
    // Notices of earlier edits would lie over the form.
    style: '.global-flash { display: none } * { caret-color: transparent }',
    animations: 'disabled',
  });
}
