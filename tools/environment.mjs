// npm hands its whole configuration down as npm_config_*; pnpm and a nested npm take it for theirs and warn about what
// they do not know. What concerns the network stays.
const keptNpmSettings =
  /^npm_config_(registry|.*proxy|ca|cafile|strict_ssl|cache|offline|prefer_offline|fetch_.*|userconfig)$/;

/** The environment for the tools: ours, without what npm added, and without what would leave out dev dependencies. */
export function toolEnvironment(env = process.env) {
  const clean = {};
  for (const [name, value] of Object.entries(env)) {
    const lower = name.toLowerCase();
    if (lower.startsWith('npm_') && !keptNpmSettings.test(lower)) continue;
    if (lower === 'node_env' || lower === 'init_cwd') continue;
    clean[name] = value;
  }
  // npm's own warnings about settings of other programs are nothing that the reader can act on
  return {
    ...clean,
    npm_config_loglevel: 'error',
    TURBO_TELEMETRY_DISABLED: '1',
    TURBO_NO_UPDATE_NOTIFIER: '1',
  };
}

const keptForTests =
  /^PINVAULT_(REQUIRE_REAL|(OPENBAO|MOTO|CHROMIUM)(_MISSING)?|SCREENSHOTS|AZURE_EMULATOR|CLIENTS_RESULTS)$/;
// A developer's own vault, cloud account or proxy must never be what a test talks to.
const ambient =
  /^(VAULT|BAO|AWS|AZURE|PINVAULT|npm)_|^(https?|all|no)_proxy$|^NODE_TLS_REJECT_UNAUTHORIZED$|^NODE_ENV$/i;

/** The environment for the tests: nothing in it chooses a vault, an account, a proxy or a weaker TLS. */
export function testEnvironment(env = process.env) {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => keptForTests.test(name) || !ambient.test(name)),
  );
}

/** The environment for the demo: as the user set it, without npm's additions. */
export function demoEnvironment(env = process.env) {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.toLowerCase().startsWith('npm_')));
}
