import { parseArgs } from 'node:util';
import { setStage, type Stage } from './stage.js';
import { BrokenPromise, tell } from './story.js';
import { Terminal } from './terminal.js';
import type { DemoVault } from './vaults/demo-vault.js';
import { startDemoDevVault } from './vaults/dev-vault.js';
import { startDemoOpenBao } from './vaults/openbao-vault.js';

const usage = `npm run demo                       the story of one rotation, with a vault inside the process
npm run demo -- --vault=openbao    the same against a real OpenBao server
`;

// Bounded, whatever happens.
const hardStopMs = 60_000;
const host = 'api.example.com';

async function main(): Promise<number> {
  let vaultName: string;
  try {
    const { values } = parseArgs({
      options: { vault: { type: 'string', default: 'dev' }, help: { type: 'boolean' } },
    });
    if (values.help === true) {
      process.stdout.write(usage);
      return 0;
    }
    vaultName = values.vault;
    if (vaultName !== 'dev' && vaultName !== 'openbao')
      throw new TypeError(`--vault=${vaultName}: the choices are dev and openbao`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 2;
  }
  const binary = process.env['PINVAULT_OPENBAO'] ?? '';
  if (vaultName === 'openbao' && binary === '') {
    const reason =
      process.env['PINVAULT_OPENBAO_MISSING'] ?? 'PINVAULT_OPENBAO names no server (npm run demo sets it)';
    process.stderr.write(`There is no OpenBao: ${reason}\n`);
    return 1;
  }
  return perform(vaultName === 'openbao' ? () => startDemoOpenBao(binary) : startDemoDevVault);
}

async function perform(startVault: () => Promise<DemoVault>): Promise<number> {
  const terminal = new Terminal(process.stdout, process.env);
  let stage: Stage | undefined;
  let vault: DemoVault | undefined;
  try {
    vault = await startVault();
    stage = await setStage(host);
    terminal.line(
      `${terminal.style('pinvault', 'bold')}: one rotation, from the operator's side and from the attacker's`,
    );
    terminal.line();
    terminal.line(`  vault     ${vault.description}`);
    terminal.line(
      `  peer      https://${host}, freshly minted under "${stage.trustedCa.replace('CN=', '')}"`,
    );
    terminal.line(`  service   this process, Node ${process.versions.node}; reads the vault every second`);
    await tell(stage, vault, terminal);
    terminal.line();
    terminal.done(
      `the story is true: nothing was lost, nobody else was believed (${terminal.elapsed().toFixed(0)} s)`,
    );
    return 0;
  } catch (error) {
    terminal.line();
    terminal.broken(
      error instanceof BrokenPromise ? `not kept: ${error.message}` : `the demo failed: ${String(error)}`,
    );
    return 1;
  } finally {
    await stage?.close();
    await vault?.close();
  }
}

const hardStop = setTimeout(() => {
  process.stderr.write('the demo did not end by itself\n');
  process.exit(1);
}, hardStopMs);
hardStop.unref();
// `exit` handlers end the vault's process.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

void main().then((exitCode) => {
  process.exitCode = exitCode;
});
