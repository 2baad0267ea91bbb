import type { ProviderCheck } from './check.js';
import { abortChecks } from './checks/abort.js';
import { awayChecks } from './checks/away.js';
import { closeChecks } from './checks/close.js';
import { harnessChecks } from './checks/harness-itself.js';
import { missingChecks } from './checks/missing.js';
import { noDocumentChecks } from './checks/no-document.js';
import { perHostChecks } from './checks/per-host.js';
import { readingChecks } from './checks/reading.js';
import { refusedChecks } from './checks/refused.js';
import { revisionChecks } from './checks/revision.js';
import { secretChecks } from './checks/secrets.js';

/** The whole suite, in the order in which it is told. */
export const providerChecks: readonly ProviderCheck[] = Object.freeze([
  ...harnessChecks,
  ...readingChecks,
  ...revisionChecks,
  ...missingChecks,
  ...refusedChecks,
  ...awayChecks,
  ...noDocumentChecks,
  ...abortChecks,
  ...perHostChecks,
  ...closeChecks,
  ...secretChecks,
]);
