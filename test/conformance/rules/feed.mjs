import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

/** Filters by a tag of the rule's own, as the service may have many jobs. */
const aTag = () => `conformance-${randomUUID()}`;

const quick = { steps: 3, stepMs: 10 };
const shows =
  (id, status) =>
  ({ event, data }) =>
    event === 'job' && data.job.id === id && data.job.status === status;
const statusesOf = (stream, id) =>
  stream
    .of('job')
    .filter(({ data }) => data.job.id === id)
    .map(({ data }) => data.job.status);
const idsOf = (stream) => new Set(stream.of('job').map(({ data }) => data.job.id));

/** What did not change may be repeated: a cursor stays behind while any transaction of the server is open. */
const assertHolds = (ids, wanted) =>
  assert.deepEqual(
    wanted.filter((id) => !ids.has(id)),
    [],
  );

/** The events up to the first `ready`, each name once: a job that changes meanwhile may be repeated. */
const orderOf = ({ events }) => [
  ...new Set(
    events.slice(0, events.findIndex(({ event }) => event === 'ready') + 1).map(({ event }) => event),
  ),
];

/** The feed's first state: everything up to `ready`. */
async function firstState(scene, query, options) {
  const stream = await scene.feed(query, options);
  await stream.untilEvent('ready');
  stream.leave();
  return stream;
}

export const rules = [
  [
    'the jobs that are there come first, as they are, then ready, then what happens',
    async (scene) => {
      const tag = aTag();
      const before = await scene.steps(quick, { tags: [tag] });
      const job = await scene.ended(before);
      const stream = await scene.feed(`?tag=${tag}`);
      await stream.untilEvent('ready');
      assert.deepEqual(orderOf(stream), ['job', 'ready']);
      assert.deepEqual(stream.events[0].data, { job });
      assert.deepEqual(stream.of('ready')[0].data, {});
      const after = await scene.steps(quick, { tags: [tag] });
      await stream.untilFrame(shows(after, 'completed'), 30_000);
      assert.ok(
        stream.events.every(({ id }) => id !== null && id !== ''),
        'a frame without an id',
      );
    },
  ],
  [
    'a running job is shown with its progress, and its newest state always comes',
    async (scene) => {
      const tag = aTag();
      const stream = await scene.feed(`?tag=${tag}`);
      await stream.untilEvent('ready');
      const id = await scene.steps({ steps: 60, stepMs: 25 }, { tags: [tag] });
      const { data } = await stream.untilFrame(shows(id, 'completed'), 60_000);
      assert.deepEqual(data.job, await scene.job(id));
      const versions = stream.of('job').map(({ data: { job } }) => job.version);
      assert.deepEqual(
        versions,
        versions.toSorted((a, b) => a - b),
      );
      assert.ok(
        stream.of('job').some(({ data: { job } }) => job.status === 'active' && job.progress?.done > 0),
        'no progress',
      );
    },
  ],
  [
    'filters by job, type, tag and status are combined',
    async (scene) => {
      const tag = aTag();
      const [first, second] = [
        await scene.waiting({ tags: [tag] }),
        await scene.waiting({ tags: [tag, 'other'] }),
      ];
      const shown = async (query) => idsOf(await firstState(scene, query));
      assert.deepEqual(await shown(`?job=${first}&job=${second}`), new Set([first, second]));
      assert.deepEqual(await shown(`?job=${first}&job=${second}&tag=other`), new Set([second]));
      assert.deepEqual(await shown(`?tag=${tag}&status=queued`), new Set([first, second]));
      assert.deepEqual(await shown(`?tag=${tag}&status=failed`), new Set());
      assert.deepEqual(await shown(`?tag=${tag}&type=demo.steps`), new Set([first, second]));
      assert.deepEqual(await shown(`?tag=${tag}&type=csv.import`), new Set());
    },
  ],
  [
    'a job that leaves the filter by status is gone',
    async (scene) => {
      const tag = aTag();
      const id = await scene.waiting({ tags: [tag] });
      const stream = await scene.feed(`?tag=${tag}&status=queued`);
      await stream.untilFrame(shows(id, 'queued'));
      await scene.cancel(id);
      const gone = await stream.untilEvent('gone');
      assert.deepEqual(gone.data, { id });
      assert.deepEqual(new Set(statusesOf(stream, id)), new Set(['queued']));
    },
  ],
  [
    'from a cursor every job that changed since comes again, then ready',
    async (scene) => {
      const tag = aTag();
      const [still, changing] = [await scene.waiting({ tags: [tag] }), await scene.waiting({ tags: [tag] })];
      const first = await firstState(scene, `?tag=${tag}`);
      assert.deepEqual(idsOf(first), new Set([still, changing]));
      await scene.cancel(changing);
      const added = await scene.waiting({ tags: [tag] });
      const second = await firstState(scene, `?tag=${tag}`, { headers: { 'last-event-id': first.lastId } });
      assertHolds(idsOf(second), [changing, added]);
      assert.deepEqual(statusesOf(second, changing), ['cancelled']);
      assert.deepEqual(orderOf(second), ['job', 'ready']);
      const third = await firstState(scene, `?tag=${tag}&after=${encodeURIComponent(first.lastId)}`);
      assertHolds(idsOf(third), [changing, added]);
    },
  ],
  [
    'who comes back with a status filter is told gone of a job that left it meanwhile',
    async (scene) => {
      const tag = aTag();
      const id = await scene.waiting({ tags: [tag] });
      const first = await firstState(scene, `?tag=${tag}&status=queued`);
      await scene.cancel(id);
      const headers = { 'last-event-id': first.lastId };
      const second = await firstState(scene, `?tag=${tag}&status=queued`, { headers });
      assert.deepEqual(
        second.of('gone').map(({ data }) => data),
        [{ id }],
      );
    },
  ],
  [
    'who has come back with a status filter is told gone of a job that only then leaves it',
    async (scene) => {
      const tag = aTag();
      const id = await scene.waiting({ tags: [tag] });
      const first = await firstState(scene, `?tag=${tag}&status=queued`);
      const second = await scene.feed(`?tag=${tag}&status=queued`, {
        headers: { 'last-event-id': first.lastId },
      });
      await second.untilEvent('ready');
      await scene.cancel(id);
      assert.deepEqual((await second.untilEvent('gone')).data, { id });
    },
  ],
  [
    'Last-Event-ID wins over ?after, and a cursor that is empty is none',
    async (scene) => {
      const tag = aTag();
      await scene.waiting({ tags: [tag] });
      const { lastId } = await firstState(scene, `?tag=${tag}`);
      const headers = { 'last-event-id': lastId };
      const resumed = await firstState(scene, `?tag=${tag}&after=nonsense`, { headers });
      assert.deepEqual(resumed.of('reset'), []);
      assert.deepEqual((await firstState(scene, `?tag=${tag}&after=`)).of('reset'), []);
    },
  ],
  [
    'a cursor that cannot be honoured is answered with reset and everything',
    async (scene) => {
      const tag = aTag();
      const id = await scene.waiting({ tags: [tag] });
      for (const cursor of ['nonsense', '3.0', '-1', '09', '999999999999999999', '9'.repeat(40)]) {
        const stream = await firstState(scene, `?tag=${tag}`, { headers: { 'last-event-id': cursor } });
        assert.deepEqual(orderOf(stream), ['reset', 'job', 'ready'], `cursor ${cursor}`);
        assert.deepEqual(stream.events[0].data, { reason: 'unknown_cursor' });
        assert.deepEqual(idsOf(stream), new Set([id]));
      }
    },
  ],
  [
    'who leaves before ready and comes back with the id it has need not forget what it was shown',
    async (scene) => {
      const tag = aTag();
      const ids = [await scene.waiting({ tags: [tag] }), await scene.waiting({ tags: [tag] })];
      const first = await scene.feed(`?tag=${tag}`);
      const { id } = await first.untilEvent('job');
      first.leave();
      const second = await firstState(scene, `?tag=${tag}`, { headers: { 'last-event-id': id } });
      assert.deepEqual(orderOf(second), ['job', 'ready']);
      assert.deepEqual(idsOf(second), new Set(ids));
    },
  ],
  [
    'who leaves before ready with a status filter is told of jobs that left it meanwhile, or to forget all',
    async (scene) => {
      const tag = aTag();
      const id = await scene.waiting({ tags: [tag] });
      const first = await scene.feed(`?tag=${tag}&status=queued`);
      const { id: cursor } = await first.untilEvent('job');
      first.leave();
      await scene.cancel(id);
      const second = await firstState(scene, `?tag=${tag}&status=queued`, {
        headers: { 'last-event-id': cursor },
      });
      assert.ok(second.of('reset').length > 0 || second.of('gone').some(({ data }) => data.id === id));
    },
  ],
  [
    'a viewer that leaves and comes back all the time misses no change',
    async (scene) => {
      const tag = aTag();
      let cursor = (await firstState(scene, `?tag=${tag}`)).lastId;
      const ids = await Promise.all(
        Array.from({ length: 8 }, () => scene.steps({ steps: 10, stepMs: 30 }, { tags: [tag] })),
      );
      const ended = new Set();
      for (let coming = 0; ended.size < ids.length && coming < 500; coming += 1) {
        const stream = await scene.feed(`?tag=${tag}`, { headers: { 'last-event-id': cursor } });
        await stream.untilFrame(({ event }) => event === 'job' || event === 'ready', 30_000);
        stream.leave();
        for (const { data } of stream.of('job')) if (data.job.finishedAt) ended.add(data.job.id);
        cursor = stream.lastId ?? cursor;
      }
      assert.deepEqual(ended, new Set(ids));
    },
  ],
];
