import { appendFileSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { inspect } from 'node:util';
import type { LoggerService } from '@nestjs/common';

/** Importing it from Jest would bind it before there is one, as this is loaded first of all. */
const jest = globalThis as { expect?: { getState(): { testPath?: string } } };

const lines: string[] = [];

/** What was logged in this test file, each entry as one text. */
export function loggedLines(): readonly string[] {
  return lines;
}

/** What was logged under this context, without the level and the context. */
export function loggedUnder(context: string): string[] {
  const end = ` [${context}]`;
  return lines
    .filter((line) => line.endsWith(end))
    .map((line) => line.slice(line.indexOf(' ') + 1, -end.length));
}

/** A logger of Nest that prints nothing; the end of the run searches what it was given for secrets. */
export const collectedLog: LoggerService = {
  log: (...parts: unknown[]) => collect('log', parts),
  warn: (...parts: unknown[]) => collect('warn', parts),
  error: (...parts: unknown[]) => collect('error', parts),
  fatal: (...parts: unknown[]) => collect('fatal', parts),
  debug: (...parts: unknown[]) => collect('debug', parts),
  verbose: (...parts: unknown[]) => collect('verbose', parts),
};

/** Adds the output of a process. */
export function collectOutput(source: string, output: string): void {
  const folder = process.env['TEST_FOLDER'];
  if (!folder || output === '') return;
  const logs = join(folder, 'logs');
  mkdirSync(logs, { recursive: true });
  const spec = basename(jest.expect?.getState().testPath ?? 'setup');
  const told = output.replaceAll(/^/gm, `${spec} ${source}: `);
  appendFileSync(join(logs, `${process.pid}.log`), `${told}\n`);
}

/** Errors as Nest's console logger shows them: whole, with all their properties. */
function collect(level: string, parts: unknown[]): void {
  const texts = parts.map((part) => (typeof part === 'string' ? part : inspect(part, { depth: 10 })));
  const context = texts.length > 1 ? ` [${texts.pop()}]` : '';
  const line = `${level} ${texts.join('\n')}${context}`;
  lines.push(line);
  collectOutput('log', line);
}
