import 'reflect-metadata';
import { readArguments, refuse } from '#scripts/command-line.mjs';
import { COMMANDS } from '#scripts/commands.mjs';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { type ApiKeyRequest, type ApiKeys, openApiKeys } from '../access/index.ts';
import { InvalidInput, type InputIssue } from '../index.ts';
import { fail, runOnDatabase } from './database-command.ts';
import type { Environment } from './environment.ts';
import { migrateDatabase } from './start.ts';

/** A command that was given wrongly; the message says what is wrong. */
class UsageError extends Error {}

/** Who works at this terminal, for the audit. */
const ACTOR = { tenant: null, subject: process.env['USER'] || 'system', credential: 'command' };

type Command = (keys: ApiKeys) => Promise<string>;

/** `npm run api-key`: makes, lists and revokes keys in the database of the environment. */
const given = readArguments(COMMANDS['api-key']);
try {
  const command = toCommand(given);
  await runOnDatabase((databaseUrl, environment) => withKeys(databaseUrl, environment, command));
} catch (error) {
  if (error instanceof UsageError) refuse(error.message, COMMANDS['api-key'].help);
  fail(error);
}

function toCommand({ action, values, operands: [id = ''] }: typeof given): Command {
  if (action === 'create') return createCommand(values);
  if (action === 'revoke') return revokeCommand(id);
  return async (keys) => table(await keys.list(1_000, null));
}

function createCommand({ scopes, expires, name, ...rest }: (typeof given)['values']): Command {
  const request = {
    ...rest,
    name: name ?? rest.subject,
    scopes: scopes?.split(/[\s,]+/).filter(Boolean),
    expiresAt: expires === undefined ? null : dateOf(expires),
  };
  return async (keys) => {
    // What is missing or wrong here, the keys refuse by name.
    const { key, id } = await keys.create(request as ApiKeyRequest, ACTOR).catch(toUsageError);
    return `${key}\n\nThis is the only time that the key is shown. Its id is ${id}.`;
  };
}

function toUsageError(error: unknown): never {
  if (!(error instanceof InvalidInput)) throw error;
  const { issues } = error.getResponse() as { issues: InputIssue[] };
  const problems = issues.map(({ path, message }) => {
    const problem = message.endsWith('received undefined') ? 'is missing' : message;
    return `  --${path.split('.')[0]}: ${problem}`;
  });
  throw new UsageError(`The key cannot be made:\n${problems.join('\n').replace('--expiresAt', '--expires')}`);
}

/** A day begins at midnight UTC. */
function dateOf(text: string): Date {
  if (!z.union([z.iso.date(), z.iso.datetime()]).safeParse(text).success)
    throw new UsageError(`--expires is no date: ${text}`);
  return new Date(text);
}

function revokeCommand(id: string): Command {
  if (!z.uuid().safeParse(id).success) throw new UsageError(`Not an id: ${id}`);
  return async (keys) => {
    if (!(await keys.revoke(id, ACTOR)))
      throw new Error(`There is no key ${id}; "npm run api-key -- list" shows all.`);
    return `The key ${id} is revoked.`;
  };
}

async function withKeys(url: string, environment: Environment, command: Command): Promise<string> {
  if (!environment.production) await migrateDatabase(url, environment.jobs.schema);
  const dataSource = new DataSource({ type: 'postgres', url, installExtensions: false });
  await dataSource.initialize();
  try {
    return await command(openApiKeys(dataSource, environment.jobs));
  } finally {
    await dataSource.destroy();
  }
}

/** A name may hold what a terminal would obey. */
function printable(name: string): string {
  return name.replace(/\p{C}/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

function table(keys: Awaited<ReturnType<ApiKeys['list']>>): string {
  if (keys.length === 0) return 'There are no keys.';
  const rows = keys.map((key) => [
    key.id,
    `jsk_${key.prefix}_…`,
    printable(key.tenant),
    printable(key.subject),
    key.scopes.join(' '),
    key.expiresAt?.toISOString() ?? 'never expires',
    key.lastUsedAt ? `used ${key.lastUsedAt.toISOString()}` : 'never used',
    printable(key.name),
  ]);
  const longest = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const widths = Object.keys(rows[0] ?? []).map((column) => longest(Number(column)));
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return lines.map((line) => line.trimEnd()).join('\n');
}
