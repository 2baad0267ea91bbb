import { findOpenBao } from './openbao.mjs';
import { step } from './steps.mjs';

/** Looks for OpenBao, says what came of it, and returns the variables by which tests and demo learn of it. */
export async function openBaoEnvironment() {
  let environment = {};
  await step('OpenBao', async () => {
    const { path, reason } = await findOpenBao();
    environment = path ? { PINVAULT_OPENBAO: path } : { PINVAULT_OPENBAO_MISSING: reason };
    return path ?? `not available: ${reason}`;
  });
  return environment;
}
