import assert from 'node:assert/strict';

/** These rules only wait, so they begin first. */
export const waits = true;

const SLACK_MS = 5_000;
/** Nobody wants to wait longer for a stream to get old. */
const LONGEST_MS = 90_000;

/** Waits until the stream is rotated; skips where that is too long, or not known. */
async function rotated(scene, open) {
  const { maxAgeMs } = scene;
  if (maxAgeMs === null) scene.skip('how old streams may get is not known: give --max-age-ms');
  if (maxAgeMs > LONGEST_MS)
    scene.skip(`streams get ${maxAgeMs / 1_000} s old, which is too long to wait for`);
  const opened = Date.now();
  const stream = await open();
  await stream.untilClosed(maxAgeMs * 1.15 + SLACK_MS);
  const ageMs = Date.now() - opened;
  assert.ok(ageMs >= maxAgeMs * 0.85 - 100, `rotated after ${ageMs} ms already`);
  return stream;
}

function assertBye(stream, cursor) {
  const bye = stream.frames.at(-1);
  assert.equal(bye.event, 'bye', stream.summary());
  assert.deepEqual(bye.data, { reason: 'rotate', reconnect: true });
  assert.ok(bye.retry >= 2_000 && bye.retry <= 4_000, `retry ${bye.retry}`);
  assert.equal(bye.id, cursor, 'the id of bye is the current cursor');
  assert.equal(stream.rest, '', 'bye is the last word');
}

export const rules = [
  [
    'an old stream is rotated: bye with a retry and the current cursor is its last frame, and it goes on from there',
    async (scene) => {
      const id = await scene.waiting();
      const stream = await rotated(scene, () => scene.stream(id));
      assertBye(stream, '1.0');
      const next = await scene.stream(id, '', { headers: { 'last-event-id': stream.lastId } });
      await scene.cancel(id);
      await next.untilClosed();
      assert.deepEqual(
        next.events.map(({ event, id: cursor }) => `${event} ${cursor}`),
        ['end 2.0'],
      );
    },
  ],
  [
    'a stream on which nothing but its cursor is known says bye with that cursor',
    async (scene) => {
      const id = await scene.waiting();
      assertBye(await rotated(scene, () => scene.stream(id, '?after=1.0')), '1.0');
    },
  ],
  [
    'an old feed is rotated as well',
    async (scene) => {
      const stream = await rotated(scene, () => scene.feed('?tag=nothing-has-this-tag'));
      assertBye(stream, stream.of('ready')[0].id);
    },
  ],
];
