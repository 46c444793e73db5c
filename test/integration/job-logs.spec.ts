import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobContext } from '../../src/index.ts';
import type { LogLine } from '../../src/job/log-line.ts';
import { handler, TestModule } from '../support/module.ts';

let host: TestModule;
beforeAll(async () => {
  const write = (payload: unknown, job: JobContext): void => {
    for (const text of payload as string[]) job.log.info(text);
  };
  const count = (payload: unknown, job: JobContext): void => {
    for (let n = 1; n <= Number(payload); n += 1) job.log.info(`line ${n}`);
  };
  const levels = (_payload: unknown, job: JobContext): void => {
    job.log.debug('d');
    job.log.info('i');
    job.log.warn('w');
    job.log.error('e');
    if (job.attempt === 1) throw new Error('again');
  };
  host = await TestModule.start({
    providers: [
      handler('write', write),
      handler('count', count),
      handler('objects', (_payload, job) => {
        job.log.error(
          new TypeError('no rows', { cause: Object.assign(new Error('disk full'), { code: 'ENOSPC' }) }),
        );
        job.log.warn({ row: 3, text: 'a\u0000b' });
        job.log.info({ text: 'x'.repeat(5_000) });
        job.log.debug(undefined);
      }),
      handler('levels', levels, { backoff: () => 0 }),
    ],
    // Short, so that the timer writes while the end of a job does.
    options: { progressIntervalMs: 10 },
  });
});
afterAll(() => host.close());

async function linesOf(id: string): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for (;;) {
    const page = await host.jobs.logs(id, { after: lines.at(-1)?.n ?? 0 });
    if (page.length === 0) return lines;
    lines.push(...page);
  }
}

describe('the log of a job', () => {
  it('shows errors with their causes and objects as JSON, each in one line of 2,000 characters at most', async () => {
    const id = await host.submit('objects');
    await host.untilStatus(id, 'completed');
    const texts = (await linesOf(id)).map(({ text }) => text);
    expect(texts[0]).toBe('TypeError: no rows: Error ENOSPC: disk full');
    expect(texts[1]).toBe('{"row":3,"text":"a\\u0000b"}');
    expect(texts[2]).toMatch(/^\{"text":"x+…$/);
    expect(texts[2]).toHaveLength(2_000);
    expect(texts[3]).toBe('undefined');
  });

  it('has every line of every attempt in order, with its level and time', async () => {
    const id = await host.submit('levels');
    await host.untilStatus(id, 'completed');
    const lines = await linesOf(id);
    expect(lines.map(({ n, level, text }) => [n, level, text])).toEqual([
      [1, 'debug', 'd'],
      [2, 'info', 'i'],
      [3, 'warn', 'w'],
      [4, 'error', 'e'],
      [5, 'debug', 'd'],
      [6, 'info', 'i'],
      [7, 'warn', 'w'],
      [8, 'error', 'e'],
    ]);
    for (const { at } of lines) expect(new Date(at).toISOString()).toBe(at);
  });

  it('has all lines in order, over many batches and jobs that write at once', async () => {
    const ids = await Promise.all(Array.from({ length: 6 }, () => host.submit('count', 2_000)));
    for (const id of ids) await host.untilStatus(id, 'completed');
    for (const id of ids) {
      const lines = await linesOf(id);
      expect(lines).toHaveLength(2_000);
      // The first line that is out of order, rather than thousands that are.
      expect(lines.find(({ n, text }) => text !== `line ${n}`)).toBeUndefined();
      expect(lines.map(({ n }) => n)).toEqual(lines.map((_line, index) => index + 1));
    }
  });

  it('ends with a line that says so after 10,000 lines of an attempt', async () => {
    const id = await host.submit('count', 10_100);
    await host.untilStatus(id, 'completed');
    const lines = await linesOf(id);
    expect(lines).toHaveLength(10_001);
    expect(lines[9_999]?.text).toBe('line 10000');
    expect(lines.at(-1)?.text).toBe('Only the first 10000 lines of an attempt are kept.');
  });

  it('keeps 2,000 characters of a line, without what Postgres refuses', async () => {
    const id = await host.submit('write', ['x'.repeat(2_001), 'a\u0001b', '']);
    await host.untilStatus(id, 'completed');
    expect((await linesOf(id)).map(({ text }) => text)).toEqual(['x'.repeat(2_000), 'a\u0001b', '']);
  });

  it('keeps a line that is cut in the middle of a character, and the job ends', async () => {
    const id = await host.submit('write', [`${'x'.repeat(1_999)}😀`, 'next']);
    await host.untilStatus(id, 'completed');
    expect((await linesOf(id)).map(({ text }) => text)).toEqual([`${'x'.repeat(1_999)}\uFFFD`, 'next']);
  });

  it('is read in pages', async () => {
    const id = await host.submit('count', 10);
    await host.untilStatus(id, 'completed');
    expect((await host.jobs.logs(id, { after: 3, limit: 4 })).map(({ n }) => n)).toEqual([4, 5, 6, 7]);
    expect(await host.jobs.logs(id, { after: 10, limit: 4 })).toEqual([]);
  });
});
