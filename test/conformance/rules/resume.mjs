import assert from 'node:assert/strict';
import { cursorOf, disorder } from '../event-stream.mjs';

const COMINGS = 15;

/** Event and id of each frame, of progress the event alone, as its ticks are not known beforehand. */
const namesOf = ({ numbered }) =>
  numbered.map(({ event, id }) => (event === 'progress' ? event : `${event} ${id}`));

export const rules = [
  [
    'the cursor 0.0 replays every change',
    async (scene) => {
      const { id } = await scene.retried();
      const stream = await scene.whole(id, '?after=0.0');
      assert.deepEqual(namesOf(stream), [
        'state 1.0',
        'state 2.0',
        'state 3.0',
        'state 4.0',
        'progress',
        'end 5.0',
      ]);
      assert.equal(disorder(stream.numbered), null);
    },
  ],
  [
    'a cursor replays what is after it, and nothing at or before it',
    async (scene) => {
      const { id } = await scene.retried();
      assert.deepEqual(namesOf(await scene.whole(id, '?after=2.1')), [
        'state 3.0',
        'state 4.0',
        'progress',
        'end 5.0',
      ]);
      const last = await scene.whole(id, '?after=4.0');
      assert.deepEqual(namesOf(last), ['progress', 'end 5.0']);
      assert.deepEqual(namesOf(await scene.whole(id, `?after=${last.numbered[0].id}`)), ['end 5.0']);
    },
  ],
  [
    'Last-Event-ID resumes as ?after does, and wins over it',
    async (scene) => {
      const { id } = await scene.retried();
      const headers = { 'last-event-id': '3.0' };
      assert.deepEqual(namesOf(await scene.whole(id, '', { headers })), ['state 4.0', 'progress', 'end 5.0']);
      assert.deepEqual(namesOf(await scene.whole(id, '?after=1.0', { headers })), [
        'state 4.0',
        'progress',
        'end 5.0',
      ]);
    },
  ],
  [
    'a running job goes on from the cursor without a snapshot',
    async (scene) => {
      const id = await scene.running();
      const first = await scene.stream(id);
      await first.untilEvent('progress');
      const cursor = first.lastId;
      first.leave();
      const second = await scene.stream(id, '', { headers: { 'last-event-id': cursor } });
      await second.untilEvent('progress');
      assert.deepEqual(second.of('snapshot'), []);
      assert.ok(cursorOf(second.numbered[0])[1] > cursorOf({ id: cursor, raw: cursor })[1], second.summary());
    },
  ],
  [
    'a viewer that leaves and comes back all the time misses no change and sees none twice',
    async (scene) => {
      const id = await scene.steps({ steps: 150, stepMs: 20, failAtStep: 75, failAttempts: 1 });
      const frames = [];
      let comings = 0;
      while (frames.at(-1)?.event !== 'end') {
        const cursor = frames.at(-1)?.id ?? '0.0';
        const stream = await scene.stream(id, '', { headers: { 'last-event-id': cursor } });
        await stream.untilFrame(({ event }) => event !== null, 30_000);
        stream.leave();
        frames.push(...stream.numbered);
        comings += 1;
      }
      assert.equal(disorder(frames), null);
      const changes = frames
        .filter(({ event }) => event !== 'progress')
        .map(({ event, id: at }) => `${event} ${at}`);
      assert.deepEqual(changes, ['state 1.0', 'state 2.0', 'state 3.0', 'state 4.0', 'end 5.0']);
      assert.equal(frames.findLast(({ event }) => event === 'progress')?.data.progress.done, 150);
      assert.ok(comings >= Math.min(COMINGS, frames.length), `came ${comings} times only`);
    },
  ],
  [
    'a final status that was undone by a retry is replayed as a state, and the job goes on to a new end',
    async (scene) => {
      const id = await scene.waiting();
      await scene.cancel(id);
      assert.deepEqual(namesOf(await scene.whole(id, '?after=0.0')), ['state 1.0', 'end 2.0']);
      await scene.retry(id);
      await scene.ended(id);
      const stream = await scene.whole(id, '?after=1.0');
      assert.deepEqual(namesOf(stream), ['state 2.0', 'state 3.0', 'state 4.0', 'progress', 'end 5.0']);
      assert.deepEqual(
        stream.of('state').map(({ data }) => data.status),
        ['cancelled', 'queued', 'active'],
      );
    },
  ],
];
