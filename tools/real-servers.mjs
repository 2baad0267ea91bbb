import { findChromium } from './chromium.mjs';
import { findMoto } from './moto.mjs';
import { findOpenBao } from './openbao.mjs';
import { step } from './steps.mjs';

const servers = {
  openbao: { name: 'OpenBao', variable: 'PINVAULT_OPENBAO', find: findOpenBao },
  chromium: { name: 'Chromium', variable: 'PINVAULT_CHROMIUM', find: findChromium },
  moto: { name: 'moto', variable: 'PINVAULT_MOTO', find: findMoto },
};

/** Looks for real servers, says what came of it, and returns the variables by which tests and demo learn of them. */
export async function realServers(...wanted) {
  const environment = {};
  for (const { name, variable, find } of wanted.map((each) => servers[each])) {
    await step(name, async () => {
      const { path, reason } = await find();
      environment[path ? variable : `${variable}_MISSING`] = path ?? reason;
      return path ?? `not available: ${reason}`;
    });
  }
  return environment;
}
