import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADAPTERS, startApp, type TestApp } from '../support/app.ts';
import { brokenRules, runConformance } from '../support/conformance.ts';

const HEARTBEAT_MS = 1_000;

const MAX_AGE_MS = 2_000;

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
    expect(output).toMatch(/^[5-9]\d passed, 0 failed, 3 skipped$/m);
    expect(code).toBe(0);
  }, 180_000);

  it('fails, and says what is wrong, where the token is none', async () => {
    const target = { url: app.url, token: 'none', heartbeatMs: HEARTBEAT_MS, only: 'ids' };

    const { code, output } = await runConformance(target);

    expect(code).toBe(1);
    expect(output).toContain('POST /jobs answered 401');
    expect(output).toMatch(/^0 passed, [1-9]\d* failed$/m);
  });

  it('waits for old streams where it knows how old they may get', async () => {
    const short = await startApp({ adapter, environment: { STREAM_MAX_AGE_MS: String(MAX_AGE_MS) } });
    try {
      const target = { url: short.url, token: await short.token(), heartbeatMs: 15_000 };

      const { output } = await runConformance({ ...target, maxAgeMs: MAX_AGE_MS, only: 'bye' });

      expect(output).toMatch(/^3 passed, 0 failed$/m);
    } finally {
      await short.close();
    }
  });

  it('says what it asked and what it was answered where a rule is broken', async () => {
    const target = { url: app.url, token: await app.token(), heartbeatMs: 3_000, only: 'heartbeat' };

    const { code, output } = await runConformance(target);

    expect(code).toBe(1);
    expect(output).toMatch(/after \d+ ms\n +at rules\/heartbeat\.mjs:\d+, after\n +POST \/jobs: 202 /);
    expect(output).toMatch(/GET \/jobs\/\S+\/events: 200 snapshot 1\.0, :hb/);
  }, 90_000);

  it('says at once that nobody answers', async () => {
    const { code, output } = await runConformance({
      url: 'http://127.0.0.1:9',
      token: 'x',
      heartbeatMs: 1_000,
    });

    expect(code).toBe(2);
    expect(output).toContain('There is no answer from http://127.0.0.1:9: connect ECONNREFUSED');
  });
});
