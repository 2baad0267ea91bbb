import {
  createEnvProvider,
  createFileProvider,
  invalidOption,
  type FileProviderOptions,
  type PinProvider,
  PinProviderError,
  type ResolverOptions,
} from '@pinvault/core';
import type { AwsProviderOptions } from '@pinvault/provider-aws';
import type { AzureProviderOptions } from '@pinvault/provider-azure';
import type { VaultProviderOptions } from '@pinvault/provider-vault';
import { documentVariables, type Environment, valueOf } from './environment.js';

/** The stores that have a name. */
export type ProviderName = 'vault' | 'aws' | 'azure' | 'file' | 'env';

const providerNames: readonly ProviderName[] = ['vault', 'aws', 'azure', 'file', 'env'];

type FileOptions = Pick<FileProviderOptions, 'path' | 'watch' | 'reloadOnSighup'>;

/** Where the pins come from. */
export interface ProviderChoice {
  /** @defaultValue `PINVAULT_PROVIDER`, else what `PINVAULT_PINS`, `…_B64` or `…_FILE` select */
  readonly provider?: ProviderName | PinProvider | undefined;
  /** For `provider: 'vault'`; `path` may stand in `PINVAULT_VAULT_PATH`. */
  readonly vault?:
    (Omit<VaultProviderOptions, 'path' | 'env'> & { readonly path?: string | undefined }) | undefined;
  /** For `provider: 'aws'`; `secretId` may stand in `PINVAULT_AWS_SECRET_ID`. */
  readonly aws?:
    (Omit<AwsProviderOptions, 'secretId'> & { readonly secretId?: string | undefined }) | undefined;
  /** For `provider: 'azure'`; `vaultUrl` and `secretName` may stand in `PINVAULT_AZURE_VAULT_URL` and `…_SECRET_NAME`. */
  readonly azure?: Omit<AzureProviderOptions, 'env'> | undefined;
  /** For `provider: 'file'`; the path may stand in `PINVAULT_PINS_FILE`. */
  readonly file?: (Omit<FileOptions, 'path'> & { readonly path?: string | undefined }) | undefined;
  /** For `provider: 'env'`: another variable than `PINVAULT_PINS`. */
  readonly env?: { readonly variable: string } | undefined;
}

/**
 * Makes the provider that code or environment name.
 *
 * @throws TypeError (`ERR_INVALID_OPTION`) that names the option or the variable
 */
export async function chooseProvider(
  choice: ProviderChoice,
  env: Environment,
  { maxDocumentBytes, warnings }: Pick<ResolverOptions, 'maxDocumentBytes' | 'warnings'> = {},
): Promise<PinProvider> {
  refuseUnknown('file', choice.file, ['path', 'watch', 'reloadOnSighup']);
  refuseUnknown('env', choice.env, ['variable']);
  const { provider } = choice;
  if (provider !== undefined && typeof provider !== 'string') {
    refuseDocumentBeside(env, 'a provider of its own');
    return provider;
  }
  const name = provider === undefined ? nameFrom(env) : readName('provider', provider);
  switch (name) {
    case 'env':
      return envProvider(choice, env);
    case 'file':
      return fileProvider(choice, env, maxDocumentBytes);
    case 'vault':
      refuseDocumentBeside(env, 'the provider vault');
      return vaultProvider(choice, env, warnings);
    case 'aws':
      refuseDocumentBeside(env, 'the provider aws');
      return awsProvider(choice, env);
    case 'azure':
      refuseDocumentBeside(env, 'the provider azure');
      return azureProvider(choice, env);
  }
}

function nameFrom(env: Environment): ProviderName {
  const named = valueOf(env, 'PINVAULT_PROVIDER');
  if (named !== undefined) return readName('PINVAULT_PROVIDER', named);
  const [first, second] = documentVariables(env, 'PINVAULT_PINS');
  if (first !== undefined && second !== undefined) throw twoDocuments(first, second);
  if (first !== undefined) return first === 'PINVAULT_PINS_FILE' ? 'file' : 'env';
  throw invalidOption(
    'provider',
    "is missing: pass provider: 'vault', or set PINVAULT_PROVIDER=vault, or give the document itself in PINVAULT_PINS",
  );
}

function readName(option: string, name: string): ProviderName {
  const found = providerNames.find((each) => each === name);
  if (found !== undefined) return found;
  throw invalidOption(option, `is none of ${providerNames.join(', ')}, nor a provider of your own`);
}

function envProvider({ env: options }: ProviderChoice, env: Environment): PinProvider {
  const variable = options?.variable ?? 'PINVAULT_PINS';
  const [first, second] = documentVariables(env, variable);
  if (first !== undefined && second !== undefined) throw twoDocuments(first, second);
  if (first === `${variable}_FILE`)
    throw invalidOption(first, 'stands beside the provider env: choose one of them');
  if (first === undefined) throw invalidOption(variable, 'is not set, and the provider env reads it');
  return createEnvProvider({ variable, env });
}

function fileProvider({ file }: ProviderChoice, env: Environment, maxBytes: number | undefined): PinProvider {
  const [beside] = documentVariables(env, 'PINVAULT_PINS').filter((name) => name !== 'PINVAULT_PINS_FILE');
  if (beside !== undefined)
    throw invalidOption(beside, 'stands beside the provider file: choose one of them');
  const path = file?.path ?? valueOf(env, 'PINVAULT_PINS_FILE');
  if (path === undefined) throw invalidOption('file.path', 'is missing: pass it, or set PINVAULT_PINS_FILE');
  return createFileProvider({ ...file, path, maxBytes });
}

async function vaultProvider(
  { vault = {} }: ProviderChoice,
  env: Environment,
  warnings: boolean | undefined,
): Promise<PinProvider> {
  const { createVaultProvider } = await load('vault', () => import('@pinvault/provider-vault'));
  return createVaultProvider({
    ...vault,
    warnings: vault.warnings ?? warnings,
    path: vault.path ?? valueOf(env, 'PINVAULT_VAULT_PATH') ?? '',
    env,
  });
}

async function awsProvider({ aws = {} }: ProviderChoice, env: Environment): Promise<PinProvider> {
  const { createAwsProvider } = await load('aws', () => import('@pinvault/provider-aws'));
  return createAwsProvider({
    ...aws,
    secretId: aws.secretId ?? valueOf(env, 'PINVAULT_AWS_SECRET_ID') ?? '',
  });
}

async function azureProvider({ azure = {} }: ProviderChoice, env: Environment): Promise<PinProvider> {
  const { createAzureProvider } = await load('azure', () => import('@pinvault/provider-azure'));
  return createAzureProvider({ ...azure, env });
}

/** A provider's package, on first use; the specifier is a literal at the call, so that bundlers see it. */
async function load<Package>(
  provider: ProviderName,
  importPackage: () => Promise<Package>,
): Promise<Package> {
  try {
    return await importPackage();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    const name = `@pinvault/provider-${provider}`;
    throw new PinProviderError(
      'ERR_PROVIDER_SDK_MISSING',
      `the package ${name} cannot be loaded: npm install ${name}`,
      { provider, cause: error },
    );
  }
}

/** A slip in a name would otherwise leave the default in force. */
function refuseUnknown(option: string, given: object | undefined, known: readonly string[]): void {
  for (const name of Object.keys(given ?? {})) {
    if (!known.includes(name))
      throw invalidOption(`${option}.${name}`, `is unknown; known is ${known.join(', ')}`);
  }
}

/** A document that nobody reads would be taken for one in force. */
function refuseDocumentBeside(env: Environment, other: string): void {
  const [variable] = documentVariables(env, 'PINVAULT_PINS');
  if (variable !== undefined) {
    throw invalidOption(
      variable,
      `stands beside ${other}: a document for outages goes into PINVAULT_FALLBACK_PINS`,
    );
  }
}

/** @internal shared with the fallback */
export function twoDocuments(first: string, second: string): TypeError {
  return invalidOption(second, `stands beside ${first}: give one document`);
}
