import root from '../../jest.config.js';

const { extensionsToTreatAsEsm, testEnvironment, transform } = root.projects[0];

// Apart from the other suites: it needs the built service and a Chromium.
export default {
  rootDir: '../..',
  displayName: 'browser',
  testEnvironment,
  extensionsToTreatAsEsm,
  transform,
  globalSetup: '<rootDir>/test/support/start-services.ts',
  globalTeardown: '<rootDir>/test/support/stop-services.ts',
  testMatch: ['<rootDir>/test/browser/**/*.spec.ts'],
  testTimeout: 120_000,
  maxWorkers: 1,
};
