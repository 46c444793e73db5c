import root from '../../jest.config.js';

const { extensionsToTreatAsEsm, testEnvironment, transform } = root.projects[0];

// Apart from the other suites: it needs the built module, and it breaks servers, so it starts its own.
export default {
  rootDir: '../..',
  displayName: 'faults',
  testEnvironment,
  extensionsToTreatAsEsm,
  transform,
  testMatch: ['<rootDir>/test/faults/**/*.spec.ts'],
  testTimeout: 120_000,
  maxWorkers: 1,
};
