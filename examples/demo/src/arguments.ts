/** Which vault holds the pins. */
export type VaultChoice = 'dev' | 'openbao' | 'aws' | 'azure';

/** What the arguments call it. */
const choices: Readonly<Record<string, VaultChoice>> = {
  '--vault=dev': 'dev',
  '--vault=openbao': 'openbao',
  '--provider=vault': 'dev',
  '--provider=aws': 'aws',
  '--provider=azure': 'azure',
};

/** What the command line asks for. */
export type Request =
  | { readonly kind: 'tell'; readonly vault: VaultChoice }
  | { readonly kind: 'help' }
  | { readonly kind: 'unclear'; readonly problem: string };

export const help = `The story of one key rotation: real servers, real handshakes, real load, on this machine.

  npm run demo                      with a small vault inside the process (KV version 2 over HTTP)
  npm run demo -- --vault=openbao   with a real OpenBao server, started and ended by the demo
  npm run demo -- --provider=aws    with AWS Secrets Manager, played by moto
  npm run demo -- --provider=azure  with Azure Key Vault, played by its emulator, or by a stub without one

It takes about 20 seconds, talks to 127.0.0.1 only, leaves nothing behind, and checks itself: the
exit code is 1 when a request was lost, the attacker was accepted, or anything else that the story
promises did not happen.
`;

export function parseArguments(args: readonly string[]): Request {
  let vault: VaultChoice = 'dev';
  // `--vault openbao` is `--vault=openbao`.
  const joined = args.join(' ').replaceAll(/(--(?:vault|provider)) (?!-)/gu, '$1=');
  for (const argument of joined.split(' ').filter((each) => each !== '')) {
    if (argument === '--help' || argument === '-h') return { kind: 'help' };
    const chosen = choices[argument];
    if (chosen === undefined)
      return {
        kind: 'unclear',
        problem: `unknown: ${argument}; there are ${Object.keys(choices).join(', ')}`,
      };
    vault = chosen;
  }
  return { kind: 'tell', vault };
}
