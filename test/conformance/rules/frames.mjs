import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

const JOB = {
  id: 'uuid',
  type: 'text',
  queue: 'text',
  tenant: 'text',
  owner: 'text?',
  status: 'status',
  version: 'count',
  attempt: 'count',
  maxAttempts: 'count',
  priority: 'count',
  tags: 'texts',
  progress: 'progress?',
  result: 'anything',
  error: 'failure?',
  createdAt: 'time',
  runAt: 'time',
  startedAt: 'time?',
  finishedAt: 'time?',
  updatedAt: 'time',
  cancelRequestedAt: 'time?',
  links: 'links',
};
const PROGRESS = {
  percent: 'number?',
  done: 'number?',
  total: 'number?',
  unit: 'text?',
  step: 'text?',
  message: 'text?',
  data: 'anything',
};
/** The data of each frame, key by key. */
const DATA = {
  snapshot: { job: 'job' },
  state: { status: 'status', version: 'count', attempt: 'count', reason: 'text', runAt: 'time', at: 'time' },
  progress: { attempt: 'count', progress: 'progress', at: 'time' },
  log: { lines: 'lines', dropped: 'count' },
  end: { job: 'job' },
  reset: { reason: 'text' },
  bye: { reason: 'text', reconnect: 'flag' },
  heartbeat: {},
  job: { job: 'job' },
  gone: { id: 'uuid' },
  ready: {},
};

const isText = (value) => typeof value === 'string';
const STATUSES = ['queued', 'active', 'completed', 'failed', 'cancelled'];
const KINDS = {
  anything: (value) => value !== undefined,
  flag: (value) => typeof value === 'boolean',
  text: isText,
  texts: (value) => Array.isArray(value) && value.every(isText),
  number: (value) => Number.isFinite(value),
  count: (value) => Number.isSafeInteger(value) && value >= 0,
  status: (value) => STATUSES.includes(value),
  uuid: (value) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value),
  time: (value) => isText(value) && new Date(value).toISOString() === value,
  failure: (value) => fits(value, { code: 'text', message: 'text' }, 'error'),
  links: (value) => fits(value, { self: 'text', events: 'text' }, 'links'),
  progress: (value) => fits(value, PROGRESS, 'progress'),
  job: (value) => fits(value, JOB, 'job'),
  lines: (value) =>
    value.length > 0 &&
    value.every((line) => fits(line, { n: 'count', level: 'text', text: 'text', at: 'time' }, 'line')),
};

/** True; throws for a key that is missing, too many or of another kind. */
function fits(value, keys, what) {
  assert.deepEqual(Object.keys(value).toSorted(), Object.keys(keys).toSorted(), `the keys of ${what}`);
  for (const [key, kind] of Object.entries(keys)) {
    const given = value[key];
    const right = kind.endsWith('?') && given === null ? true : KINDS[kind.replace('?', '')](given);
    assert.ok(right, `${what}.${key} is ${JSON.stringify(given)}, not a ${kind}`);
  }
  return true;
}

/** Holds every frame against its form; answers which events there were. */
function formsOf(...streams) {
  for (const { frames } of streams)
    for (const { event, data, id, raw } of frames) {
      if (event === null) continue;
      assert.ok(event in DATA, `an event of the name ${event}`);
      assert.ok(id, `no id in ${raw}`);
      fits(data, DATA[event], event);
    }
  return new Set(streams.flatMap(({ events }) => events.map(({ event }) => event)));
}

export const rules = [
  [
    'the frames of a job have the keys that they shall have, and no others',
    async (scene) => {
      const { id, stream } = await scene.retried();
      const failing = await scene.steps({ steps: 2, stepMs: 20, failAtStep: 2, permanent: true });
      const seen = formsOf(
        stream,
        await scene.whole(id, '?after=nonsense'),
        await scene.whole(failing),
        await snapshotOf(scene, await scene.waiting({ tags: ['a', 'b'], priority: 9 })),
        await snapshotOf(scene, await scene.running()),
      );
      assert.deepEqual(seen, new Set(['state', 'progress', 'log', 'end', 'reset', 'snapshot']));
    },
  ],
  [
    'the frames of a feed have the keys that they shall have, and no others',
    async (scene) => {
      const tag = `conformance-${randomUUID()}`;
      const id = await scene.waiting({ tags: [tag] });
      const feed = await scene.feed(`?tag=${tag}&status=queued`, {
        headers: { 'last-event-id': 'nonsense' },
      });
      await feed.untilEvent('ready');
      await scene.cancel(id);
      await feed.untilEvent('gone');
      assert.deepEqual(formsOf(feed), new Set(['reset', 'job', 'ready', 'gone']));
    },
  ],
  [
    'the job in a frame is the job of GET, and its links lead to it and to its stream',
    async (scene) => {
      const id = await scene.waiting();
      const { job } = (await snapshotOf(scene, id)).events[0].data;
      assert.deepEqual(job, await scene.job(id));
      // Absolute or below the same base: the ends are what counts.
      assert.ok(job.links.self.endsWith(`/jobs/${id}`), job.links.self);
      assert.ok(job.links.events.endsWith(`/jobs/${id}/events`), job.links.events);
    },
  ],
];

async function snapshotOf(scene, id) {
  const stream = await scene.stream(id);
  await stream.untilEvent('snapshot');
  return stream;
}
