import type { LookupFunction } from 'node:net';

const LOOPBACK = '127.0.0.1';

/**
 * A `lookup` for `net.connect`, `tls.connect`, `https` and their agents that finds every name at 127.0.0.1, so that a
 * test can connect to `api.example.test` and have Node send and check that name. Answers both callback shapes,
 * asynchronously as DNS does.
 */
export const loopbackLookup: LookupFunction = (_hostname, options, callback) => {
  process.nextTick(() => {
    if (options.all === true) callback(null, [{ address: LOOPBACK, family: 4 }]);
    else callback(null, LOOPBACK, 4);
  });
};
