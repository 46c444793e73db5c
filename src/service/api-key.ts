import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { ConsoleLogger, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { type ApiKeyRequest, type ApiKeys, openApiKeys } from '../access/index.ts';
import { InvalidInput, type InputIssue } from '../index.ts';
import { readEnvironment } from './environment.ts';
import { openDatabase } from './servers.ts';
import { migrateDatabase } from './start.ts';

const USAGE = `Usage:
  npm run api-key -- create --tenant <tenant> --subject <subject> --scopes "jobs:read jobs:write"
                            [--name <what it is for>] [--expires 2027-01-01]
  npm run api-key -- list
  npm run api-key -- revoke <id>`;

/** What keys have no use for, so that production may leave it out here. */
const UNUSED = {
  REDIS_URL: 'redis://unused',
  JWT_SECRET: 'unused, but as long as a secret has to be',
  JWT_ISSUER: 'unused',
  JWT_AUDIENCE: 'unused',
};

/** A command that was given wrongly; the message says how to give it. */
class UsageError extends Error {
  constructor(problem: string) {
    super(`${problem}\n${USAGE}`);
  }
}

/** Who works at this terminal, for the audit. */
const ACTOR = { tenant: null, subject: process.env['USER'] || 'system', credential: 'command' };

/** On stderr, because stdout is for the result. */
class CommandLogger extends ConsoleLogger {
  override log(message: unknown, context?: string): void {
    this.printMessages([message], context, 'log', 'stderr');
  }
}

type Command = (keys: ApiKeys) => Promise<string>;

/** `npm run api-key`: makes, lists and revokes keys in the database of the environment. */
Logger.overrideLogger(new CommandLogger());

try {
  const command = readCommand(process.argv.slice(2));
  process.stdout.write(`${await withKeys(command)}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

function readCommand([name, ...rest]: string[]): Command {
  if (name === 'create') return createCommand(rest);
  if (name === 'list' && rest.length === 0) return async (keys) => table(await keys.list(1_000, null));
  const [id] = rest;
  if (name === 'revoke' && id !== undefined && rest.length === 1) return revokeCommand(id);
  throw new UsageError(
    name === undefined ? 'A command is missing.' : `Not understood: ${[name, ...rest].join(' ')}`,
  );
}

function createCommand(args: string[]): Command {
  const { scopes, expires, name, ...rest } = optionsOf(args);
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
  const date = new Date(/^\d{4}-\d\d-\d\d(T.*Z)?$/.test(text) ? text : NaN);
  // JavaScript takes the 31st of February for the 3rd of March.
  if (Number.isNaN(date.getTime()) || !date.toISOString().startsWith(text.slice(0, 10)))
    throw new UsageError(`--expires is no date: ${text}`);
  return date;
}

function optionsOf(args: string[]) {
  const text = { type: 'string' } as const;
  try {
    const options = { tenant: text, subject: text, scopes: text, name: text, expires: text };
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function revokeCommand(id: string): Command {
  if (!z.uuid().safeParse(id).success) throw new UsageError(`Not an id: ${id}`);
  return async (keys) => {
    if (!(await keys.revoke(id, ACTOR)))
      throw new Error(`There is no key ${id}; "npm run api-key -- list" shows all.`);
    return `The key ${id} is revoked.`;
  };
}

async function withKeys(command: Command): Promise<string> {
  const environment = readEnvironment({ ...process.env, ...UNUSED, JWKS_URL: '' });
  const servers = await openDatabase(environment, (line) => process.stderr.write(`${line}\n`));
  try {
    const { databaseUrl } = servers;
    if (!environment.production) await migrateDatabase(databaseUrl, environment.schema);
    const dataSource = new DataSource({ type: 'postgres', url: databaseUrl, installExtensions: false });
    await dataSource.initialize();
    try {
      return await command(openApiKeys(dataSource, environment));
    } finally {
      await dataSource.destroy();
    }
  } finally {
    await servers.stop();
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
  const widths =
    rows[0]?.map((_cell, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
