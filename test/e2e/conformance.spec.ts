import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADAPTERS, startApp, type TestApp } from '../support/app.ts';
import { brokenRules, runConformance } from '../support/conformance.ts';

const HEARTBEAT_MS = 1_000;

describe.each(ADAPTERS)('The conformance suite on %s', (adapter) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({
      adapter,
      environment: { STREAM_HEARTBEAT_MS: String(HEARTBEAT_MS), PROGRESS_INTERVAL_MS: '50' },
    });
  });
  afterAll(() => app.close());

  it('finds every rule kept', async () => {
    const target = { url: app.url, token: await app.token(), heartbeatMs: HEARTBEAT_MS };

    const { code, output } = await runConformance(target);

    expect(brokenRules(output)).toBe('');
    expect(output).toMatch(/^[5-9]\d passed, 0 failed$/m);
    expect(code).toBe(0);
  }, 180_000);

  it('fails, and says what is wrong, where the token is none', async () => {
    const target = { url: app.url, token: 'none', heartbeatMs: HEARTBEAT_MS, only: 'ids' };

    const { code, output } = await runConformance(target);

    expect(code).toBe(1);
    expect(output).toContain('POST /jobs answered 401');
    expect(output).toMatch(/^0 passed, [1-9]\d* failed$/m);
  });
});
