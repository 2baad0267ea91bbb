/** Which vault holds the pins. */
export type VaultChoice = 'dev' | 'openbao';

/** What the command line asks for. */
export type Request =
  | { readonly kind: 'tell'; readonly vault: VaultChoice }
  | { readonly kind: 'help' }
  | { readonly kind: 'unclear'; readonly problem: string };

export const help = `The story of one key rotation: real servers, real handshakes, real load, on this machine.

  npm run demo                      with a small vault inside the process (KV version 2 over HTTP)
  npm run demo -- --vault=openbao   with a real OpenBao server, started and ended by the demo

It takes about 20 seconds, talks to 127.0.0.1 only, leaves nothing behind, and checks itself: the
exit code is 1 when a request was lost, the attacker was accepted, or anything else that the story
promises did not happen.
`;

export function parseArguments(args: readonly string[]): Request {
  let vault: VaultChoice = 'dev';
  for (let index = 0; index < args.length; index += 1) {
    const argument = args[index] ?? '';
    if (argument === '--help' || argument === '-h') return { kind: 'help' };
    if (argument === '--vault') {
      index += 1;
    } else if (!argument.startsWith('--vault=')) {
      return { kind: 'unclear', problem: `unknown argument: ${argument}` };
    }
    const name = argument === '--vault' ? args[index] : argument.slice('--vault='.length);
    if (name !== 'dev' && name !== 'openbao') {
      return { kind: 'unclear', problem: `--vault is "dev" or "openbao", not "${name ?? ''}"` };
    }
    vault = name;
  }
  return { kind: 'tell', vault };
}
