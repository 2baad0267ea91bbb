/** Which vault holds the pins. */
export type VaultChoice = 'dev' | 'openbao' | 'aws' | 'azure';

/** What the command line asks for. */
export type Request =
  | { readonly kind: 'tell'; readonly vault: VaultChoice }
  | { readonly kind: 'play' }
  | { readonly kind: 'help' }
  | { readonly kind: 'unclear'; readonly problem: string };

export declare const help: string;

/** Reads the command line. Never throws. */
export declare function parseArguments(args: readonly string[]): Request;
