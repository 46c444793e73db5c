import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Statements in full, but not their values, which no log of a test run may hold. */
const SETTINGS = '-c log_statement=all -c log_parameter_max_length=0';
const ENTRY = /^\d{4}-\d\d-\d\d [\d:.]+ UTC \[\d+\] /m;
const STATEMENT = /^LOG: {2}(?:execute [^:]+|statement): ([\s\S]+)$/;

/** The URL of a database whose connections write what they run into the log of the server. */
export function logged(url: string): string {
  const given = new URL(url);
  given.searchParams.set('options', SETTINGS);
  return given.href;
}

/** Every different statement that Postgres ran for such connections, as its log has them, on one line each. */
export function statementsRun(folder = process.env['TEST_FOLDER'] ?? ''): Set<string> {
  const logs = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('postgres.log'),
  );
  const entries = logs.flatMap((name) => readFileSync(join(folder, name), 'utf8').split(ENTRY));
  return new Set(
    entries.flatMap((entry) => {
      const text = STATEMENT.exec(entry.trim())?.[1];
      return text === undefined ? [] : [text.replaceAll(/\s+/g, ' ')];
    }),
  );
}
