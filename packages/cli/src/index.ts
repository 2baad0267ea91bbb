export { run } from './run.js';
export type { Output, RunContext } from './run-context.js';
