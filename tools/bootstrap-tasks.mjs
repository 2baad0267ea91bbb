import { runDemo } from './run-demo.mjs';
import { runTests } from './run-tests.mjs';
import { exitWith, StepFailed } from './steps.mjs';

const tasks = { demo: runDemo, test: runTests };

/** What `npm run demo` and `npm test` do, on a checkout where nothing has been installed yet. */
export function bootstrap([name, ...args]) {
  return exitWith(() => {
    const task = tasks[name];
    if (!task) throw new StepFailed(`usage: node tools/bootstrap.mjs ${Object.keys(tasks).join('|')} [args]`);
    return task(args);
  });
}
