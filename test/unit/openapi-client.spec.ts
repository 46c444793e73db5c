import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jobsOpenApi } from '../../src/openapi.ts';

const run = promisify(execFile);
const bin = (path: string): string => resolve('node_modules', path);

/** Shorthands for what a client would import. */
const NAMES = `import type { components, paths } from './schema.d.ts';
export type Body = paths['/jobs']['post']['requestBody']['content']['application/json'];
export type Job = paths['/jobs/{id}']['get']['responses'][200]['content']['application/json'];
export type Query = NonNullable<paths['/jobs']['get']['parameters']['query']>;
export type Frame = components['schemas']['JobStreamFrame'];
export type Data = paths['/jobs/{id}/events']['get']['responses'][200]['content']['text/event-stream'];
export type Change = components['schemas']['FeedFrame'];
`;

const RIGHT: [what: string, client: string][] = [
  [
    'submits a type and a payload, and nothing else',
    `export const body: Body = { type: 'a', payload: { b: 1 } };`,
  ],
  [
    'knows what a job holds',
    `export const read = (job: Job): [string, number | null | undefined] => [job.status, job.progress?.percent];`,
  ],
  ['filters a list by status', `export const query: Query = { status: ['queued', 'active'] };`],
  [
    'tells the frames of a stream apart by their event',
    `export function percentOf(frame: Frame): number | null {
       if (frame.event === 'end') return frame.data.job.status === 'completed' ? 100 : null;
       return frame.event === 'progress' ? frame.data.progress.percent : null;
     }`,
  ],
  [
    'knows the frames of the feed',
    `export const idOf = (frame: Change): string | null => (frame.event === 'gone' ? frame.data.id : null);`,
  ],
  [
    'knows what the data of a stream can be',
    `export const versionOf = (data: Data): number | null => ('links' in data ? null : 'job' in data ? data.job.version : null);`,
  ],
];

const WRONG: [what: string, client: string, complaint: string][] = [
  ['a submit without a type', `export const body: Body = { payload: 1 };`, "'type' is missing"],
  ['a status that there is not', `export const query: Query = { status: ['done'] };`, '"done"'],
  [
    'the progress of a frame without any',
    `export const at = (frame: Frame) => frame.event === 'end' && frame.data.progress;`,
    "'progress' does not exist",
  ],
];

describe('A client made by openapi-typescript', () => {
  const clients = [...RIGHT, ...WRONG].map(([, client]) => client);
  let folder: string;
  let complaints: string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jobstream-openapi-'));
    const inside = (name: string): string => join(folder, name);
    await writeFile(inside('openapi.json'), JSON.stringify(jobsOpenApi()));
    const made = [bin('openapi-typescript/bin/cli.js'), 'openapi.json', '--output', 'schema.d.ts'];
    await run(process.execPath, made, { cwd: folder });
    await writeFile(inside('names.ts'), NAMES);
    await writeFile(inside('package.json'), '{ "type": "module" }');
    const files = clients.map((_client, index) => `client-${index}.ts`);
    const head = `import type { Body, Change, Data, Frame, Job, Query } from './names.ts';\n`;
    await Promise.all(
      clients.map((client, index) => writeFile(inside(`client-${index}.ts`), `${head}${client}\n`)),
    );
    const flags = ['--strict', '--noEmit', '--pretty', 'false', '--lib', 'es2023'];
    const modules = ['--module', 'nodenext', '--target', 'es2023', '--allowImportingTsExtensions'];
    const compile = [bin('typescript/bin/tsc'), ...flags, ...modules, ...files];
    // The compiler ends with a status of its own where it complains.
    const { stdout } = await run(process.execPath, compile, { cwd: folder }).catch(
      (error: { stdout: string }) => error,
    );
    complaints = stdout.split('\n').filter(Boolean);
  }, 120_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** What the compiler says of a client, and of the types that are made. */
  function complaintsOf(client: string): string[] {
    const others = clients.map((_other, index) => `client-${index}.ts`);
    const own = others[clients.indexOf(client)];
    return complaints.filter((line) => !others.some((name) => name !== own && line.startsWith(name)));
  }

  it.each(RIGHT)('%s', (_what, client) => {
    expect(complaintsOf(client)).toEqual([]);
  });

  it.each(WRONG)('refuses %s', (_what, client, complaint) => {
    expect(complaintsOf(client)).toEqual([expect.stringContaining(complaint)]);
  });
});
