import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ADAPTERS, LATER, startApp, type TestApp } from '../support/app.ts';
import type { Request } from '../support/http.ts';

const VALID = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: LATER };
const KIB = 1024;

function raw(body: string | Buffer): Request {
  return { method: 'POST', raw: body };
}
function change(part: object): Request {
  return { method: 'POST', body: { ...VALID, ...part } };
}
/** JSON text, so that it can hold what no JavaScript object can. */
function payload(json: string): Request {
  return raw(`{"type":"demo.steps","payload":${json},"runAt":"${LATER}"}`);
}
function nested(levels: number): string {
  return `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
}
function text(bytes: number): string {
  return `"${'x'.repeat(bytes)}"`;
}

const NOT_A_BODY: [title: string, request: Request, status: number, code: unknown][] = [
  ['JSON that is cut off', raw('{"type":"demo.steps","payload":{"st'), 400, 'bad_request'],
  ['text that is no JSON', raw('type=demo.steps'), 400, 'bad_request'],
  ['bytes of zero', raw(Buffer.alloc(64)), 400, 'bad_request'],
  ['bytes that are not UTF-8', raw(Buffer.from([0x22, 0xff, 0xfe, 0x22])), 400, 'bad_request'],
  ['an array', raw('[]'), 400, 'invalid_request'],
  ['null', raw('null'), 400, 'invalid_request'],
  ['nothing', { method: 'POST' }, 400, 'invalid_request'],
  ['plain text', { ...raw('{}'), headers: { 'content-type': 'text/plain' } }, 415, 'unsupported_media_type'],
  ['more than 64 KiB', payload(text(65 * KIB)), 413, 'payload_too_large'],
  ['2 MiB', payload(text(2 * KIB * KIB)), 413, 'payload_too_large'],
];

/** The issue's path says which part is wrong; '' is the body itself. */
const NOT_A_SUBMISSION: [title: string, request: Request, path: string][] = [
  ['an empty object', raw('{}'), 'type'],
  ['an unknown key', change({ queue: 'imports' }), ''],
  ['no payload', raw('{"type":"demo.steps"}'), 'payload'],
  ['a type that is a number', change({ type: 7 }), 'type'],
  ['an empty type', change({ type: '' }), 'type'],
  ['a type of 65 characters', change({ type: 'x'.repeat(65) }), 'type'],
  ['a runAt that is no time', change({ runAt: 'tomorrow' }), 'runAt'],
  ['a runAt without an offset', change({ runAt: '2030-01-01T00:00:00' }), 'runAt'],
  ['a runAt on the 30th of February', change({ runAt: '2030-02-30T00:00:00Z' }), 'runAt'],
  ['a runAt before 1970', change({ runAt: '1960-01-01T00:00:00Z' }), 'runAt'],
  ['a priority of 10', change({ priority: 10 }), 'priority'],
  ['a priority of -1', change({ priority: -1 }), 'priority'],
  ['a priority of 0.5', change({ priority: 0.5 }), 'priority'],
  ['a priority that is text', change({ priority: '1' }), 'priority'],
  ['17 tags', change({ tags: Array.from({ length: 17 }, (_, i) => `t${i}`) }), 'tags'],
  ['a tag of 65 characters', change({ tags: ['x'.repeat(65)] }), 'tags.0'],
  ['an empty tag', change({ tags: ['a', ''] }), 'tags.1'],
  ['a tag with U+0000', change({ tags: ['a\u0000b'] }), 'tags.0'],
  ['a tag with a lone surrogate', change({ tags: ['a\ud800b'] }), 'tags.0'],
  ['no attempts', change({ maxAttempts: 0 }), 'maxAttempts'],
  ['1,001 attempts', change({ maxAttempts: 1_001 }), 'maxAttempts'],
];

/** The path and a part of the message of the issue that tells what is wrong. */
const NOT_A_PAYLOAD: [title: string, request: Request, path: string, message: string][] = [
  ['null', payload('null'), '', 'expected object'],
  ['text', payload('"steps"'), '', 'expected object'],
  ['an unknown key', payload('{"steps":1,"stepMs":0,"x":1}'), '', '"x"'],
  ['a number out of range', payload('{"steps":0,"stepMs":0}'), 'steps', '>=1'],
  ['a number beyond double', payload('{"steps":1,"stepMs":1e400}'), 'stepMs', 'number'],
  ['U+0000 in a text', payload('{"file":"a\\u0000b"}'), '', 'U+0000'],
  ['U+0000 in a key', payload('{"\\u0000":1}'), '', 'U+0000'],
  ['a lone surrogate in a text', payload('{"file":"a\\ud800b"}'), '', 'surrogate'],
  ['a lone surrogate in a key', payload('{"\\udfff":1}'), '', 'surrogate'],
  ['100 levels', payload(nested(100)), '', 'nested deeper'],
  ['30,000 levels', payload(nested(30_000)), '', 'nested deeper'],
];

const NOT_A_TYPE = [
  'no.such',
  '__proto__',
  'constructor',
  'toString',
  'demo\u0000steps',
  'DEMO.STEPS',
  '\ud800',
];

describe.each(ADAPTERS)('Bad submissions on %s', (adapter) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ adapter });
  });
  // A process that has died would not answer.
  afterEach(async () => expect((await app.get('/health/ready', null)).status).toBe(200));
  afterAll(() => app.close());

  async function countJobs(): Promise<number> {
    const rows: unknown[] = await app.dataSource.query('SELECT 1 FROM jobs.job');
    return rows.length;
  }

  it.each(NOT_A_BODY)('refuses a body of %s', async (_title, request, status, code) => {
    const answer = await app.send('/jobs', request);

    expect(answer.status).toBe(status);
    expect(answer.json()).toMatchObject({ statusCode: status, code, message: expect.any(String) });
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
  });

  it.each(NOT_A_SUBMISSION)(
    'refuses a submission with %s, and names the place',
    async (_title, request, path) => {
      const answer = await app.send('/jobs', request);

      expect(answer.status).toBe(400);
      expect(answer.json()).toMatchObject({ statusCode: 400, error: 'Bad Request', code: 'invalid_request' });
      expect(answer.json<{ issues: unknown[] }>().issues).toContainEqual({
        path,
        message: expect.any(String),
      });
    },
  );

  it.each(NOT_A_PAYLOAD)(
    'refuses a payload with %s, and names the place',
    async (_title, request, path, message) => {
      const answer = await app.send('/jobs', request);

      expect(answer.status).toBe(422);
      expect(answer.json()).toMatchObject({
        statusCode: 422,
        error: 'Unprocessable Entity',
        code: 'invalid_payload',
      });
      expect(answer.json<{ issues: unknown[] }>().issues).toContainEqual({
        path,
        message: expect.stringContaining(message),
      });
    },
  );

  it('names every issue of a payload at once', async () => {
    const answer = await app.send('/jobs', payload('{"steps":"1","stepMs":-1,"logEvery":0}'));

    const { issues } = answer.json<{ issues: { path: string }[] }>();
    expect(issues.map(({ path }) => path)).toEqual(['steps', 'stepMs', 'logEvery']);
  });

  it.each(NOT_A_TYPE)('refuses the unknown type %j', async (type) => {
    const answer = await app.send('/jobs', change({ type }));

    expect(answer.status).toBe(422);
    expect(answer.json()).toMatchObject({ statusCode: 422, code: 'unknown_job_type' });
  });

  it('lets no __proto__ key through, and no prototype is changed', async () => {
    const steps = '"steps":1,"stepMs":0';
    const requests = [
      raw(`{"type":"demo.steps","payload":{${steps}},"__proto__":{"priority":9}}`),
      payload(`{${steps},"__proto__":{"polluted":1}}`),
      payload(`{${steps},"constructor":{"prototype":{"polluted":1}}}`),
    ];

    for (const request of requests) {
      const answer = await app.send('/jobs', request);
      expect([400, 422]).toContain(answer.status);
    }
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it.each(['', 'x'.repeat(256), 'gr\u00fcn', 'a\tb'])('refuses the Idempotency-Key %j', async (key) => {
    const answer = await app.send('/jobs', { ...change({}), headers: { 'idempotency-key': key } });

    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({ code: 'invalid_request', issues: [{ path: 'idempotencyKey' }] });
  });

  it('makes no job of anything that it refuses', async () => {
    const before = await countJobs();
    const requests = [...NOT_A_BODY, ...NOT_A_SUBMISSION, ...NOT_A_PAYLOAD].map(([, request]) => request);

    const answers = await Promise.all(requests.map((request) => app.send('/jobs', request)));

    expect(answers.every(({ status }) => status >= 400 && status < 500)).toBe(true);
    expect(await countJobs()).toBe(before);
  });
});
