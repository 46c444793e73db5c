// Holds what a viewer of one job was sent against what Postgres says has happened.
import { isDeepStrictEqual } from 'node:util';
import { cursorOf, disorder } from '../event-stream.mjs';

const FINAL = new Set(['completed', 'failed', 'cancelled']);
/** Endings that may come from outside the attempt: its last progress may have been shown and not stored. */
const TAKEN_AWAY = new Set(['lease_lost', 'cancelled']);

const CHECKS = { order, resumption, changes, ends, progressOfAttempts, newestProgress, logLines, dismissal };

/** Every promise to this viewer that was broken; `truth` is `{job, changes, lines}`. */
export function complaintsOf(viewer, truth) {
  const { frames } = viewer;
  if (frames.length === 0) return [`nothing was seen; ${storyOf(viewer)}`];
  return Object.entries(CHECKS).flatMap(([name, check]) => {
    const complaint = check(frames, truth, viewer);
    return complaint ? [`${name}: ${complaint}; ${storyOf(viewer)}`] : [];
  });
}

/** Ids increase over all connections: nothing is sent again, whatever was broken between them. */
function order(frames) {
  return disorder(frames);
}

/** A cursor is honoured: only what is after it comes, without a snapshot; without one the job comes whole. */
function resumption(_frames, _truth, { visits }) {
  for (const { asked, numbered, story } of visits) {
    const [first] = numbered;
    if (!first) continue;
    if (asked === null && !['snapshot', 'end'].includes(first.event)) return `a beginning with ${story}`;
    if (asked !== null && disorder([{ event: 'cursor', id: asked }, first])) return `again ${story}`;
    const afresh = numbered
      .slice(asked === null ? 1 : 0)
      .find(({ event }) => ['snapshot', 'reset'].includes(event));
    if (afresh) return `${afresh.event} in ${story}`;
  }
  return null;
}

/** Each change since the beginning is there once, as the history has it. */
function changes(frames, { changes: history }) {
  const [first] = frames;
  const since = ['snapshot', 'end'].includes(first.event)
    ? cursorOf(first)[0] - Number(first.event === 'end')
    : 0;
  const owed = history.filter(({ version }) => version > since);
  const seen = frames.filter(({ event }) => event === 'state' || event === 'end');
  for (const [index, change] of owed.entries()) {
    const problem = changeProblem(seen[index], change);
    if (problem) return `${problem} instead of ${change.status} ${change.version}.0`;
  }
  return seen.length > owed.length ? `${seen.length} status frames for ${owed.length} changes` : null;
}

function changeProblem(frame, change) {
  if (!frame) return 'nothing';
  if (frame.id !== `${change.version}.0`) return `${frame.event} ${frame.id}`;
  if (frame.event === 'state')
    return isDeepStrictEqual(frame.data, change) ? null : JSON.stringify(frame.data);
  const { job } = frame.data;
  const same =
    job.version === change.version && job.status === change.status && job.attempt === change.attempt;
  return same && FINAL.has(change.status) ? null : JSON.stringify(frame.data);
}

/** The last frame is the end of the last version; an end before it was undone by a retry by hand. */
function ends(frames, { job, changes: history }) {
  const last = frames.at(-1);
  if (last.event !== 'end') return `the last frame is ${last.event} ${last.id}`;
  if (!isDeepStrictEqual(last.data, { job })) return 'the last end is not the job as it is';
  const undone = history.filter(({ status }, index) => FINAL.has(status) && index < history.length - 1);
  const seen = frames.filter(({ event }) => event === 'end').slice(0, -1);
  const wrong = seen.find(({ data }) => !undone.some(({ version }) => version === data.job.version));
  return wrong ? `an end at ${wrong.id}` : null;
}

/** Progress has the attempt of its version, which was active, and never goes back in it. */
function progressOfAttempts(frames, { changes: history }) {
  const done = new Map();
  for (const { event, id, data } of frames) {
    if (event !== 'progress') continue;
    const [version, tick] = cursorOf({ id });
    const change = history[version - 1];
    if (tick === 0 || change?.status !== 'active' || change.attempt !== data.attempt)
      return `${id} is not of attempt ${data.attempt}`;
    if (data.progress.done < (done.get(version) ?? 0)) return `${id} goes back to ${data.progress.done}`;
    done.set(version, data.progress.done);
  }
  return null;
}

/** The job's last progress was shown before its end, unless the job was over at the beginning. */
function newestProgress(frames, { job, changes: history }) {
  const before = frames.slice(0, -1);
  if (before.length === 0) return null;
  const shown = before.flatMap(({ event, data }) => {
    if (event === 'progress') return [data.progress];
    if (event === 'snapshot' || event === 'end') return [data.job.progress];
    // A new attempt starts at no progress; a final job that was retried keeps its own until then.
    return event === 'state' && !FINAL.has(data.status) ? [null] : [];
  });
  const newest = shown.at(-1) ?? null;
  const further = (newest?.done ?? -1) >= (job.progress?.done ?? -1);
  if (TAKEN_AWAY.has(history.at(-1).reason) && further) return null;
  return isDeepStrictEqual(newest, job.progress)
    ? null
    : `${JSON.stringify(newest)} was the newest before the end, which has ${JSON.stringify(job.progress)}`;
}

/** Each line comes once, in order and as it was stored; there may be gaps, as lines only come live. */
function logLines(frames, { lines: stored }, { query }) {
  const logs = frames.filter(({ event }) => event === 'log');
  if (logs.length > 0 && !query.includes('logs=1')) return 'lines that nobody asked for';
  let last = 0;
  for (const line of logs.flatMap(({ data }) => data.lines)) {
    if (line.n <= last) return `line ${line.n} after ${last}`;
    last = line.n;
    // A line whose worker died before it was stored is nowhere else.
    if (stored.has(line.n) && !isDeepStrictEqual(line, stored.get(line.n)))
      return `${JSON.stringify(line)} was stored as ${JSON.stringify(stored.get(line.n))}`;
  }
  return null;
}

/** 204 is for who has an end that is the last there is; afterwards nobody with the last id gets a stream. */
function dismissal(_frames, { changes: history }, { visits, dismissed }) {
  const finals = new Set(
    history.filter(({ status }) => FINAL.has(status)).map(({ version }) => `${version}.0`),
  );
  const early = visits.find(({ status, asked }) => status === 204 && !finals.has(asked));
  if (early) return `204 for ${early.asked}`;
  const last = `${history.at(-1).version}.0`;
  const open = visits.find(({ status, asked }) => status === 200 && asked === last);
  if (open) return `a stream for who has ${last}`;
  return dismissed ? null : 'no 204 in the end';
}

function storyOf({ visits }) {
  return `it saw ${visits.map(({ story }) => story).join('; ')}`;
}
