import { describe, expect, it } from '@jest/globals';
import openapiTS, { astToString } from 'openapi-typescript';
import ts from 'typescript';
import { jobsOpenApi } from '../../src/openapi.ts';

const CLIENT = '/client.ts';
const OPTIONS: ts.CompilerOptions = {
  strict: true,
  noEmit: true,
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  lib: ['lib.es2023.d.ts'],
  types: [],
};

/** Shorthands for what a client would import. */
const NAMES = `
type Body = paths['/jobs']['post']['requestBody']['content']['application/json'];
type Job = paths['/jobs/{id}']['get']['responses'][200]['content']['application/json'];
type Query = NonNullable<paths['/jobs']['get']['parameters']['query']>;
type Frame = components['schemas']['JobStreamFrame'];
type Data = paths['/jobs/{id}/events']['get']['responses'][200]['content']['text/event-stream'];
type Change = components['schemas']['FeedFrame'];
`;

const host = ts.createCompilerHost(OPTIONS);
const { getSourceFile } = host;
const libraries = new Map<string, ts.SourceFile | undefined>();

/** What the compiler says of a client below the types that openapi-typescript makes of the document. */
async function complaints(client: string): Promise<string[]> {
  types ??= openapiTS(jobsOpenApi() as never).then(astToString);
  const text = `${await types}${NAMES}${client}\n`;
  host.getSourceFile = (name, target) => {
    if (name === CLIENT) return ts.createSourceFile(name, text, target);
    if (!libraries.has(name)) libraries.set(name, getSourceFile(name, target));
    return libraries.get(name);
  };
  const program = ts.createProgram([CLIENT], OPTIONS, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}
let types: Promise<string> | undefined;

describe('A client made by openapi-typescript', () => {
  it.each([
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
      `export const jobOf = (data: Data) => ('job' in data ? data.job.version : null) satisfies number | null;`,
    ],
  ])('%s', async (_what, client) => {
    expect(await complaints(client)).toEqual([]);
  });

  it.each([
    ['a submit without a type', `export const body: Body = { payload: 1 };`, "'type' is missing"],
    ['a status that there is not', `export const query: Query = { status: ['done'] };`, '"done"'],
    [
      'the progress of a frame without any',
      `export const at = (frame: Frame) => frame.event === 'end' && frame.data.progress;`,
      "'progress' does not exist",
    ],
  ])('refuses %s', async (_what, client, complaint) => {
    expect(await complaints(client)).toEqual([expect.stringContaining(complaint)]);
  });
});
