import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ADAPTERS, startApp, type TestApp } from '../support/app.ts';

const NOT_IDS = [
  'x',
  'not-a-uuid',
  '0',
  '-1',
  'x'.repeat(100),
  '00000000-0000-7000-8000-00000000000',
  '00000000-0000-7000-8000-0000000000000',
  '00000000_0000_7000_8000_000000000000',
  '%00',
  '00000000-0000-7000-8000-000000000000%00',
  '..%2f..%2fetc%2fpasswd',
  "'%20OR%201=1--",
  '__proto__',
];

const BAD_LISTS = [
  ['status=bogus', 'status.0'],
  ['status=queued&status=', 'status.1'],
  ['limit=0', 'limit'],
  ['limit=101', 'limit'],
  ['limit=-1', 'limit'],
  ['limit=1.5', 'limit'],
  ['limit=ten', 'limit'],
  ['limit=', 'limit'],
  ['limit=1&limit=2', 'limit'],
  ['cursor=x', 'cursor'],
  ['cursor=%00', 'cursor'],
  ["cursor=' OR 1=1--".replaceAll(' ', '%20'), 'cursor'],
  ['tag=%00', 'tag.0'],
  ['tag=', 'tag.0'],
  [`tag=${'x'.repeat(65)}`, 'tag.0'],
  [`type=${'x'.repeat(65)}`, 'type.0'],
  ['type=a%00b', 'type.0'],
  [Array.from({ length: 101 }, () => 'tag=x').join('&'), 'tag'],
] as const;

const BAD_LOGS = ['after=-1', 'after=x', 'after=1.5', 'after=99999999999', 'after=%00', 'after=1&after=2'];

const IGNORED = [
  'unknown=1',
  '__proto__=1',
  '__proto__[x]=1',
  'constructor=x',
  'tag[a]=1',
  'include=payload',
];

const WRONG_METHODS = [
  ['DELETE', ''],
  ['PUT', '/ID'],
  ['PATCH', '/ID'],
  ['DELETE', '/ID'],
  ['POST', '/ID'],
  ['POST', '/ID/events'],
  ['POST', '/ID/logs'],
  ['GET', '/ID/cancel'],
  ['GET', '/ID/retry'],
  ['TRACE', ''],
  ['PROPFIND', ''],
] as const;

describe.each(ADAPTERS)('Bad requests on %s', (adapter) => {
  let app: TestApp;
  let id: string;
  beforeAll(async () => {
    app = await startApp({ adapter });
    id = await app.waitingJob();
  });
  // A process that has died would not answer.
  afterEach(async () => expect((await app.job(id)).status).toBe('queued'));
  afterAll(() => app.close());

  it.each(NOT_IDS)('answers 404 for the id %s on every route', async (bad) => {
    const answers = [
      await app.get(`/jobs/${bad}`),
      await app.get(`/jobs/${bad}/logs`),
      await app.get(`/jobs/${bad}/events`),
      await app.post(`/jobs/${bad}/cancel`),
      await app.post(`/jobs/${bad}/retry`),
    ];

    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404]);
    expect(new Set(answers.map((answer) => answer.json()['code']))).toEqual(new Set(['job_not_found']));
  });

  it.each(['%E0%A4%A', '%ff', '%'])(
    'answers 400 for the path segment %s, which decodes to nothing',
    async (bad) => {
      for (const path of [`/jobs/${bad}`, `/jobs/${bad}/events`]) {
        const answer = await app.get(path);
        expect(answer.status).toBe(400);
        expect(answer.json()).toMatchObject({
          statusCode: 400,
          error: 'Bad Request',
          message: expect.any(String),
          code: expect.any(String),
        });
      }
    },
  );

  it.each(BAD_LISTS)('refuses the list query %s, and names the place', async (query, path) => {
    const answer = await app.get(`/jobs?${query}`);

    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({
      statusCode: 400,
      code: 'invalid_request',
      issues: [{ path, message: expect.any(String) }],
    });
  });

  it.each(BAD_LOGS)('refuses the logs query %s', async (query) => {
    const answer = await app.get(`/jobs/${id}/logs?${query}`);

    expect([answer.status, answer.json()['code']]).toEqual([400, 'invalid_request']);
  });

  it.each(IGNORED)('ignores the query %s, which the list does not know', async (query) => {
    const answer = await app.get(`/jobs?${query}`);

    expect(answer.status).toBe(200);
    expect(answer.json<{ jobs: { id: string }[] }>().jobs.map((job) => job.id)).toEqual([id]);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it.each(['logs=2', 'heartbeat=bogus', 'after=', 'after[]=1.0', '__proto__[after]=1.0'])(
    'opens a stream from the start for the query %s, which it does not know',
    async (query) => {
      const stream = await app.stream(id, `?${query}`);

      expect((await stream.untilEvent('snapshot')).id).toBe('1.0');
      expect(stream.of('reset')).toEqual([]);
      stream.destroy();
    },
  );

  it('answers two cursors in the query with a reset', async () => {
    const stream = await app.stream(id, '?after=1.0&after=2.0');
    await stream.untilEvent('snapshot');

    expect(stream.of('reset')[0]?.data).toEqual({ reason: 'malformed_cursor' });
    stream.destroy();
  });

  it.each([
    ['garbage', 'garbage'],
    ['Latin-1', '\u00e4\u00ff'],
    ['SQL', "1.0'; DROP TABLE jobs.job; --"],
    ['8 kB of letters', 'x'.repeat(8_192)],
    ['8 kB of digits', `1.${'9'.repeat(8_190)}`],
  ])('answers a Last-Event-ID of %s with a reset', async (_title, cursor) => {
    const stream = await app.stream(id, '', { headers: { 'last-event-id': cursor } });

    expect((await stream.untilEvent('snapshot')).id).toBe('1.0');
    expect(stream.events.map(({ event, data }) => [event, data?.reason])).toEqual([
      ['reset', 'malformed_cursor'],
      ['snapshot', undefined],
    ]);
    expect(stream.text).not.toContain(cursor);
    stream.destroy();
  });

  it.each(WRONG_METHODS)('answers 404 to %s /jobs%s, which is no route', async (method, path) => {
    const answer = await app.send(`/jobs${path.replace('ID', id)}`, { method });

    expect(answer.status).toBe(404);
    if (method !== 'TRACE') expect(answer.json()).toMatchObject({ statusCode: 404, code: 'not_found' });
  });

  it.each(['/%6detrics', '/METRICS', '/openapi%2ejson', '/%6aobs', '/jobs/%65vents'])(
    'answers 404 to %s, another way to write a route',
    async (path) => {
      expect((await app.get(path)).status).toBe(404);
    },
  );

  it('answers 404 to a path that is no route', async () => {
    expect((await app.get('/no/such/path')).json()).toMatchObject({ statusCode: 404, code: 'not_found' });
  });
});
