import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { v7 as uuidv7 } from 'uuid';
import { serviceEnvironment } from '../support/app.ts';
import { ensureBuilt, ServiceProcess } from '../support/service-process.ts';
import { createTestDatabase, type TestDatabase, testRedis } from '../support/services.ts';
import { signToken } from '../support/tokens.ts';
import { openBrowser } from './dashboard-page.ts';

/** Becomes elements, and scripts that run, wherever it is taken for markup. Without a quote, which JSON would escape. */
function markup(place: string): string {
  return `<img src=x onerror=globalThis.hurt=1><svg onload=globalThis.hurt=1>${place}`;
}

const TENANT = markup('tenant');
const STATUSES = ['queued', 'active', 'completed', 'failed', 'cancelled'] as const;
/** Places of a job that its row or its details show, by status. */
const SHOWN: Record<(typeof STATUSES)[number], string[]> = {
  queued: ['tag', 'owner', 'tenant', 'payload', 'queue'],
  active: ['tag', 'owner', 'step', 'message', 'unit', 'log', 'payload'],
  completed: ['result-key', 'result-value', 'log', 'type'],
  failed: ['error-code', 'error-message', 'file-name', 'log'],
  cancelled: ['step', 'message', 'log'],
};

describe('Every text of a job that is markup', () => {
  let database: TestDatabase;
  let service: ServiceProcess;
  let browser: Browser;
  const ids = new Map<string, string>();

  beforeAll(async () => {
    await ensureBuilt();
    database = await createTestDatabase();
    for (const status of STATUSES) ids.set(status, await plant(status));
    service = await ServiceProcess.start({
      ...serviceEnvironment(database.url, testRedis()),
      JOBS_ROLES: 'api',
    });
    browser = await openBrowser();
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await service?.stop();
    await database?.drop();
  });

  async function plant(status: string): Promise<string> {
    const id = uuidv7();
    const final = status !== 'queued' && status !== 'active';
    const progress = { percent: 50, done: 1, total: 2, data: null };
    const [step, message, unit] = ['step', 'message', 'unit'].map(markup);
    await database.dataSource.query(
      `INSERT INTO jobs.job (id, type, queue, tenant, owner, status, attempt, max_attempts, tags, payload_hash, payload,
         progress, result, error_code, error_message, run_at, started_at, finished_at, lease_until, stage, log_lines)
       VALUES ($1, $2, $3, $4, $5, $6, 1, 3, $7, '', $8, $9, $10, $11, $12, '2100-01-01', now(), $13, $14, $15, 1)`,
      [
        id,
        markup('type'),
        markup('queue'),
        TENANT,
        markup('owner'),
        status,
        [markup('tag')],
        JSON.stringify({ file: markup('file-name'), [markup('payload-key')]: markup('payload') }),
        JSON.stringify({ ...progress, step, message, unit }),
        JSON.stringify({ [markup('result-key')]: markup('result-value') }),
        status === 'failed' ? markup('error-code') : null,
        status === 'failed' ? markup('error-message') : null,
        final ? new Date() : null,
        status === 'active' ? '2100-01-01' : null,
        status === 'queued' ? 'later' : null,
      ],
    );
    await database.dataSource.query(
      `INSERT INTO jobs.job_change VALUES ($1, 1, $2, 1, $3, '2100-01-01', now())`,
      [id, status, markup('reason')],
    );
    await database.dataSource.query(`INSERT INTO jobs.job_log VALUES ($1, 1, 1, 'info', $2, now())`, [
      id,
      markup('log'),
    ]);
    return id;
  }

  /** The page without its policy: nothing but the page itself may keep a text from becoming markup. */
  async function open(): Promise<Page> {
    const page = await (await browser.newContext({ bypassCSP: true })).newPage();
    await page.goto(`${service.url}/#token=${await signToken({ tenant: TENANT, scope: 'jobs:tenant' })}`);
    return page;
  }

  it.each(STATUSES)('is shown as text, and runs nothing, where the job is %s', async (status) => {
    const page = await open();
    await page.locator(`.job[data-id="${ids.get(status)}"] .job-name`).click();
    const shown = page.locator(`.job[data-id="${ids.get(status)}"], .detail`);

    for (const place of SHOWN[status])
      await shown
        .filter({ hasText: markup(place) })
        .first()
        .waitFor();

    expect(await page.locator('img, svg[onload], script:not([src]), iframe, object').count()).toBe(0);
    expect(await page.evaluate(() => (globalThis as { hurt?: number }).hurt)).toBeUndefined();
    await page.context().close();
  });
});
