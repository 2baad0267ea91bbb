#!/usr/bin/env node
import { run } from './run.js';

// `pinvault pin … | head -1` closes the pipe early: that is no failure, and no reason for a stack trace.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

void run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  now: () => Date.now(),
}).then((exitCode) => {
  process.exitCode = exitCode;
});
