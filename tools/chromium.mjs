import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const names =
  process.platform === 'win32' ? ['chrome.exe'] : ['chromium', 'chromium-browser', 'google-chrome', 'chrome'];

/**
 * Where a Chromium lies, for the tests that edit pins in the vault's own web interface: the file that
 * `PINVAULT_CHROMIUM` names, or one on PATH. Returns `{ path }` or `{ reason }`, and never throws. Nothing is fetched.
 */
export async function findChromium() {
  const given = process.env.PINVAULT_CHROMIUM;
  if (given) {
    return existsSync(given) ? { path: given } : { reason: `PINVAULT_CHROMIUM names no file: ${given}` };
  }
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const path = names.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);
  return path
    ? { path }
    : {
        reason: 'no chromium is on PATH (Debian: apt-get install chromium), and PINVAULT_CHROMIUM names none',
      };
}
