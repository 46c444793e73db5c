import { setTimeout } from 'node:timers/promises';
import { escapeIdentifier } from 'pg';
import type { DataSource, EntityManager } from 'typeorm';
import { PermanentFailure } from '../../index.ts';
import { errorCode } from './error-code.ts';

/** The Postgres schema of every imported table. */
export const IMPORT_SCHEMA = 'imports';

/** Postgres's own limits: NAMEDATALEN - 1, and MaxHeapAttributeNumber. */
const MAX_NAME_BYTES = 63;
const MAX_COLUMNS = 1_600;
const SYSTEM_COLUMNS = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid']);

export interface ImportTable {
  /** Its name in the schema. */
  table: string;
  columns: string[];
}

/** How often a second import of the same table looks whether the first has ended, in milliseconds. */
const LOCK_POLL_MS = 200;

/**
 * Column names for a CSV header: lower case, words joined by `_`, at most 63 bytes, never empty and never twice
 * (`name`, `name_2`, …). Throws a `PermanentFailure` `too_many_columns` above 1,600.
 */
export function columnNames(header: readonly string[]): string[] {
  if (header.length > MAX_COLUMNS) {
    const message = `The header names ${header.length} columns; Postgres allows ${MAX_COLUMNS}.`;
    throw new PermanentFailure(message, { code: 'too_many_columns' });
  }
  const taken = new Set(SYSTEM_COLUMNS);
  return header.map((text, index) => {
    const name = unique(identifier(text) || `column_${index + 1}`, taken);
    taken.add(name);
    return name;
  });
}

function identifier(text: string): string {
  const words = text
    .normalize('NFC')
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, '_')
    .replace(/^_+|_+$/g, '');
  return /^\p{N}/u.test(words) ? `_${words}` : words;
}

function unique(base: string, taken: ReadonlySet<string>): string {
  let name = cut(base, '');
  for (let n = 2; taken.has(name); n++) name = cut(base, `_${n}`);
  return name;
}

/** Cuts between characters, so that the name with its suffix fits. */
function cut(base: string, suffix: string): string {
  // A header may hold a name of a megabyte: nothing behind this many characters can be kept anyway.
  const letters = Array.from(base.slice(0, MAX_NAME_BYTES));
  while (Buffer.byteLength(letters.join('') + suffix) > MAX_NAME_BYTES) letters.pop();
  return letters.join('') + suffix;
}

/** Creates the schema if it is missing. Any number of processes may do so at once. */
export async function ensureImportSchema(dataSource: DataSource): Promise<void> {
  // Asked first, because CREATE needs a privilege even where IF NOT EXISTS has nothing to do.
  const rows: unknown[] = await dataSource.query(
    `SELECT WHERE to_regnamespace('${IMPORT_SCHEMA}') IS NOT NULL`,
  );
  if (rows.length > 0) return;
  try {
    await dataSource.query(`CREATE SCHEMA IF NOT EXISTS ${IMPORT_SCHEMA}`);
  } catch (error) {
    // IF NOT EXISTS is no protection against another session that creates it in the same moment.
    const code = errorCode(error);
    if (code !== '23505' && code !== '42P06') throw error;
  }
}

/**
 * Leaves an empty table with these text columns, inside the transaction of `manager`, and keeps other imports of
 * it out until that ends; readers of an existing table wait too. Throws a `PermanentFailure` `table_mismatch`
 * when a table of that name has other columns, and the signal's reason when it aborts while waiting.
 */
export async function prepareTable(
  manager: EntityManager,
  { table, columns }: ImportTable,
  signal: AbortSignal,
): Promise<void> {
  // The attempt has a limit of its own; a lock that is not free soon is left to the next attempt.
  await manager.query(`SET LOCAL statement_timeout = 0`);
  await manager.query(`SET LOCAL lock_timeout = '5s'`);
  await lockTable(manager, table, signal);
  const found = await existingColumns(manager, table);
  if (found === null) {
    const list = columns.map((name) => `${escapeIdentifier(name)} text`).join(', ');
    await manager.query(`CREATE TABLE ${tableName(table)} (${list})`);
    return;
  }
  if (JSON.stringify(found) !== JSON.stringify(columns)) throw mismatch(table, found, columns);
  await manager.query(`TRUNCATE ${tableName(table)}`);
}

/** For CSV with this delimiter; without one, for COPY's own text format. */
export function copyStatement({ table, columns }: ImportTable, delimiter?: string): string {
  const list = columns.map(escapeIdentifier).join(', ');
  // An empty field is an empty text, in quotes or not.
  const format =
    delimiter === undefined
      ? 'FORMAT text'
      : `FORMAT csv, DELIMITER '${delimiter.replace("'", "''")}', FORCE_NOT_NULL (${list})`;
  return `COPY ${tableName(table)} (${list}) FROM STDIN (${format}, ENCODING 'UTF8')`;
}

/** Polls, because a session that waits for a lock cannot be told to stop. */
async function lockTable(manager: EntityManager, table: string, signal: AbortSignal): Promise<void> {
  const sql = 'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS locked';
  for (;;) {
    signal.throwIfAborted();
    const [row]: { locked: boolean }[] = await manager.query(sql, [`${IMPORT_SCHEMA}.${table}`]);
    if (row?.locked) return;
    await setTimeout(LOCK_POLL_MS, undefined, { signal });
  }
}

/** Null when there is no such relation; a column that is not text, or not of a table, shows its type. */
async function existingColumns(manager: EntityManager, table: string): Promise<string[] | null> {
  const sql = `
    SELECT CASE WHEN c.relkind <> 'r' THEN '["(not a table)"]' ELSE (
      SELECT coalesce(json_agg(attname || CASE WHEN type = 'text' THEN '' ELSE ' (' || type || ')' END ORDER BY attnum), '[]')
      FROM pg_attribute, format_type(atttypid, atttypmod) AS type
      WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
    ) END AS columns
    FROM pg_class c WHERE c.oid = to_regclass($1)`;
  const [found]: { columns: string[] }[] = await manager.query(sql, [tableName(table)]);
  return found?.columns ?? null;
}

function mismatch(table: string, found: string[], columns: readonly string[]): PermanentFailure {
  const message =
    `The table ${IMPORT_SCHEMA}.${table} exists with other columns: it has ${listed(found)}, the file has ` +
    `${listed(columns)}. Import into another table, or drop this one.`;
  return new PermanentFailure(message, { code: 'table_mismatch' });
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 20).join(', ') || 'none';
  return names.length > 20 ? `${shown}, and ${names.length - 20} more` : shown;
}

function tableName(table: string): string {
  return `${escapeIdentifier(IMPORT_SCHEMA)}.${escapeIdentifier(table)}`;
}
