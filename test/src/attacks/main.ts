// `pnpm test:attacks`: every class of chain, each CA pinned, over each version of TLS, with each kind of key.
import { face, tlsVersions } from './face.js';
import { type Cell, type Row, summary, tableLines } from './table.js';
import { scenarios, whyWrong } from './verdict.js';
import { keyTypes, type Pinned, worldOf } from './world.js';

const rows: Row[] = [];
for (const [kind, list] of scenarios) {
  for (const scenario of list) {
    for (const pinned of ['intermediate', 'root'] satisfies Pinned[]) {
      const cells: Cell[] = [];
      for (const keyType of keyTypes) {
        const chain = await scenario.build(worldOf(keyType, pinned));
        if (chain === undefined) continue;
        for (const version of tlsVersions) {
          const faced = await face(chain, version);
          const { agent, options } = faced;
          cells.push({
            version,
            keyType,
            isAccepted: agent.isAccepted || options.isAccepted,
            bytes: agent.bytes + options.bytes,
            why: whyWrong(kind, scenario, chain, faced),
          });
        }
      }
      if (cells.length > 0) rows.push({ kind, name: scenario.name, pinned, cells });
    }
  }
}
const { text, isGood } = summary(rows);
process.stdout.write(
  `${[`Node ${process.versions.node}, OpenSSL ${process.versions.openssl}`, ...tableLines(rows), '', text].join('\n')}\n`,
);
process.exitCode = isGood ? 0 : 1;
