import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { eventually } from '../suite.mjs';

/** A service that lets one caller have more streams than these is not tried further. */
const MOST_STREAMS = 64;

function assertError(answer, status, code) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'] ?? '', /^application\/json\b/);
  const body = answer.json();
  assert.deepEqual([body.statusCode, body.code], [status, code]);
  assert.deepEqual([typeof body.error, typeof body.message], ['string', 'string']);
}

/** Opens streams until one is refused; resolves to the refusal, or null. */
async function fill(scene, id) {
  for (let count = 0; count < MOST_STREAMS; count += 1) {
    const opened = await scene.stream(id).catch(() => null);
    if (!opened) return scene.get(`/jobs/${id}/events`);
  }
  return null;
}

export const rules = [
  [
    'no credential, or a wrong one, is 401 with WWW-Authenticate: Bearer',
    async (scene) => {
      const id = await scene.waiting();
      for (const path of [`/jobs/${id}/events`, '/jobs/events', `/jobs/${randomUUID()}/events`])
        for (const token of [null, 'nonsense', `${scene.http.token.slice(0, -4)}AAAA`]) {
          const answer = await scene.get(path, { token });
          assertError(answer, 401, 'unauthorized');
          assert.match(answer.headers['www-authenticate'] ?? '', /^Bearer\b/);
        }
    },
  ],
  [
    'a job that the caller may not see and one that does not exist are the same bytes',
    async (scene) => {
      const { viewer } = await scene.submit({ steps: 1, stepMs: 0 });
      const hidden = await scene.get(`/jobs/${await scene.waiting()}/events`, { token: viewer.token });
      const missing = await scene.get(`/jobs/${randomUUID()}/events`, { token: viewer.token });
      assertError(hidden, 404, 'job_not_found');
      assert.equal(hidden.text, missing.text);
      const lasting = ({ headers }) =>
        Object.keys(headers)
          .filter((name) => name !== 'date')
          .toSorted();
      assert.deepEqual(lasting(hidden), lasting(missing));
    },
  ],
  [
    'an id that is none is 404 as well',
    async (scene) => {
      for (const id of ['1', 'null', '0'.repeat(36), "'%3B--", '%F0%9F%98%80'])
        assertError(await scene.get(`/jobs/${id}/events`), 404, 'job_not_found');
    },
  ],
  [
    'the viewer token of a job reads that job alone',
    async (scene) => {
      const { job, viewer } = await scene.submit({ steps: 2, stepMs: 10 });
      const stream = await scene.whole(job.id, '?after=0.0', { token: viewer.token });
      assert.equal(stream.events.at(-1).event, 'end');
      const cancelled = await scene.http.call('POST', `/jobs/${job.id}/cancel`, { token: viewer.token });
      assertError(cancelled, 403, 'insufficient_scope');
    },
  ],
  [
    'more streams than a caller may have are 429 with Retry-After, and a place is free again once one is left',
    async (scene) => {
      const id = await scene.waiting();
      const refusal = await fill(scene, id);
      if (!refusal) scene.skip(`a caller may have more than ${MOST_STREAMS} streams`);
      assertError(refusal, 429, 'too_many_streams');
      assert.ok(Number(refusal.headers['retry-after']) > 0, 'no Retry-After');
      scene.leaveStreams();
      await eventually(async () => (await scene.stream(id)).untilEvent('snapshot'));
    },
  ],
  [
    'a filter of the feed that is none is 400',
    async (scene) => {
      for (const query of ['?status=done', '?job=1', `?job=${Array(101).fill(randomUUID()).join('&job=')}`])
        assertError(await scene.get(`/jobs/events${query}`), 400, 'invalid_request');
    },
  ],
];
