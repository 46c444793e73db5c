import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

export const rules = [
  [
    'HEAD is answered at once as GET is, without a body',
    async (scene) => {
      const id = await scene.waiting();
      const answer = await scene.http.call('HEAD', `/jobs/${id}/events`);
      assert.deepEqual([answer.status, answer.text], [200, '']);
      assert.match(answer.headers['content-type'] ?? '', /^text\/event-stream\b/);
      const feed = await scene.http.call('HEAD', '/jobs/events');
      assert.deepEqual([feed.status, feed.text], [200, '']);
    },
  ],
  [
    'HEAD refuses what GET refuses, and knows who has the end',
    async (scene) => {
      const { id } = await scene.retried();
      const head = async (path, options) => (await scene.http.call('HEAD', path, options)).status;
      assert.equal(await head(`/jobs/${randomUUID()}/events`), 404);
      assert.equal(await head(`/jobs/${id}/events`, { token: null }), 401);
      assert.equal(await head(`/jobs/${id}/events?after=5.0`), 204);
    },
  ],
  [
    'HEAD leaves the connection to the next request',
    async (scene) => {
      const id = await scene.waiting();
      const path = `/jobs/${id}/events`;
      const next = scene.http.requestText('GET', `/jobs/${id}`, { headers: { connection: 'close' } });
      const connection = scene.raw(scene.http.requestText('HEAD', path) + next);
      await connection.until(({ closed }) => closed);
      assert.equal(connection.text.match(/^HTTP\/1\.1 200 /gm)?.length, 2, connection.text);
      assert.ok(connection.text.includes(`"id":"${id}"`), connection.text);
    },
  ],
];
