const transform = {
  '^.+\\.ts$': [
    '@swc/jest',
    {
      jsc: {
        target: 'es2022',
        keepClassNames: true,
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
      },
      module: { type: 'es6' },
    },
  ],
};

const project = (name, extra = {}) => ({
  displayName: name,
  testEnvironment: '<rootDir>/test/support/environment.mjs',
  extensionsToTreatAsEsm: ['.ts'],
  transform,
  // The sources, so that tests need no build of it.
  moduleNameMapper: { '^jobstream-dev-servers$': '<rootDir>/packages/dev-servers/src/embedded-services.ts' },
  setupFiles: ['<rootDir>/test/support/collect-console.ts'],
  testMatch: [`<rootDir>/test/${name}/**/*.spec.ts`],
  ...extra,
});

/** Jest runs a setup that several projects name once, and not at all where only unit tests are run. */
const withServers = {
  globalSetup: '<rootDir>/test/support/start-services.ts',
  globalTeardown: '<rootDir>/test/support/stop-services.ts',
};

export default {
  testTimeout: 30_000,
  // Most tests wait most of the time, so three workers suit two cores.
  maxWorkers: 3,
  projects: [
    project('unit'),
    project('integration', withServers),
    project('e2e', withServers),
    project('attacks', withServers),
  ],
};
