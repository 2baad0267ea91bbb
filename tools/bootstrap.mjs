import { tooOldNode } from './node-version.mjs';

// Everything else is loaded only after this check: it may use what an old Node cannot read.
const complaint = tooOldNode(process.versions.node);
if (complaint) {
  console.error(complaint);
  process.exitCode = 1;
} else {
  void import('./bootstrap-tasks.mjs').then((tasks) => tasks.bootstrap(process.argv.slice(2)));
}
