import type { Browser, Page } from 'playwright-core';

/** A frame as the browser's own parser made it. */
export interface BrowserFrame {
  event: string;
  id: string;
  data: { status?: string; version?: number; reason?: string; job?: { status: string } };
}

const EVENTS = ['snapshot', 'state', 'progress', 'end', 'reset', 'bye'];

interface Watched {
  source: EventSource;
  frames: BrowserFrame[];
}

declare global {
  // oxlint-disable-next-line no-var -- what a page keeps on its window
  var watched: Watched;
}

/** A page that follows one stream with the browser's own `EventSource` and never closes it. */
export class EventSourcePage {
  private constructor(
    readonly page: Page,
    /** The addresses of the stream that were asked for, whether somebody answered or not. */
    readonly asked: string[],
    /** The statuses that were answered. */
    readonly answers: string[],
  ) {}

  static async open(browser: Browser, url: string): Promise<EventSourcePage> {
    const page = await (await browser.newContext()).newPage();
    const asked: string[] = [];
    const answers: string[] = [];
    const isStream = (address: string): boolean => new URL(address).pathname.endsWith('/events');
    page.on('request', (request) => {
      if (isStream(request.url())) asked.push(request.url());
    });
    page.on('response', (response) => {
      if (isStream(response.url())) answers.push(String(response.status()));
    });
    await page.goto(url);
    return new EventSourcePage(page, asked, answers);
  }

  async follow(url: string, withCredentials = false): Promise<void> {
    await this.page.evaluate(
      ([address, names, credentials]) => {
        const source = new EventSource(address, { withCredentials: credentials });
        globalThis.watched = { source, frames: [] };
        for (const event of names)
          source.addEventListener(event, ({ lastEventId, data }: MessageEvent<string>) =>
            globalThis.watched.frames.push({ event, id: lastEventId, data: JSON.parse(data) }),
          );
      },
      [url, EVENTS, withCredentials] as const,
    );
  }

  frames(): Promise<BrowserFrame[]> {
    return this.page.evaluate(() => globalThis.watched.frames);
  }

  /** `readyState` of the source: 0 connecting, 1 open, 2 closed for good. */
  readyState(): Promise<number> {
    return this.page.evaluate(() => globalThis.watched.source.readyState);
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }
}
