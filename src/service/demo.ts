import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { styleText } from 'node:util';
import { readArguments } from '#scripts/command-line.mjs';
import { COMMANDS } from '#scripts/commands.mjs';
import { JobsClient, JobsClientError, type JobView, type Json } from '../client/index.ts';
import { announcement } from './announcement.ts';
import { readEnvironment } from './environment.ts';
import type { CsvImportResult } from './handlers/csv-import.ts';
import { ensureSampleData, repeatRows } from './handlers/sample-data.ts';
import { formatBytes, ProgressBar } from './progress-bar.ts';
import { logSettings, ServiceLogger } from './service-logger.ts';
import { startService } from './start.ts';

type Service = Awaited<ReturnType<typeof startService>>;
type Style = Parameters<typeof styleText>[0];

const SAMPLE = 'zipcodes.csv';
/** The sample alone is imported faster than a bar can be seen to move. */
const TIMES = 25;
const LARGER = `zipcodes-x${TIMES}.csv`;
/** Jobs, what each does in a few words, and its good end. */
const SHOWCASES = [
  {
    type: 'csv.import',
    title: `${SAMPLE} of vega-datasets, its rows ${TIMES} times over, into the Postgres table imports.zipcodes`,
    payload: { file: LARGER, table: 'zipcodes' } as Json,
    summary: ({ result }: JobView) => {
      const { rows, rejected, bytes, ms } = result as unknown as CsvImportResult;
      return `${count(rows)} rows imported, ${count(rejected)} rejected, ${formatBytes(bytes)} in ${count(ms)} ms`;
    },
  },
  {
    type: 'demo.steps',
    title: '40 steps of 50 ms',
    payload: { steps: 40, stepMs: 50 } as Json,
    summary: ({ result }: JobView) => `${(result as { steps: number }).steps} steps done`,
  },
];

const NO_TOKEN = `The service checks tokens against the keys of your environment, so the demo cannot make one.
Set DEMO_TOKEN to a token with the scopes "jobs:read jobs:write", or unset JWKS_URL and NODE_ENV.`;

const { keep } = readArguments(COMMANDS.demo).values;
const out = process.stdout;

async function main(signal: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  say('bold', 'Jobstream demo');
  say('dim', 'Starting Postgres, Redis and the service; the first start takes longest.');
  const environment = readEnvironment({ ...process.env, PORT: process.env['PORT'] ?? '0' });
  // What goes well is shown by the demo itself.
  const logger = new ServiceLogger({ ...logSettings(process.env), level: 'warn' });
  const log = (line: string): void => say('dim', `  ${line}`);
  const service = await startService(environment, { logger, log, onServerDeath });
  try {
    say('green', `✓ Ready after ${((performance.now() - startedAt) / 1000).toFixed(1)} s: ${service.url}`);
    await showAll(service, signal);
    if (!keep) return say('dim', '\nThe jobs are kept: npm start shows them on the dashboard.');
    out.write(announcement(service));
    say('dim', 'Running until Ctrl-C.');
    if (!signal.aborted) await once(signal, 'abort');
  } finally {
    await service.close();
  }
}

async function showAll(service: Service, signal: AbortSignal): Promise<void> {
  const token = service.token ?? process.env['DEMO_TOKEN'];
  if (!token) throw new Error(NO_TOKEN);
  const samples = await ensureSampleData(service.importDir);
  if (!samples.includes(SAMPLE)) {
    throw new Error(`${SAMPLE} is not in ${service.importDir}. Run "npm ci", which installs vega-datasets.`);
  }
  await repeatRows(service.importDir, SAMPLE, TIMES);
  try {
    const client = new JobsClient({ baseUrl: service.url, token });
    for (const showcase of SHOWCASES) await show(client, showcase, signal);
  } finally {
    await rm(join(service.importDir, LARGER), { force: true });
  }
}

async function show(
  client: JobsClient,
  showcase: (typeof SHOWCASES)[number],
  signal: AbortSignal,
): Promise<void> {
  say('bold', `\n${showcase.type}: ${showcase.title}`);
  const { job } = await client.submit(showcase.type, showcase.payload);
  say('dim', `Job ${job.id}`);
  const ended = await follow(client, job.id, signal);
  if (ended.status !== 'completed') {
    const { code, message } = ended.error ?? { code: ended.status, message: 'No reason was given.' };
    throw new Error(`Job ${ended.id} ended as ${ended.status} (${code}): ${message}`);
  }
  say('green', `✓ ${showcase.summary(ended)}`);
}

/** Draws the job's stream; resolves with the final job. */
async function follow(client: JobsClient, id: string, signal: AbortSignal): Promise<JobView> {
  const bar = new ProgressBar(out);
  try {
    for await (const frame of client.watch(id, { logs: true, signal })) {
      if (frame.type === 'progress') bar.update(frame.data.progress);
      if (frame.type === 'log') frame.data.lines.forEach(({ level, text }) => bar.print(`${level}: ${text}`));
      if (frame.type === 'state' && frame.data.reason !== 'claimed')
        bar.print(`The job is ${frame.data.status} again.`);
      if (frame.type !== 'end') continue;
      if (frame.data.job.progress) bar.update(frame.data.job.progress);
      return frame.data.job;
    }
  } finally {
    bar.finish();
  }
  signal.throwIfAborted();
  return client.waitFor(id, { signal });
}

function count(value: number): string {
  return value.toLocaleString('en');
}

/** Without colours where the output is no terminal, or NO_COLOR is set. */
function say(style: Style, text: string): void {
  out.write(`${styleText(style, text)}\n`);
}

function explain(error: unknown): string {
  if (error instanceof JobsClientError) {
    const issues = (error.issues ?? []).map(({ path, message }) => `\n  ${path}: ${message}`).join('');
    return `${error.message} (${error.code})${issues}`;
  }
  return error instanceof Error ? error.message : String(error);
}

/** Nothing of the demo can be closed in order any more; what else it started ends with the process. */
function onServerDeath(error: Error): void {
  process.stderr.write(`\nThe demo failed: ${error.message}\n`);
  process.exit(1);
}

const interrupt = new AbortController();
// The first Ctrl-C stops what the demo started; a second one has its usual, sudden effect.
process.once('SIGINT', () => interrupt.abort(new Error('Interrupted.')));
process.once('SIGTERM', () => interrupt.abort(new Error('Interrupted.')));

main(interrupt.signal).catch((error: unknown) => {
  process.stderr.write(`\nThe demo failed: ${explain(error)}\n`);
  process.exitCode = 1;
});
