import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const SIZE = { width: 1280, height: 744 };
const SCHEMES = ['light', 'dark'];
/** Where the opened job is to be: well begun, far from done, and watched long enough for the activity to be seen. */
const PERCENT = 62;
const WATCH_MS = 180_000;
/** What a README may weigh. */
const MAX_BYTES = 200_000;

/** Takes a picture of the dashboard in each colour scheme at the same moment, with one job opened; resolves to the paths. */
export async function photograph({ url, token }, { opened, folder, say, stopped }) {
  const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: ARGS });
  try {
    const pages = await Promise.all(
      SCHEMES.map((scheme) => openPage(browser, `${url}/#token=${token}`, scheme, opened)),
    );
    say(`Waiting until the opened job is at ${PERCENT} %`);
    await Promise.all(pages.map((page) => isAt(page, PERCENT)));
    stopped.throwIfAborted();
    const paths = SCHEMES.map((scheme) => join(folder, `dashboard-${scheme}.png`));
    await Promise.all(pages.map((page, i) => page.screenshot({ path: paths[i] })));
    await Promise.all(paths.map(refuseHeavy));
    return paths;
  } finally {
    await browser.close();
  }
}

async function openPage(browser, address, colorScheme, opened) {
  const context = await browser.newContext({ viewport: SIZE, colorScheme });
  const page = await context.newPage();
  await page.goto(address);
  await page.locator('#connection[data-state=live]').waitFor();
  await page.locator(`.job[data-id="${opened}"] .job-name`).click();
  await page.locator('#detail h2').waitFor();
  return page;
}

async function isAt(page, percent) {
  const reached = (least) => parseInt(document.querySelector('#detail .percent').textContent, 10) >= least;
  await page.waitForFunction(reached, percent, { timeout: WATCH_MS, polling: 200 });
}

async function refuseHeavy(path) {
  const { size } = await stat(path);
  if (size > MAX_BYTES) throw new Error(`${path} has ${size} bytes, more than ${MAX_BYTES}.`);
}
