import assert from 'node:assert/strict';

const MALFORMED = [
  'garbage',
  '1',
  '-1.0',
  '01.0',
  '1.0.0',
  '1,0',
  '99999999999.0',
  '%20',
  '1.0%00',
  '%F0%9F%98%80',
];
const NOT_REACHED = ['5.1', '6.0', '9999999999.0'];

const namesOf = ({ numbered }) => numbered.map(({ event, id }) => `${event} ${id}`);

export const rules = [
  [
    'a malformed cursor of a final job is answered with reset and end',
    async (scene) => {
      const { id } = await scene.retried();
      for (const cursor of MALFORMED) {
        const stream = await scene.whole(id, `?after=${cursor}`);
        assert.deepEqual(namesOf(stream), ['reset 0.0', 'end 5.0'], `cursor ${cursor}`);
        assert.deepEqual(stream.events[0].data, { reason: 'malformed_cursor' });
      }
    },
  ],
  [
    'a cursor that the job has not reached is answered with reset and end',
    async (scene) => {
      const { id } = await scene.retried();
      for (const cursor of NOT_REACHED) {
        const stream = await scene.whole(id, '', { headers: { 'last-event-id': cursor } });
        assert.deepEqual(namesOf(stream), ['reset 0.0', 'end 5.0'], `cursor ${cursor}`);
        assert.deepEqual(stream.events[0].data, { reason: 'unknown_cursor' });
      }
    },
  ],
  [
    'a cursor that cannot be honoured is answered with reset and a snapshot while the job is not final',
    async (scene) => {
      const id = await scene.waiting();
      for (const cursor of ['nonsense', '2.0', '1.1']) {
        const stream = await scene.stream(id, `?after=${cursor}`);
        await stream.untilEvent('snapshot');
        assert.deepEqual(namesOf(stream), ['reset 0.0', 'snapshot 1.0'], `cursor ${cursor}`);
        stream.leave();
      }
    },
  ],
  [
    'a malformed Last-Event-ID is answered with reset as ?after is, and an empty one is none',
    async (scene) => {
      const { id } = await scene.retried();
      for (const cursor of ['nonsense', '1', '5.0.0', '-5.0']) {
        const stream = await scene.whole(id, '?after=4.0', { headers: { 'last-event-id': cursor } });
        assert.deepEqual(namesOf(stream), ['reset 0.0', 'end 5.0'], `cursor ${cursor}`);
        assert.deepEqual(stream.events[0].data, { reason: 'malformed_cursor' });
      }
      assert.deepEqual(namesOf(await scene.whole(id, '?after=')), ['end 5.0']);
    },
  ],
  [
    'two cursors in the query are a malformed one',
    async (scene) => {
      const { id } = await scene.retried();
      const stream = await scene.whole(id, '?after=4.0&after=4.0');
      assert.deepEqual(namesOf(stream), ['reset 0.0', 'end 5.0']);
      assert.deepEqual(stream.events[0].data, { reason: 'malformed_cursor' });
    },
  ],
];
