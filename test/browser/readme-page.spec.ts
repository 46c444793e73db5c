import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { blocksOf } from '../support/documents.ts';
import { ReadmeHost } from '../support/readme-host.ts';
import { openBrowser } from './dashboard-page.ts';
import { PageServer } from './page-server.ts';

describe('The page of the README', () => {
  let host: ReadmeHost;
  let pages: PageServer;
  let browser: Browser;
  beforeAll(async () => {
    host = await ReadmeHost.start();
    pages = await PageServer.start(host.url);
    browser = await openBrowser();
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await pages?.stop();
    await host?.stop();
  });

  it('starts a job, moves its bar and says how it ended', async () => {
    const page = await browser.newPage();
    await page.goto(pages.url);
    const [block] = blocksOf('README.md', 'html');

    await page.setContent(block?.code ?? '');
    await page.locator('#text', { hasText: 'completed' }).waitFor();

    const value = await page.locator('#bar').evaluate((bar: HTMLProgressElement) => bar.value);
    expect(value).toBe(100);
    expect(pages.streams.map(({ status }) => status)).toEqual([200]);
    await page.close();
  });
});
