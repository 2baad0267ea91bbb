import type * as Http from 'node:http';

/**
 * Node's `http`. Not by `import`, which reads every member of it: since Node 22 some of them (`WebSocket`) bring along the
 * built-in fetch, and 15 to 20 ms at the start of each service.
 */
export const http: typeof Http = process.getBuiltinModule('node:http');
