import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { DashboardPage, openBrowser, waitForStatus } from './dashboard-page.ts';
import { startService, type Service } from './service.ts';
import { until } from './until.ts';

const MARKUP = '<img src=x onerror="document.title=1"><b>bold</b>';

describe('The dashboard', () => {
  let service: Service;
  let browser: Browser;
  let dashboard: DashboardPage;
  /** Complaints that a test provokes on purpose. */
  let expected: RegExp | null;

  beforeAll(async () => {
    service = await startService();
    browser = await openBrowser();
  }, 120_000);

  beforeEach(async () => {
    expected = null;
    dashboard = await DashboardPage.open(browser, service, service.token);
    await dashboard.waitUntilLive();
  });

  afterEach(async () => {
    const complaints = dashboard.complaints.filter((text) => !expected?.test(text));
    const path = complaints.length > 0 ? await dashboard.picture('complaints') : null;
    await dashboard.close();
    expect({ complaints, path }).toEqual({ complaints: [], path: null });
  });

  afterAll(async () => {
    await browser?.close();
    await service?.stop();
  });

  it('moves the bar of a job and shows its result without a reload', async () => {
    const isSameDocument = await dashboard.markDocument();
    const row = await dashboard.startSteps({ steps: 30, stepMs: 100 });
    await dashboard.recordBar(row);

    await waitForStatus(row, 'completed');

    const values = await dashboard.barValues(row);
    expect(values).toEqual(values.toSorted((a, b) => a - b));
    expect(new Set(values.filter((value) => value > 0 && value < 100)).size).toBeGreaterThan(3);
    expect(values.at(-1)).toBe(100);
    expect(await row.locator('.note').textContent()).toContain('steps 30');
    expect(await isSameDocument()).toBe(true);
  });

  it('shows the error of a job that fails', async () => {
    const row = await dashboard.startSteps({ steps: 20, stepMs: 20, failAtStep: 5, maxAttempts: 1 });

    await waitForStatus(row, 'failed');
    await row.locator('.job-name').click();

    const error = dashboard.page.locator('.detail .error-message');
    await error.waitFor();
    expect(await error.textContent()).toBe(await row.locator('.note').textContent());
    expect(await error.textContent()).not.toBe('');
    await dashboard.page.getByRole('button', { name: 'Retry', exact: true }).waitFor();
  });

  it('runs three jobs at once', async () => {
    await dashboard.page.getByRole('button', { name: 'Three at once' }).click();

    await dashboard.page.locator('.job[data-status=active]').nth(2).waitFor();
    const ids = await dashboard.jobs.evaluateAll((rows) =>
      rows.slice(0, 3).map((row) => row.getAttribute('data-id')),
    );
    for (const id of ids) await waitForStatus(dashboard.page.locator(`.job[data-id="${id}"]`), 'completed');

    expect(new Set(ids).size).toBe(3);
  });

  it('stops a job when asked to cancel it', async () => {
    const row = await dashboard.startSteps({ steps: 1000, stepMs: 100 });
    await waitForStatus(row, 'active');

    await row.getByRole('button', { name: /^Cancel/ }).click();

    await waitForStatus(row, 'cancelled');
    expect(await row.getByRole('button', { name: /^Retry/ }).isEnabled()).toBe(true);
  });

  it('shows markup in the texts of a job as text', async () => {
    const title = await dashboard.page.title();
    const options = { tags: [MARKUP], runAt: new Date(Date.now() + 3_600_000).toISOString() };
    await submit(service, { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, ...options });

    const row = dashboard.jobs.filter({ hasText: MARKUP }).first();
    await row.locator('.tag', { hasText: MARKUP }).waitFor();
    await row.locator('.job-name').click();
    await dashboard.page.locator('.detail .facts', { hasText: MARKUP }).waitFor();

    expect(await dashboard.page.locator('.job img, .job b, .detail img, .detail b').count()).toBe(0);
    expect(await dashboard.page.title()).toBe(title);
  });

  it('recovers by itself when the service restarts in the middle of a job', async () => {
    expected = /ERR_|503/;
    const isSameDocument = await dashboard.markDocument();
    const row = await dashboard.startSteps({ steps: 60, stepMs: 100 });
    await until(async () => Number(await row.locator('.bar').getAttribute('aria-valuenow')) > 10, 20_000);

    const restarted = service.restart();
    await dashboard.page.locator('#connection[data-state=waiting]').waitFor();
    await restarted;

    await dashboard.page.locator('#connection[data-state=live]').waitFor({ timeout: 60_000 });
    await waitForStatus(row, 'completed', 60_000);
    expect(await isSameDocument()).toBe(true);
  });

  it('shows every job again after a reload', async () => {
    await dashboard.startSteps({ steps: 1, stepMs: 0 });
    const before = await dashboard.jobs.count();

    await dashboard.page.reload();
    await dashboard.jobs.nth(before - 1).waitFor();

    expect(await dashboard.jobs.count()).toBe(before);
  });

  it('keeps the token out of the address bar', () => {
    expect(dashboard.page.url()).not.toContain('token');
  });

  it('asks for a token when the service refuses the one it has, and says why', async () => {
    expected = /401/;
    const stranger = await DashboardPage.open(browser, service, 'not-a-token');
    await stranger.page.locator('#sign-in-reason').waitFor();
    expect(await stranger.page.locator('#sign-in-reason').textContent()).not.toBe('');

    await stranger.page.getByLabel('Access token').fill(service.token);
    await stranger.page.getByRole('button', { name: 'Sign in' }).click();
    await stranger.waitUntilLive();

    await stranger.page.getByRole('button', { name: 'Sign out' }).click();
    await stranger.page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await stranger.close();
  });
});

async function submit(service: Service, body: object): Promise<void> {
  const headers = { authorization: `Bearer ${service.token}`, 'content-type': 'application/json' };
  const response = await fetch(`${service.url}/jobs`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(202);
}
