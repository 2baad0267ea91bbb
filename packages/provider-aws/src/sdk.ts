import { PinProviderError } from '@pinvault/core';

/** What of a request, at the last step before it is sent, is looked at. */
interface OutgoingRequest {
  readonly protocol?: string;
  readonly hostname?: string;
}

/** What of a response, at the first step after it came, is looked at. */
interface IncomingResponse {
  body?: unknown;
}

/** A middleware of the step next to the transport. */
export type Middleware = (
  next: (args: { readonly request: OutgoingRequest }) => Promise<{ readonly response: IncomingResponse }>,
) => (args: { readonly request: OutgoingRequest }) => Promise<{ readonly response: IncomingResponse }>;

/** A command of the SDK. It has a stack of its own, so that whatever client sends it runs our middleware. */
export interface Command {
  readonly middlewareStack: {
    add(middleware: Middleware, options: { readonly step: 'deserialize'; readonly priority: 'low' }): void;
  };
}

/** The client of the SDK, as far as it is used here: its own types would have to be installed with ours. */
export interface SdkClient {
  send(command: Command, options: { readonly abortSignal: AbortSignal }): Promise<unknown>;
  readonly config?: { readonly credentials?: () => Promise<unknown> };
  destroy?(): void;
}

type CommandOf<Input> = new (input: Input) => Command;

/** The module `@aws-sdk/client-secrets-manager`. */
export interface Sdk {
  readonly SecretsManagerClient: new (options: object) => SdkClient;
  readonly GetSecretValueCommand: CommandOf<{ readonly SecretId: string; readonly VersionStage: string }>;
  readonly DescribeSecretCommand: CommandOf<{ readonly SecretId: string }>;
  /** Since 3.458. */
  readonly BatchGetSecretValueCommand?: CommandOf<{ readonly SecretIdList: readonly string[] }>;
}

/** Loads the SDK, on the first read and not before. @throws PinProviderError (`ERR_PROVIDER_SDK_MISSING`) */
export async function loadSdk(): Promise<Sdk> {
  try {
    // A literal, so that bundlers see it.
    return (await import('@aws-sdk/client-secrets-manager')) as unknown as Sdk;
  } catch (error) {
    throw new PinProviderError(
      'ERR_PROVIDER_SDK_MISSING',
      'the package @aws-sdk/client-secrets-manager cannot be loaded: npm install @aws-sdk/client-secrets-manager',
      { provider: 'aws', cause: error },
    );
  }
}
