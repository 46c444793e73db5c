import assert from 'node:assert/strict';

const PARTS = ['data', 'done', 'message', 'percent', 'step', 'total', 'unit'];

export const rules = [
  [
    'progress only grows within an attempt, and the newest comes before the end',
    async (scene) => {
      const stream = await scene.whole(await scene.steps({ steps: 300, stepMs: 3 }), '?after=0.0');
      const done = stream.of('progress').map(({ data }) => data.progress.done);
      assert.deepEqual(
        done,
        done.toSorted((a, b) => a - b),
      );
      assert.equal(done.at(-1), 300);
      assert.equal(stream.events.at(-1).event, 'end');
    },
  ],
  [
    'progress is absolute: percent, done, total, unit, step, message and data, null where unknown',
    async (scene) => {
      const { stream } = await scene.retried();
      for (const { data } of stream.of('progress')) {
        assert.deepEqual(Object.keys(data).toSorted(), ['at', 'attempt', 'progress']);
        assert.deepEqual(Object.keys(data.progress).toSorted(), PARTS);
        assert.equal(
          data.progress.percent,
          Math.round((data.progress.done / data.progress.total) * 10_000) / 100,
        );
        assert.equal(new Date(data.at).toISOString(), data.at);
      }
    },
  ],
  [
    'progress is conflated: a busy job sends far fewer frames than it reports',
    async (scene) => {
      const stream = await scene.whole(await scene.steps({ steps: 2_000, stepMs: 0 }), '?after=0.0');
      const count = stream.of('progress').length;
      assert.ok(count >= 1 && count < 500, `${count} frames for 2,000 reports`);
      assert.equal(stream.of('progress').at(-1).data.progress.done, 2_000);
    },
  ],
  [
    'a new attempt starts at no progress, and a final job keeps its last',
    async (scene) => {
      const { id, stream } = await scene.retried();
      const second = stream.of('progress').filter(({ data }) => data.attempt === 2);
      assert.equal(second.at(-1)?.data.progress.done, 40);
      assert.equal((await scene.job(id)).progress.done, 40);
      const waiting = await scene.steps({ steps: 2, stepMs: 0, failAtStep: 1 });
      const failing = await scene.stream(waiting, '?after=0.0');
      await failing.untilFrame(({ data }) => data?.reason === 'retry');
      assert.equal((await scene.job(waiting)).progress, null);
    },
  ],
];
