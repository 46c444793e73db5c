import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { secretsFile } from './secrets.ts';

/** Secrets are looked up by their end: tokens begin alike, and the end of one proves it. */
const TAIL = 14;

export interface Searched {
  files: number;
  lines: number;
  secrets: number;
  /** `file:line: …` of each line that holds a secret. */
  leaks: string[];
}

/** Searches every log below the folder of the run for the secrets of its tests. */
export async function searchLogs(folder: string): Promise<Searched> {
  const file = secretsFile(folder) ?? '';
  const secrets = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  const tails = new Set(secrets.map((secret) => secret.slice(-TAIL)));
  const found: Searched = { files: 0, lines: 0, secrets: new Set(secrets).size, leaks: [] };
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.log')) continue;
    found.files += 1;
    let number = 0;
    for await (const line of createInterface({ input: createReadStream(join(folder, name)) })) {
      number += 1;
      if (holdsAny(line, tails)) found.leaks.push(`${name}:${number}: ${line.slice(0, 500)}`);
    }
    found.lines += number;
  }
  return found;
}

function holdsAny(line: string, tails: Set<string>): boolean {
  for (let at = 0; at + TAIL <= line.length; at += 1) if (tails.has(line.slice(at, at + TAIL))) return true;
  return false;
}
