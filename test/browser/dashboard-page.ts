import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Locator, type Page } from 'playwright-core';
import type { Service } from './service.ts';

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium', args: ARGS });
}

/** The dashboard in a browser tab of its own, with what its console said. */
export class DashboardPage {
  readonly page: Page;
  /** Errors and warnings of the console, and exceptions that nobody caught. */
  readonly complaints: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complaints.push(message.text());
    });
  }

  static async open(browser: Browser, service: Service, token: string | null): Promise<DashboardPage> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    const dashboard = new DashboardPage(await context.newPage());
    await dashboard.page.goto(`${service.url}/${token === null ? '' : `#token=${token}`}`);
    return dashboard;
  }

  get jobs(): Locator {
    return this.page.locator('.job');
  }

  get connection(): Locator {
    return this.page.locator('#connection');
  }

  async waitUntilLive(): Promise<void> {
    await this.page.locator('#connection[data-state=live]').waitFor();
  }

  /** Fills the form of `demo.steps` and starts the job; resolves to its row once it is shown. */
  async startSteps(fields: Record<string, number>): Promise<Locator> {
    const before = await this.jobs.count();
    for (const name of ['steps', 'stepMs', 'failAtStep', 'failAttempts', 'maxAttempts']) {
      const value = fields[name];
      if (name === 'maxAttempts')
        await this.page.locator('.options').evaluate((node) => node.setAttribute('open', ''));
      await this.page.locator(`[name=${name}]`).fill(value === undefined ? '' : String(value));
    }
    await this.page.getByRole('button', { name: 'Start job' }).click();
    await this.jobs.nth(before).waitFor();
    const id = await this.jobs.first().getAttribute('data-id');
    return this.page.locator(`.job[data-id="${id}"]`);
  }

  /** Keeps every value that the row's bar takes; read them with `barValues`. */
  async recordBar(row: Locator): Promise<void> {
    await row.locator('.bar').evaluate((bar) => {
      const note = (): void => {
        bar.setAttribute(
          'data-seen',
          `${bar.getAttribute('data-seen') ?? ''} ${bar.getAttribute('aria-valuenow')}`,
        );
      };
      new MutationObserver(note).observe(bar, { attributeFilter: ['aria-valuenow'] });
    });
  }

  async barValues(row: Locator): Promise<number[]> {
    const seen = await row.locator('.bar').getAttribute('data-seen');
    return (seen ?? '').split(' ').filter(Boolean).map(Number);
  }

  /** True as long as the document that was opened first is still there. */
  async markDocument(): Promise<() => Promise<boolean>> {
    await this.page.evaluate(() => document.documentElement.setAttribute('data-marked', ''));
    return () => this.page.evaluate(() => document.documentElement.hasAttribute('data-marked'));
  }

  /** Keeps a picture in a temporary folder and says where. */
  async picture(name: string): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'jobstream-picture-'));
    const path = join(folder, `${name}.png`);
    await this.page.screenshot({ path });
    return path;
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }
}

/** Resolves once the row has the status. */
export async function waitForStatus(row: Locator, status: string, ms = 30_000): Promise<void> {
  await row.and(row.page().locator(`[data-status=${status}]`)).waitFor({ timeout: ms });
}
