// Plain JavaScript: `npm run demo` asks it before anything is installed or built.

const vaults = {
  '--vault=dev': 'dev',
  '--vault=openbao': 'openbao',
  '--provider=vault': 'dev',
  '--provider=aws': 'aws',
  '--provider=azure': 'azure',
};

export const help = `The story of one key rotation: real servers, real handshakes, real load, on this machine.

  npm run demo                      with a small vault inside the process (KV version 2 over HTTP)
  npm run demo -- --vault=openbao   with a real OpenBao server, started and ended by the demo
  npm run demo -- --provider=aws    with AWS Secrets Manager, played by moto
  npm run demo -- --provider=azure  with Azure Key Vault, played by its emulator, or by a stub without one
  npm run demo -- --play            you are the operator: rotate pins in OpenBao's own web interface,
                                    and read what each click does to a running service

The story takes about 20 seconds, talks to 127.0.0.1 only, leaves nothing behind, and checks itself:
the exit code is 1 when a request was lost, the attacker was accepted, or anything else that the story
promises did not happen. --play goes on until you press Ctrl-C.
`;

export function parseArguments(args) {
  const chosen = [];
  let isPlay = false;
  // `--vault openbao` is `--vault=openbao`.
  const joined = args.join(' ').replaceAll(/(--(?:vault|provider)) (?!-)/gu, '$1=');
  for (const argument of joined.split(' ').filter((each) => each !== '')) {
    if (argument === '--help' || argument === '-h') return { kind: 'help' };
    if (argument === '--play') isPlay = true;
    else if (Object.hasOwn(vaults, argument)) chosen.push(argument);
    else return unclear(`unknown: ${argument}; there are ${Object.keys(vaults).join(', ')}, --play`);
  }
  const [first = '--vault=dev', second] = [...new Set(chosen)];
  if (second !== undefined) return unclear(`${first} and ${second}: one store at a time`);
  if (!isPlay) return { kind: 'tell', vault: vaults[first] };
  return chosen.length === 0 || first === '--vault=openbao'
    ? { kind: 'play' }
    : unclear(`--play is about OpenBao's web interface, and ${first} has none of it`);
}

function unclear(problem) {
  return { kind: 'unclear', problem };
}
