import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';

/** Below this a text could stand in a log by chance. */
const SHORTEST = 16;
/** What the service hands out, wherever it stands in an answer: tickets, viewer tokens, API keys, JWTs, cookies. */
const ISSUED = [
  /"ticket":"([\w-]{22})"/g,
  /\b(js[vk]_[\w.-]{40,})/g,
  /\b(eyJ[\w-]{10,}\.[\w-]+\.[\w-]{20,})/g,
  /^jobstream[\w-]*=([^;]{16,})/g,
  /[?&]ticket=([\w-]{16,})/g,
];
const known = new Set<string>();

/** A file of the run in which its secrets are listed; null outside a run that searches its logs. */
export function secretsFile(folder = process.env['TEST_FOLDER']): string | null {
  return folder ? join(folder, 'secrets') : null;
}

/** Notes a secret that no log of this run may hold; answers it. */
export function secret<T extends string | undefined>(text: T): T {
  const file = secretsFile();
  if (file === null || text === undefined || text.length < SHORTEST || known.has(text)) return text;
  known.add(text);
  appendFileSync(file, `${text}\n`);
  return text;
}

/** Notes every credential that a text holds, such as an answer, a URL or a cookie. */
export function secretsIn(text: string): void {
  for (const pattern of ISSUED) for (const [, found] of text.matchAll(pattern)) secret(found);
}

/** A text to put into a payload, an error or a password; no log of this run may hold it. */
export function planted(name: string): string {
  return secret(`planted-${name}-${randomBytes(9).toString('hex')}`);
}
