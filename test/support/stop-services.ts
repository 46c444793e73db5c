import { searchLogs } from './search-logs.ts';
import { running } from './start-services.ts';

/** Stopping and reporting take far less. */
const REPORT_MS = 30_000;

/** Stops the servers; fails the run when one of its logs holds a secret or a payload of a test. */
// oxlint-disable-next-line import/no-default-export -- Jest takes a global teardown from the default export
export default async function stopServices(): Promise<void> {
  // What a test left open has failed it; without workers it would keep Jest itself as well.
  setTimeout(() => process.exit(), REPORT_MS).unref();
  try {
    await expectNoLeaks(process.env['TEST_FOLDER'] ?? '');
  } finally {
    await running.services?.stop();
  }
}

async function expectNoLeaks(folder: string): Promise<void> {
  const { files, lines, secrets, leaks } = await searchLogs(folder);
  const what = `${lines} lines of ${files} logs for ${secrets} secrets and payloads of the tests`;
  if (leaks.length > 0)
    throw new Error(`Searched ${what}. ${leaks.length} lines hold one:\n${leaks.slice(0, 50).join('\n')}`);
  process.stderr.write(`Searched ${what}: none is there.\n`);
}
