import root from '../../jest.config.js';

const { extensionsToTreatAsEsm, testEnvironment, transform } = root.projects[0];

// Apart from the other suites: it needs the built module, and the machine for itself.
export default {
  rootDir: '../..',
  displayName: 'load',
  testEnvironment,
  extensionsToTreatAsEsm,
  transform,
  globalSetup: '<rootDir>/test/support/start-services.ts',
  globalTeardown: '<rootDir>/test/support/stop-services.ts',
  testMatch: ['<rootDir>/test/load/**/*.spec.ts'],
  testTimeout: 120_000,
  maxWorkers: 1,
};
