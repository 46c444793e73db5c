import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { ADAPTERS, type TestApp } from '../support/app.ts';
import { Answer } from '../support/http.ts';
import { openStream } from '../support/sse.ts';
import { type Credential, everyCredential, type OwnedJob } from './matrix/credentials.ts';
import { type Route, startRecordedApp } from './matrix/recorded-app.ts';
import { maySee, mayUse, type Rule, ruleOf, type Target } from './matrix/rules.ts';

const PAGE_FILES: ReadonlySet<string> = new Set(
  readdirSync(join(import.meta.dirname, '../../src/dashboard/page')).map((name) => `/${name}`),
);
const AT_ONCE = 12;
const STREAMS = { STREAM_MAX_PER_CALLER: '100000', STREAM_MAX_TOTAL: '100000' };

interface MatrixJob extends Target {
  /** What nobody may read who may not see the job. */
  secrets: string[];
}

interface Case {
  method: string;
  path: string;
  rule: Rule;
  credential: Credential;
  target: MatrixJob;
}

describe.each(ADAPTERS)('Every route on %s', (adapter) => {
  let app: TestApp;
  let routes: Route[];
  let credentials: Credential[];
  const targets: MatrixJob[] = [];
  const unknown: MatrixJob = { id: uuidv7(), tenant: null, owner: null, secrets: [] };

  beforeAll(async () => {
    ({ app, routes } = await startRecordedApp(adapter, STREAMS));
    const jobs = [
      await endedJob('acme', 'alice'),
      await endedJob('acme', 'bob'),
      await endedJob('globex', 'alice'),
    ];
    await endedJob('acme', null);
    await endedJob('globex', null);
    credentials = await everyCredential(app, jobs);
  });
  afterAll(() => app.close());

  /** A job that ran to its end and has something secret in every place that a caller can read. */
  async function endedJob(tenant: string, owner: string | null): Promise<OwnedJob> {
    const as = { tenant, subject: owner ?? 'nobody' };
    const secret = `secret-${randomUUID()}`;
    const payload = { steps: 1, stepMs: 0, logEvery: 1 };
    const { job, viewer } = await app.submit({ type: 'demo.steps', payload, tags: [secret] }, as);
    await app.untilFinalAs(job.id, as);
    await app.dataSource.query(
      `UPDATE jobs.job SET owner = $2, result = to_json($3::text), payload = to_json($3::text) WHERE id = $1`,
      [job.id, owner, secret],
    );
    await app.dataSource.query(`UPDATE jobs.job_log SET text = $2 WHERE job_id = $1`, [job.id, secret]);
    targets.push({ id: job.id, tenant, owner, secrets: [job.id, secret] });
    return { id: job.id, tenant, owner: as.subject, viewer: viewer.token };
  }

  function everyCase(): Case[] {
    const methods = routes.flatMap(({ method, path }) =>
      (method === 'GET' ? ['GET', 'HEAD'] : [method]).map((name) => `${name} ${path}`),
    );
    return [...new Set(methods)].flatMap((name) => {
      const [method = '', path = ''] = name.split(' ');
      const rule = ruleOf(method, path, PAGE_FILES);
      if (!rule) throw new Error(`Nothing says who may use ${name}: add it to the rules.`);
      const about = rule.ofJob ? [unknown, ...targets] : [unknown];
      return credentialsFor(rule).flatMap((credential) =>
        about.map((target) => ({ method, path, rule, credential, target })),
      );
    });
  }

  /** What everybody may read takes no notice of a credential: a few of them show that. */
  function credentialsFor(rule: Rule): Credential[] {
    return rule.needs === null ? credentials.filter((_one, index) => index % 15 === 0) : credentials;
  }

  async function ask({ method, path, rule, credential, target }: Case, opens: boolean): Promise<Answer> {
    const { headers, query } = credential;
    const where = `${path.replace(':id', target.id)}${`${rule.query ?? ''}${query}`.replace(/^&/, '?')}`;
    if (opens && rule.stream && rule.lists && method === 'GET') {
      const feed = await openStream(`${app.url}${where}`, { headers });
      await feed.untilEvent('ready');
      feed.destroy();
      return new Answer(feed.status, feed.headers, feed.text);
    }
    return app.send(where, { method, headers, body: rule.body?.(target.id) }, null);
  }

  /** 404 of a job that is hidden, by its route and credential: all must be the same bytes. */
  const notFound = new Map<string, string>();

  /** What is wrong with the answer, in words. */
  async function problemsOf(one: Case): Promise<string[]> {
    const { method, path, credential, target } = one;
    const [status, code] = expectedOf(one);
    const answer = await ask(one, status === 200);
    const problems: string[] = [];
    if (answer.status !== status) problems.push(`${answer.status} instead of ${status}`);
    else if (code !== undefined && method !== 'HEAD' && answer.json()['code'] !== code)
      problems.push(`not ${code}: ${answer.text}`);
    if (answer.status === 401 && !answer.headers['www-authenticate']?.startsWith('Bearer'))
      problems.push('401 without WWW-Authenticate');
    if (answer.status === 404 && !isSameAsBefore(`${method} ${path} ${credential.name}`, answer))
      problems.push(`a 404 of its own: ${answer.text}`);
    problems.push(...leaksOf(one, answer), ...missingOf(one, answer));
    const owner = `${target.owner ?? 'nobody'} of ${target.tenant ?? 'nowhere'}`;
    return problems.map((problem) => `${method} ${path} of ${owner} by ${credential.name}: ${problem}`);
  }

  function leaksOf({ rule, credential }: Case, answer: Answer): string[] {
    const bytes = `${answer.text}${JSON.stringify(answer.headers)}`;
    const shown = rule.needs !== null && answer.status < 400 ? credential.holder : null;
    return targets
      .filter((job) => !shown || !maySee(shown, job))
      .filter(({ secrets }) => secrets.some((secret) => bytes.includes(secret)))
      .map(({ tenant, owner }) => `shows the job of ${owner} of ${tenant}`);
  }

  /** Who may see a job does see it; otherwise an empty answer would pass for a safe one. */
  function missingOf({ method, rule, credential, target }: Case, { status, text }: Answer): string[] {
    const { holder } = credential;
    if (!holder || rule.needs === null || status >= 400 || method === 'HEAD') return [];
    const due = rule.lists ? targets.filter((job) => maySee(holder, job)) : [target];
    if (!rule.lists && (!rule.ofJob || rule.body)) return [];
    return due.some(({ secrets }) => !text.includes(secrets.at(-1) ?? ''))
      ? [`does not show what it should: ${text}`]
      : [];
  }

  function isSameAsBefore(key: string, { status, headers, text }: Answer): boolean {
    const { date: _date, ...rest } = headers;
    const bytes = JSON.stringify({ status, rest, text });
    const first = notFound.get(key) ?? bytes;
    notFound.set(key, first);
    return bytes === first;
  }

  it('answers everybody what the contract says, and shows nothing else', async () => {
    const cases = everyCase();
    const waiting = cases.values();
    const problems: string[] = [];
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const one of waiting) problems.push(...(await problemsOf(one)));
      }),
    );
    process.stdout.write(
      `${adapter}: ${cases.length} combinations of ${routes.length} routes, ${credentials.length} credentials and ${targets.length + 1} jobs\n`,
    );
    expect(problems.slice(0, 20)).toEqual([]);
    expect(cases.length).toBeGreaterThan(4_000);
  }, 240_000);

  it('has left every job as it was', async () => {
    const rows = await app.dataSource.query<{ status: string; version: number }[]>(
      'SELECT DISTINCT status, version FROM jobs.job',
    );
    expect(rows).toEqual([{ status: 'completed', version: 3 }]);
  });
});

function expectedOf({ method, rule, credential, target }: Case): Rule['allowed'] {
  const { holder, opens } = credential;
  if (rule.needs === null) return rule.allowed;
  if (!holder) return [401, 'unauthorized'];
  if (opens) {
    const stream = rule.ofJob ? target.id : 'feed';
    if (!rule.stream) return [401, 'unauthorized'];
    // A ticket for another stream looks as if there were no such job; the feed is no job, and a cookie stays at its path.
    if (opens.stream !== stream)
      return opens.by === 'ticket' && rule.ofJob ? [404, 'job_not_found'] : [401, 'unauthorized'];
  }
  if (!mayUse(holder, rule.needs)) return [403, 'insufficient_scope'];
  if (rule.ofJob && !maySee(holder, target)) return [404, 'job_not_found'];
  return method === 'HEAD' ? [rule.allowed[0]] : rule.allowed;
}
