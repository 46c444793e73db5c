import assert from 'node:assert/strict';

/** These rules only wait, so they begin first. */
export const waits = true;

/** What a busy machine or a proxy may add. */
const SLACK_MS = 3_000;

export const rules = [
  [
    'a quiet stream sends the comment ": hb", and nothing else',
    async (scene) => {
      const stream = await scene.stream(await scene.waiting());
      const snapshot = await stream.untilEvent('snapshot');
      const beat = await stream.untilFrame(({ comment }) => comment !== null, scene.heartbeatMs + SLACK_MS);
      const next = await stream.untilFrame(
        (frame) => frame.comment !== null && frame !== beat,
        scene.heartbeatMs + SLACK_MS,
      );
      assert.equal(beat.raw, ': hb');
      assert.ok(beat.at - snapshot.at > scene.heartbeatMs / 2, `after ${beat.at - snapshot.at} ms`);
      assert.ok(next.at - beat.at > scene.heartbeatMs / 2, `again after ${next.at - beat.at} ms`);
      assert.deepEqual(
        stream.events.map(({ event }) => event),
        ['snapshot'],
      );
    },
  ],
  [
    'with ?heartbeat=event it is an event with the current id',
    async (scene) => {
      const stream = await scene.stream(await scene.waiting(), '?heartbeat=event');
      const beat = await stream.untilEvent('heartbeat', scene.heartbeatMs + SLACK_MS);
      assert.equal(beat.id, '1.0');
      assert.equal(beat.comment, null);
      const resumed = await scene.stream(stream.of('snapshot')[0].data.job.id, '?heartbeat=event&after=1.0');
      assert.equal((await resumed.untilFrame(() => true, scene.heartbeatMs + SLACK_MS)).raw, beat.raw);
    },
  ],
  [
    'a quiet feed beats as well, as a comment or as an event with its cursor',
    async (scene) => {
      const [plain, asEvent] = await Promise.all([
        scene.feed('?tag=nothing-has-this-tag'),
        scene.feed('?tag=nothing-has-this-tag&heartbeat=event'),
      ]);
      const comment = await plain.untilFrame((frame) => frame.comment !== null, scene.heartbeatMs + SLACK_MS);
      const event = await asEvent.untilEvent('heartbeat', scene.heartbeatMs + SLACK_MS);
      assert.equal(comment.raw, ': hb');
      assert.ok(event.id, event.raw);
    },
  ],
  [
    'a stream that has something to say sends no heartbeat',
    async (scene) => {
      const steps = Math.ceil((scene.heartbeatMs * 1.2) / 100);
      const stream = await scene.whole(await scene.steps({ steps, stepMs: 100 }));
      assert.deepEqual(
        stream.frames.filter(({ comment }) => comment !== null),
        [],
      );
    },
  ],
];
