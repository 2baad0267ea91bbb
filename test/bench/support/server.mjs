// The server of a benchmark, in a process of its own so that its half of the work is on another core.
import { createRootCa, startTlsServer } from '@pinvault/testing';

const [keyType] = process.argv.slice(2);
const root = await createRootCa({ keyType });
const intermediate = await root.issueCa({ keyType });
const leaf = await intermediate.issue({ keyType, hosts: ['api.example.test'] });
const server = await startTlsServer({ chain: [leaf, intermediate] });

// A parent that was killed leaves no server behind.
process.once('disconnect', () => process.exit());
process.on('message', () => {
  const { connections, handshakes, resumed, requests } = server;
  process.send({ connections, handshakes, resumed, requests });
});
process.send({
  host: 'api.example.test',
  port: server.port,
  ca: root.pem,
  pins: {
    leaf: leaf.pin,
    intermediate: `ca:${intermediate.pin}`,
    root: `ca:${root.pin}`,
    wrong: `leaf:${intermediate.pin}`,
  },
});
