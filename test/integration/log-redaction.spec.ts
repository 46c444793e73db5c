import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { PermanentFailure } from '../../src/index.ts';
import { loggedLines } from '../support/collected-log.ts';
import { eventually } from '../support/eventually.ts';
import { handler, TestModule } from '../support/module.ts';
import { planted } from '../support/secrets.ts';

let host: TestModule;
const payloads: string[] = [];

/** A payload that no log may hold. */
function payload(): { note: string } {
  const note = planted('payload');
  payloads.push(note);
  return { note };
}

function noteOf(given: unknown): string {
  return (given as { note: string }).note;
}

class ImportRefused extends Error {
  code = 'E_IMPORT';
}

beforeAll(async () => {
  host = await TestModule.start({
    providers: [
      handler(
        'throws',
        (given) => {
          throw new ImportRefused(`cannot import ${noteOf(given)}\n    at ${noteOf(given)} (file.ts:1:1)`);
        },
        { attempts: 1 },
      ),
      handler('gives-up', (given) => {
        throw new PermanentFailure(noteOf(given), { code: 'bad_file' });
      }),
      handler('parses', (given) => JSON.parse(noteOf(given)), { attempts: 1 }),
      handler(
        'wraps',
        (given) => {
          throw new Error(noteOf(given), { cause: new ImportRefused(noteOf(given)) });
        },
        { attempts: 1 },
      ),
      handler('waits', (_given, job) => delay(60_000, undefined, { signal: job.signal })),
      handler('returns-bigint', (given) => ({ [noteOf(given)]: 1n })),
      handler('returns-much', (given) => noteOf(given).repeat(50_000)),
      handler('is-strict', () => null, {
        schema: z.object({ note: z.string().refine(() => payloads.length < 0, 'never') }),
      }),
    ],
  });
});
afterAll(async () => {
  await host.close();
  expect(payloads.length).toBeGreaterThan(3);
  for (const note of payloads) expect(loggedLines().join('\n')).not.toContain(note);
});

async function failed(type: string): Promise<{ line: string; message: string }> {
  const id = await host.submit(type, payload());
  const job = await host.untilStatus(id, 'failed');
  const line = await eventually(() => {
    const found = loggedLines().find((each) => each.includes(`Job ${id}`));
    if (!found) throw new Error('No line tells of the job.');
    return found;
  });
  return { line, message: job.error?.message ?? '' };
}

describe('the log', () => {
  it('tells of no failure when a cancelled handler ends with the AbortError of what it waited for', async () => {
    const id = await host.submit('waits', payload());
    await host.untilStatus(id, 'active');
    await host.jobs.cancel(id);
    await host.untilStatus(id, 'cancelled');
    expect(loggedLines().filter((line) => line.includes(id) && line.startsWith('error'))).toEqual([]);
  });
});

describe('the log line of a job that failed', () => {
  it('names type, attempt, class, code and frames, and leaves the message to the job', async () => {
    const { line, message } = await failed('throws');
    expect(line).toMatch(
      /^error Job \S+ \(throws\) failed in attempt 1 of 1: ImportRefused E_IMPORT\n {4}at .*log-redaction/,
    );
    expect(message).toContain(payloads.at(-1));
  });

  it('is a warning without a stack for a PermanentFailure', async () => {
    const { line, message } = await failed('gives-up');
    expect(line).toMatch(
      /^warn Job \S+ \(gives-up\) failed in attempt 1 of \d+: PermanentFailure bad_file \[/,
    );
    expect(line).not.toContain('    at ');
    expect(message).toBe(payloads.at(-1));
  });

  it('names class and code of the cause', async () => {
    const { line, message } = await failed('wraps');
    expect(line).toMatch(/ failed in attempt 1 of 1: Error, caused by ImportRefused E_IMPORT\n {4}at /);
    expect(message).toContain(payloads.at(-1));
  });

  it.each([
    ['returns-bigint', 'bigint'],
    ['returns-much', 'too_large'],
  ])('tells what is wrong with a result, without the result: %s', async (type, fault) => {
    const { line } = await failed(type);
    expect(line).toMatch(
      new RegExp(`^warn Job \\S+ \\(${type}\\) failed in attempt 1 of \\d+: InvalidResult ${fault} \\[`),
    );
  });

  it('holds nothing of what could not be parsed', async () => {
    expect((await failed('parses')).line).toContain('SyntaxError');
  });
});

describe('an error of Postgres that reaches the host', () => {
  /** Submits while the table takes no jobs of this tenant; resolves to the error, shown as a log shows it. */
  async function refusedBy(statement: string, undo: string, manager = false): Promise<string> {
    await host.query(statement);
    const note = payload();
    const submit = (): Promise<string> => host.submit('throws', note);
    const joined = (): Promise<string> =>
      host.dataSource.transaction((own) => host.submit('throws', note, { manager: own }));
    try {
      const error: unknown = await (manager ? joined() : submit()).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(Error);
      const { inspect } = await import('node:util');
      return inspect(error, { depth: 10 });
    } finally {
      await host.query(undo);
    }
  }

  it.each([false, true])('holds no parameters and no rows (in its transaction: %p)', async (manager) => {
    const shown = await refusedBy(
      `ALTER TABLE jobs.job ADD CONSTRAINT nothing CHECK (type <> 'throws') NOT VALID`,
      'ALTER TABLE jobs.job DROP CONSTRAINT nothing',
      manager,
    );
    expect(shown).toContain('violates check constraint "nothing"');
    expect(shown).not.toContain(payloads.at(-1));
  });
});
