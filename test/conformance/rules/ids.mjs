import assert from 'node:assert/strict';
import { cursorOf, disorder } from '../event-stream.mjs';

const EVENTS = new Set(['snapshot', 'state', 'progress', 'log', 'end', 'reset', 'bye', 'heartbeat']);

export const rules = [
  [
    'every frame but a comment has an event, an id <version>.<tick> and one line of JSON',
    async (scene) => {
      const { stream } = await scene.retried();
      assert.ok(stream.frames.length > 6, `only ${stream.summary()}`);
      for (const frame of stream.frames.filter(({ comment }) => comment === null)) {
        cursorOf(frame);
        assert.ok(EVENTS.has(frame.event), `an event of the name ${frame.event}`);
        assert.equal(frame.raw.split('\n').filter((line) => line.startsWith('data:')).length, 1, frame.raw);
      }
    },
  ],
  [
    'ids strictly increase on a connection',
    async (scene) => {
      const { stream } = await scene.retried();
      assert.equal(disorder(stream.numbered), null);
    },
  ],
  [
    'state and end have tick 0 and the version that they tell of, each one more than the one before',
    async (scene) => {
      const { stream } = await scene.retried();
      const frames = stream.events.filter(({ event }) => event === 'state' || event === 'end');
      for (const [index, frame] of frames.entries()) {
        const version = frame.data.version ?? frame.data.job.version;
        assert.deepEqual(cursorOf(frame), [version, 0], frame.raw);
        assert.equal(version, index + 1, stream.summary());
      }
      assert.equal(frames.length, 5);
    },
  ],
  [
    'progress and log frames have a tick above 0 and the version of the attempt that runs',
    async (scene) => {
      const { stream } = await scene.retried();
      const frames = [...stream.of('progress'), ...stream.of('log')];
      const attempts = new Map(stream.of('state').map(({ data }) => [data.version, data]));
      assert.ok(frames.length > 1, stream.summary());
      for (const frame of frames) {
        const [version, tick] = cursorOf(frame);
        assert.ok(tick > 0, frame.raw);
        assert.equal(attempts.get(version)?.status, 'active', frame.raw);
        if (frame.event === 'progress')
          assert.equal(frame.data.attempt, attempts.get(version).attempt, frame.raw);
      }
    },
  ],
  [
    'a job that fails, is retried and completes is queued, active, queued, active, with reasons, and ends',
    async (scene) => {
      const { id, stream } = await scene.retried();
      const states = stream
        .of('state')
        .map(({ data }) => `${data.version} ${data.status} ${data.attempt} ${data.reason}`);
      assert.deepEqual(states, [
        '1 queued 0 submitted',
        '2 active 1 claimed',
        '3 queued 1 retry',
        '4 active 2 claimed',
      ]);
      for (const { data } of stream.of('state'))
        assert.deepEqual(Object.keys(data).toSorted(), [
          'at',
          'attempt',
          'reason',
          'runAt',
          'status',
          'version',
        ]);
      const end = stream.events.at(-1);
      assert.equal(end.event, 'end');
      assert.deepEqual(end.data, { job: await scene.job(id) });
    },
  ],
];
