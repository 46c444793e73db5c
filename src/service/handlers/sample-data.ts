import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { writing } from '../unwritable.ts';
import { errorCode } from './error-code.ts';

/** Files that the development package `vega-datasets` ships. */
const SAMPLES = ['airports.csv', 'birdstrikes.csv', 'zipcodes.csv'];

/**
 * Copies a few real CSV files into the import folder, which is created if missing; files that are there stay as
 * they are. Returns the names of the samples in the folder: none where the package is not installed, as in
 * production, unless they were there already.
 */
export async function ensureSampleData(importDir: string): Promise<string[]> {
  await inImportFolder(importDir, () => mkdir(importDir, { recursive: true }));
  const source = samplesFolder();
  const present = (name: string): boolean => existsSync(path.join(importDir, name));
  for (const name of SAMPLES) {
    if (!source || present(name)) continue;
    await inImportFolder(importDir, () => copyWhole(path.join(source, name), path.join(importDir, name)));
  }
  return SAMPLES.filter(present);
}

/**
 * Writes a larger file beside a sample: its header once, its rows `times` over. Returns the new name.
 */
export async function repeatRows(importDir: string, name: string, times: number): Promise<string> {
  const text = await readFile(path.join(importDir, name), 'utf8');
  const firstRow = text.indexOf('\n') + 1;
  const rows = text.endsWith('\n') ? text.slice(firstRow) : `${text.slice(firstRow)}\n`;
  const larger = `${path.basename(name, '.csv')}-x${times}.csv`;
  const content = text.slice(0, firstRow) + rows.repeat(times);
  await inImportFolder(importDir, () => writeFile(path.join(importDir, larger), content));
  return larger;
}

function inImportFolder<T>(importDir: string, write: () => Promise<T>): Promise<T> {
  const wayOut = 'Set IMPORT_DIR to a folder that can, or work in a copy of your own.';
  return writing(`The import folder ${importDir}`, wayOut, write);
}

/** The package exports its entry point only, `build/index.js`; the files lie beside that folder. */
function samplesFolder(): string | null {
  try {
    const entry = createRequire(import.meta.url).resolve('vega-datasets');
    return path.join(path.dirname(entry), '..', 'data');
  } catch (error) {
    if (errorCode(error) === 'MODULE_NOT_FOUND') return null;
    throw error;
  }
}

/** Under another name until it is complete, because an import or another process may look at any time. */
async function copyWhole(source: string, target: string): Promise<void> {
  const partial = `${target}.${randomUUID()}.partial`;
  await copyFile(source, partial);
  await rename(partial, target);
}
