import assert from 'node:assert/strict';
import { disorder } from '../event-stream.mjs';

/** Of this many the fastest counts, so that a busy network does not. */
const OPENINGS = 8;
const BUSY_JOBS = 10;
const FIRST_BYTE_MS = 100;

export const rules = [
  [
    'a stream is 200 text/event-stream that nobody may cache, transform or buffer',
    async (scene) => {
      const { headers } = await scene.stream(await scene.waiting());
      assert.match(headers['content-type'] ?? '', /^text\/event-stream\b/);
      assert.match(headers['cache-control'] ?? '', /no-store/);
      assert.match(headers['cache-control'] ?? '', /no-transform/);
    },
  ],
  [
    'a waiting job begins with its snapshot, which carries a jittered retry of 2 to 4 s',
    async (scene) => {
      const id = await scene.waiting();
      const streams = await Promise.all([1, 2, 3, 4, 5].map(() => scene.stream(id)));
      await Promise.all(streams.map((stream) => stream.untilEvent('snapshot')));
      const job = await scene.job(id);
      for (const { frames, events } of streams) {
        assert.equal(frames[0].event, 'snapshot');
        assert.equal(events[0].id, '1.0');
        assert.deepEqual(events[0].data, { job });
        assert.ok(events[0].retry >= 2_000 && events[0].retry <= 4_000, `retry ${events[0].retry}`);
      }
      assert.ok(new Set(streams.map(({ frames }) => frames[0].retry)).size > 1, 'the same retry five times');
    },
  ],
  [
    'a running job begins with its newest progress in the snapshot, and goes on after it',
    async (scene) => {
      const id = await scene.running();
      const stream = await scene.stream(id);
      const snapshot = await stream.untilEvent('snapshot');
      const next = await stream.untilEvent('progress');
      const { job } = snapshot.data;
      assert.deepEqual([job.status, job.version, job.attempt], ['active', 2, 1]);
      assert.match(snapshot.id, /^2\.\d+$/);
      assert.ok(next.data.progress.done >= (job.progress?.done ?? 0), `${next.raw} after ${snapshot.raw}`);
      assert.equal(disorder(stream.numbered), null);
    },
  ],
  [
    'who comes while a job begins, works and ends gets its snapshot or its end first, whatever happens meanwhile',
    async (scene) => {
      for (let turn = 0; turn < BUSY_JOBS; turn += 1) {
        const id = await scene.steps({ steps: 15, stepMs: 4, logEvery: 1 });
        const streams = await Promise.all([1, 2, 3].map(() => scene.stream(id, '?logs=1')));
        await Promise.all(streams.map((stream) => stream.untilClosed()));
        for (const stream of streams) {
          assert.match(stream.events[0]?.event ?? 'nothing', /^(snapshot|end)$/, stream.summary());
          assert.equal(disorder(stream.numbered), null);
          assert.equal(stream.frames.at(-1).event, 'end', stream.summary());
        }
      }
    },
  ],
  [
    'the first frame comes at once, not when a buffer is full',
    async (scene) => {
      const id = await scene.waiting();
      const delays = [];
      for (let opening = 0; opening < OPENINGS; opening += 1) {
        const answered = Date.now();
        await scene.job(id);
        const started = Date.now();
        const stream = await scene.stream(id);
        const { at } = await stream.untilEvent('snapshot');
        stream.leave();
        // What a plain request takes on the same way is not the stream's doing.
        delays.push(at - started - (started - answered));
      }
      assert.ok(Math.min(...delays) < FIRST_BYTE_MS, `after ${delays.join(', ')} ms`);
    },
  ],
];
