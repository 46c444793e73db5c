import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ADAPTERS, LATER, startApp, type TestApp } from '../support/app.ts';
import type { Answer, Request } from '../support/http.ts';

const VALID = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: LATER };
const UNKNOWN_ID = '00000000-0000-7000-8000-000000000000';

/** JSON text, so that it can hold what no JavaScript object can. */
function withPayload(payload: string): Request {
  return { method: 'POST', raw: `{"type":"demo.steps","payload":${payload},"runAt":"${LATER}"}` };
}
function withBody(change: object): Request {
  return { method: 'POST', body: { ...VALID, ...change } };
}
function nested(levels: number): string {
  return `${'['.repeat(levels)}${']'.repeat(levels)}`;
}

type Case = [title: string, request: Request, status: number, code: string];

const BODIES: Case[] = [
  ['a body that is cut off', { method: 'POST', raw: '{"type":"demo.steps","payload":{"st' }, 400, 'bad_request'],
  ['a body that is no JSON', { method: 'POST', raw: 'type=demo.steps' }, 400, 'bad_request'],
  ['a body of NUL bytes', { method: 'POST', raw: Buffer.alloc(64) }, 400, 'bad_request'],
  ['a body that is not UTF-8', { method: 'POST', raw: Buffer.from([0x22, 0xff, 0xfe, 0x22]) }, 400, 'invalid_request'],
  ['a JSON array', { method: 'POST', raw: '[]' }, 400, 'invalid_request'],
  ['a JSON null', { method: 'POST', raw: 'null' }, 400, 'invalid_request'],
  ['an empty object', { method: 'POST', raw: '{}' }, 400, 'invalid_request'],
  ['no body at all', { method: 'POST' }, 400, 'invalid_request'],
  ['an unknown key', withBody({ queue: 'imports' }), 400, 'invalid_request'],
  ['a type that is a number', withBody({ type: 7 }), 400, 'invalid_request'],
  ['an empty type', withBody({ type: '' }), 400, 'invalid_request'],
  ['an unknown type', withBody({ type: 'no.such' }), 422, 'unknown_job_type'],
  ['the type __proto__', withBody({ type: '__proto__' }), 422, 'unknown_job_type'],
  ['the type constructor', withBody({ type: 'constructor' }), 422, 'unknown_job_type'],
  ['a type with U+0000', withBody({ type: 'demo\u0000steps' }), 422, 'unknown_job_type'],
  ['a runAt that is no time', withBody({ runAt: 'tomorrow' }), 400, 'invalid_request'],
  ['a runAt without an offset', withBody({ runAt: '2030-01-01T00:00:00' }), 400, 'invalid_request'],
  ['a runAt on the 30th of February', withBody({ runAt: '2030-02-30T00:00:00Z' }), 400, 'invalid_request'],
  ['a runAt before 1970', withBody({ runAt: '1960-01-01T00:00:00Z' }), 400, 'invalid_request'],
  ['a priority of 10', withBody({ priority: 10 }), 400, 'invalid_request'],
  ['a priority of -1', withBody({ priority: -1 }), 400, 'invalid_request'],
  ['a priority of 0.5', withBody({ priority: 0.5 }), 400, 'invalid_request'],
  ['a priority that is text', withBody({ priority: '1' }), 400, 'invalid_request'],
  ['17 tags', withBody({ tags: Array.from({ length: 17 }, (_, i) => `t${i}`) }), 400, 'invalid_request'],
  ['a tag of 65 characters', withBody({ tags: ['x'.repeat(65)] }), 400, 'invalid_request'],
  ['an empty tag', withBody({ tags: [''] }), 400, 'invalid_request'],
  ['a tag with U+0000', withBody({ tags: ['a\u0000b'] }), 400, 'invalid_request'],
  ['a tag with a lone surrogate', withBody({ tags: ['a\ud800b'] }), 400, 'invalid_request'],
  ['maxAttempts of 0', withBody({ maxAttempts: 0 }), 400, 'invalid_request'],
  ['maxAttempts of 1,001', withBody({ maxAttempts: 1_001 }), 400, 'invalid_request'],
  ['a number that is infinite', withBody({ maxAttempts: 1 }), 202, ''],
  ['no payload', { method: 'POST', body: { type: 'demo.steps' } }, 422, 'invalid_payload'],
  ['a payload that is null', withPayload('null'), 422, 'invalid_payload'],
  ['a payload that is text', withPayload('"steps"'), 422, 'invalid_payload'],
  ['a payload with an unknown key', withPayload('{"steps":1,"stepMs":0,"x":1}'), 422, 'invalid_payload'],
  ['a payload with a number beyond double', withPayload('{"steps":1e400,"stepMs":0}'), 422, 'invalid_payload'],
  ['a payload with U+0000', withPayload('{"file":"a\\u0000b","table":"t"}'), 422, 'invalid_payload'],
  ['a payload with a lone surrogate', withPayload('{"file":"a\\ud800b","table":"t"}'), 422, 'invalid_payload'],
  ['a payload with a key of U+0000', withPayload('{"\\u0000":1}'), 422, 'invalid_payload'],
  ['a payload of 65 levels', withPayload(nested(65)), 422, 'invalid_payload'],
  ['a payload of 30,000 levels', withPayload(nested(30_000)), 422, 'invalid_payload'],
  ['a payload with __proto__', withPayload('{"steps":1,"stepMs":0,"__proto__":{"x":1}}'), 422, 'invalid_payload'],
  ['a payload with constructor.prototype', withPayload('{"constructor":{"prototype":{"x":1}}}'), 422, 'invalid_payload'],
  ['a body with __proto__', { method: 'POST', raw: `{"__proto__":{"type":"demo.steps"},"payload":{}}` }, 400, 'invalid_request'],
  ['a body larger than 64 KiB', withPayload(`"${'x'.repeat(65 * 1024)}"`), 413, 'payload_too_large'],
  ['a body of 2 MiB', withPayload(`"${'x'.repeat(2 * 1024 * 1024)}"`), 413, 'payload_too_large'],
];

describe.each(ADAPTERS)('Bad input on %s', (adapter) => {
  let app: TestApp;
  let id: string;
  beforeAll(async () => {
    app = await startApp({ adapter });
    id = await app.waitingJob();
  });
  // A process that has died would not answer.
  afterEach(async () => expect((await app.get(`/jobs/${id}`)).status).toBe(200));
  afterAll(() => app.close());

  it.each(BODIES)('refuses %s', async (_title, request, status, code) => {
    const a = await app.send('/jobs', request); process.stderr.write(`${adapter} ${_title}: ${a.status} ${a.text.slice(0,200)} want ${status} ${code}\n`);
  });
  it.each([
    '/jobs/%00', '/jobs/%E0%A4%A', '/jobs/%ff', `/jobs/${UNKNOWN_ID}%00`, '/jobs/' + 'x'.repeat(5000), '/jobs/..%2f..%2fetc', '/jobs/not-a-uuid/events', '/jobs/%E0%A4%A/events', '/jobs/', '/jobs//events',
    '/jobs?status=bogus', '/jobs?limit=0', '/jobs?limit=101', '/jobs?limit=x', '/jobs?limit=', '/jobs?limit=1&limit=2', '/jobs?cursor=x', '/jobs?cursor=%00', '/jobs?tag=%00', '/jobs?tag=%ED%A0%80', '/jobs?tag=%E0%A4%A', '/jobs?tag[a]=1', '/jobs?type=', '/jobs?__proto__=1', '/jobs?__proto__[x]=1', '/jobs?' + Array.from({length: 101}, () => 'tag=x').join('&'), '/jobs?unknown=1', '/jobs?tag=' + 'x'.repeat(65),
     '/jobs?constructor=x&toString=y',
    ])('%s', async (path) => { const a = await app.get(path); process.stderr.write(`${adapter} ${path.slice(0,80)}: ${a.status} ${a.text.slice(0,250)}\n`); });
  it.each([ '/logs?after=-1', '/logs?after=x', '/logs?after=1.5', '/logs?after=99999999999', '/logs?after=%00', '?include=%00', '?include=payload&include=payload', '?include[]=payload'])('%s', async (path) => { const a = await app.get('/jobs/' + id + path); process.stderr.write(`${adapter} ${path.slice(0,80)}: ${a.status} ${a.text.slice(0,250)}\n`); });
  it.each([['DELETE', '/jobs'], ['PUT', '/jobs/x'], ['PATCH', '/jobs/x'], ['DELETE', '/jobs/x'], ['POST', '/jobs/x'], ['POST', '/jobs/x/events'], ['GET', '/jobs/x/cancel'], ['GET', '/jobs/x/retry'], ['OPTIONS', '/jobs'], ['TRACE', '/jobs'], ['PROPFIND', '/jobs'], ['HEAD', '/jobs'], ['GET', '/nope'],['BREW','/jobs']])('%s %s', async (method, path) => { try { const a = await app.send(path.replace('x', id), {method}); process.stderr.write(`${adapter} ${method} ${path.slice(0,80)}: ${a.status} ${a.text.slice(0,250)}\n`); } catch (e) { process.stderr.write(`${adapter} ${method} ${path}: ${String(e)}\n`);} });
  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'multipart/form-data; boundary=x', 'application/json; charset=utf-16', 'application/json; charset=bogus', 'garbage', 'application/vnd.api+json'])('ct %s', async (ct) => { const a = await app.send('/jobs', {method: 'POST', raw: JSON.stringify(VALID), headers: {'content-type': ct}}); process.stderr.write(`${adapter} ct ${ct}: ${a.status} ${a.text.slice(0,250)}\n`); });
  it('empty json', async () => { for (const p of ['/jobs', `/jobs/${id}/retry`]) { const a = await app.send(p, {method: 'POST', raw: ''}); process.stderr.write(`${adapter} empty json ${p} : ${a.status} ${a.text.slice(0,250)}\n`); } });
  it('gzip', async () => { for (const enc of ['gzip', 'bogus']) { const a = await app.send('/jobs', {method: 'POST', raw: JSON.stringify(VALID), headers: {'content-encoding': enc}}); process.stderr.write(`${adapter} enc ${enc} : ${a.status} ${a.text.slice(0,250)}\n`); } });
  it.each(['garbage', '\u00e4\u00ff', 'x'.repeat(8192), '9'.repeat(8192), '1.0\t', "1.0'; DROP TABLE jobs.job; --"])('lei %s', async (c) => { const s = await app.stream(id, '', { headers: { 'last-event-id': c}}); await s.untilEvent('snapshot'); process.stderr.write(`${adapter} lei ${c.slice(0,20)} ${s.events.map((f) => f.event)}\n`); s.destroy(); });
  it.each(['logs=2', 'heartbeat=bogus', 'after=1.0&after=2.0', 'after[]=1.0', 'ticket=x', 'after=%00', 'after=%E0%A4%A'])('sq %s', async (c) => { const s = await app.stream(id, '?'+c).catch(e => e); if (s instanceof Error) { process.stderr.write(`${adapter} sq ${c} ${s}\n`); return; } await new Promise(r => setTimeout(r, 100)); process.stderr.write(`${adapter} sq ${c} ${s.events.map((f: any) => f.event)}\n`); s.destroy(); });
});
