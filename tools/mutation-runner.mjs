// Stryker's test runner for our mocha: the one that Stryker ships reads files that mocha 12 no longer has.
import { join } from 'node:path';
import Mocha from 'mocha';
import { INSTRUMENTER_CONSTANTS } from '@stryker-mutator/api/core';
import { declareFactoryPlugin, PluginKind } from '@stryker-mutator/api/plugin';
import {
  determineHitLimitReached,
  DryRunStatus,
  TestStatus,
  toMutantRunResult,
} from '@stryker-mutator/api/test-runner';

// What the instrumented code asks: which mutant is switched on, and whom it tells that it was reached.
const instrumented = (globalThis[INSTRUMENTER_CONSTANTS.NAMESPACE] ??= {});

// Tests with a time limit of their own, which instrumented code does not keep.
const timed = /in good time$/;

class MochaRunner {
  #mocha;
  #isLoaded = false;
  #beforeEach = () => undefined;

  /** @param files - the tests, relative to the sandbox, which is the working directory of this process */
  constructor(files) {
    this.#mocha = new Mocha({ timeout: 0, reporter: silent });
    this.#mocha.cleanReferencesAfterRun(false);
    for (const file of files) this.#mocha.addFile(join(process.cwd(), file));
    const runner = this;
    this.#mocha.suite.beforeEach(function () {
      runner.#beforeEach(this.currentTest.fullTitle());
    });
  }

  capabilities() {
    // What import() has loaded stays: for mutants of module level code Stryker starts a new process.
    return { reloadEnvironment: false };
  }

  async dryRun({ coverageAnalysis, disableBail }) {
    if (coverageAnalysis === 'perTest') {
      this.#beforeEach = (title) => (instrumented.currentTestId = title);
    }
    this.#choose(() => true);
    const result = await this.#run({ disableBail });
    this.#beforeEach = () => undefined;
    const isCounted = result.status === DryRunStatus.Complete && coverageAnalysis !== 'off';
    return isCounted ? { ...result, mutantCoverage: instrumented.mutantCoverage } : result;
  }

  async mutantRun({ activeMutant, testFilter, disableBail, hitLimit, mutantActivation }) {
    instrumented.hitLimit = hitLimit;
    instrumented.hitCount = hitLimit === undefined ? undefined : 0;
    const titles = new Set(testFilter);
    this.#choose((title) => testFilter === undefined || titles.has(title));
    return toMutantRunResult(await this.#run({ disableBail, mutant: activeMutant.id, mutantActivation }));
  }

  async #run({ disableBail, mutant, mutantActivation }) {
    try {
      setBail(this.#mocha.suite, !disableBail);
      if (!this.#isLoaded) {
        instrumented.activeMutant = mutantActivation === 'static' ? mutant : undefined;
        await this.#mocha.loadFilesAsync();
        this.#isLoaded = true;
      }
      instrumented.activeMutant = mutant;
      const tests = await this.#tell();
      const limit = determineHitLimitReached(instrumented.hitCount, instrumented.hitLimit);
      return limit ?? { status: DryRunStatus.Complete, tests };
    } catch (error) {
      return { status: DryRunStatus.Error, errorMessage: String(error?.stack ?? error) };
    }
  }

  #choose(isWanted) {
    this.#mocha.grep({ test: (title) => isWanted(title) && !timed.test(title) });
  }

  /** One run; what became of each test, in Stryker's words. */
  #tell() {
    return new Promise((resolve) => {
      const tests = [];
      let startedAt = performance.now();
      const told = (test, more) => {
        const title = (test.ctx?.currentTest ?? test).fullTitle();
        const timeSpentMs = Math.round(performance.now() - startedAt);
        tests.push({ id: title, name: title, timeSpentMs, ...more });
        startedAt = performance.now();
      };
      this.#mocha
        .run(() => resolve(tests))
        .on('pass', (test) => told(test, { status: TestStatus.Success }))
        .on('fail', (test, error) =>
          told(test, { status: TestStatus.Failed, failureMessage: String(error?.message ?? error) }),
        );
    });
  }
}

function setBail(suite, bail) {
  suite.bail(bail);
  for (const child of suite.suites) setBail(child, bail);
}

/** Mocha wants a reporter; Stryker's do the talking. */
function silent() {}

const createRunner = (options) => new MochaRunner(options.mochaFiles);
createRunner.inject = ['options'];

export const strykerPlugins = [declareFactoryPlugin(PluginKind.TestRunner, 'mocha', createRunner)];
export const strykerValidationSchema = {
  properties: { mochaFiles: { type: 'array', items: { type: 'string' } } },
};
