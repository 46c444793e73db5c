import assert from 'node:assert/strict';
import { disorder } from '../event-stream.mjs';

const linesOf = (stream) => stream.of('log').flatMap(({ data }) => data.lines);

/** A job that begins a little later, so that viewers are there from its first line on. */
async function follow(scene, payload, ...queries) {
  const id = await scene.steps(payload, { runAt: scene.soon(1_500) });
  const streams = await Promise.all(queries.map((query) => scene.stream(id, query)));
  await Promise.all(streams.map((stream) => stream.untilClosed(60_000)));
  return { id, streams };
}

export const rules = [
  [
    'log frames come with ?logs=1 and not without',
    async (scene) => {
      const { streams } = await follow(
        scene,
        { steps: 30, stepMs: 5, logEvery: 10 },
        '?logs=1',
        '',
        '?logs=0',
      );
      assert.deepEqual(
        linesOf(streams[0]).map(({ n }) => n),
        [1, 2, 3],
      );
      assert.deepEqual([linesOf(streams[1]), linesOf(streams[2])], [[], []]);
      assert.equal(disorder(streams[0].numbered), null);
    },
  ],
  [
    'the lines of the stream are those of GET logs, numbered from 1 without a gap',
    async (scene) => {
      const { id, streams } = await follow(scene, { steps: 200, stepMs: 2, logEvery: 1 }, '?logs=1');
      const { lines, next } = (await scene.get(`/jobs/${id}/logs`)).json();
      assert.deepEqual(linesOf(streams[0]), lines);
      assert.deepEqual(
        lines.map(({ n }) => n),
        Array.from({ length: 200 }, (_, index) => index + 1),
      );
      assert.equal(next, 200);
      assert.deepEqual(Object.keys(lines[0]).toSorted(), ['at', 'level', 'n', 'text']);
    },
  ],
  [
    'a viewer that reads loses no line of a job that writes thousands',
    async (scene) => {
      const { streams } = await follow(scene, { steps: 5_000, stepMs: 0, logEvery: 1 }, '?logs=1');
      const dropped = streams[0].of('log').reduce((sum, { data }) => sum + data.dropped, 0);
      assert.deepEqual([linesOf(streams[0]).length, dropped], [5_000, 0]);
    },
  ],
];
