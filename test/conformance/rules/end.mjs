import assert from 'node:assert/strict';

export const rules = [
  [
    'a job that was final already gets only its end, and the server closes',
    async (scene) => {
      const { id } = await scene.retried();
      const stream = await scene.whole(id);
      assert.deepEqual(
        stream.frames.map(({ event, id: cursor }) => `${event} ${cursor}`),
        ['end 5.0'],
      );
      assert.deepEqual(stream.events[0].data, { job: await scene.job(id) });
    },
  ],
  [
    'end is the last frame, and there is one',
    async (scene) => {
      const streams = [
        (await scene.retried()).stream,
        await scene.whole(
          await scene.steps({ steps: 1, stepMs: 0, failAtStep: 1, permanent: true }),
          '?after=0.0',
        ),
      ];
      for (const stream of streams) {
        assert.equal(stream.of('end').length, 1, stream.summary());
        assert.equal(stream.frames.at(-1).event, 'end', stream.summary());
        assert.ok(stream.text.endsWith(`${stream.frames.at(-1).raw}\n\n`));
      }
      assert.equal(streams[1].events.at(-1).data.job.status, 'failed');
    },
  ],
  [
    'a job that is cancelled while somebody watches ends for them',
    async (scene) => {
      const id = await scene.running();
      const stream = await scene.stream(id);
      await stream.untilEvent('snapshot');
      await scene.cancel(id);
      await stream.untilClosed();
      assert.equal(stream.events.at(-1).event, 'end', stream.summary());
      assert.equal(stream.events.at(-1).data.job.status, 'cancelled');
    },
  ],
  [
    'who has the end is answered 204 without a body, by header or by query',
    async (scene) => {
      const { id } = await scene.retried();
      const path = `/jobs/${id}/events`;
      for (const answer of [
        await scene.get(`${path}?after=5.0`),
        await scene.get(path, { headers: { 'last-event-id': '5.0' } }),
        await scene.get(`${path}?after=1.0`, { headers: { 'last-event-id': '5.0' } }),
        await scene.http.call('HEAD', `${path}?after=5.0`),
      ]) {
        assert.deepEqual([answer.status, answer.text], [204, '']);
        // RFC 9110, 8.6, and nothing else that tells of a body.
        for (const name of ['content-length', 'content-type', 'etag'])
          assert.ok(!(name in answer.headers), name);
      }
    },
  ],
  [
    'the connection is closed after the end where the client asked for that',
    async (scene) => {
      const { id } = await scene.retried();
      const headers = { connection: 'close' };
      const connection = scene.raw(scene.http.requestText('GET', `/jobs/${id}/events`, { headers }));
      // Sooner than Node closes connections that it keeps alive.
      await connection.until(({ closed }) => closed, 4_000);
      assert.match(connection.text, /event: end\r?\n/);
    },
  ],
  [
    'a job that was retried by hand goes on for who has the old end',
    async (scene) => {
      const id = await scene.waiting();
      await scene.cancel(id);
      assert.equal((await scene.get(`/jobs/${id}/events?after=2.0`)).status, 204);
      await scene.retry(id);
      const stream = await scene.whole(id, '', { headers: { 'last-event-id': '2.0' } });
      const changes = stream.numbered
        .filter(({ event }) => event !== 'progress')
        .map(({ event, id: at }) => `${event} ${at}`);
      assert.deepEqual(changes, ['state 3.0', 'state 4.0', 'end 5.0']);
    },
  ],
];
