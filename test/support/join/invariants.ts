import { isFinal } from '../../../src/job/job.ts';
import type { SeenFrame } from './viewer.ts';
import { isBefore } from './life.ts';
import type { JoinWorld } from './world.ts';

/** Null when the viewer has seen what the contract owes it by now, which is after one quiet backstop; else what is wrong. */
export function problemOf(world: JoinWorld): string | null {
  const { seen } = world.viewer;
  const problem = wrongOrder(world) ?? wrongEnd(world) ?? missingChange(world) ?? missingProgress(world);
  if (!problem) return null;
  const { life, before, cursor, logs } = world.scenario;
  const shown = seen.map(({ id, type, done }) => `${id} ${type}${done === null ? '' : ` (${done})`}`);
  return [
    problem,
    `life: ${life.join(' ')}, the viewer comes after ${before} with "${cursor}"${logs ? ' and logs' : ''}`,
    `then: ${world.trace.join(', ')}`,
    `seen: ${shown.join(', ')}`,
  ].join('\n  ');
}

function wrongOrder({ viewer, scenario }: JoinWorld): string | null {
  const wrong = viewer.seen.find(({ id }, index) => {
    const previous = index === 0 ? scenario.cursor || '0.0' : (viewer.seen[index - 1]?.id ?? '');
    return !isBefore(previous, id);
  });
  return wrong ? `${wrong.id} does not follow the id before it` : null;
}

function wrongEnd({ viewer, position }: JoinWorld): string | null {
  const ends = viewer.seen.filter(({ type }) => type === 'end').length;
  if (ends > 1) return `${ends} ends`;
  if (viewer.after > 0) return `${viewer.after} frames after the end`;
  if (ends === 1 && viewer.open) return 'not closed after the end';
  if (isFinal(position.status) && !viewer.stopped) return 'no end';
  return null;
}

/** Each version after the first one shown has exactly one frame, of the right name. */
function missingChange(world: JoinWorld): string | null {
  const { seen } = world.viewer;
  const [first, ...rest] = seen;
  const anew = world.scenario.cursor === '';
  if (anew && first?.type !== 'snapshot' && first?.type !== 'end') return `begins with ${first?.type}`;
  const start = versionOf(anew ? (first?.id ?? '0.0') : world.scenario.cursor);
  for (let version = start + 1; version <= lastOwed(world); version += 1) {
    const frames = (anew ? rest : seen).filter(({ id }) => id === `${version}.0`);
    const [frame] = frames;
    if (frames.length !== 1) return `${frames.length} frames ${version}.0`;
    const isEnd = frame?.type === 'end' && isFinal(world.statuses[version - 1] ?? 'queued');
    if (frame?.type !== 'state' && !isEnd) return `${version}.0 is a ${frame?.type}`;
  }
  return null;
}

function missingProgress(world: JoinWorld): string | null {
  const { viewer, position, scenario } = world;
  const wrong = viewer.seen.find(
    ({ id, type, done }) => type === 'progress' && done !== Number(id.split('.')[1]),
  );
  if (wrong) return `the progress of ${wrong.id} is that of ${wrong.done}`;
  const { version, progressTick } = position;
  if (progressTick === 0 || lastOwed(world) < version || viewer.seen[0]?.type === 'end') return null;
  const newest = `${isFinal(position.status) ? version - 1 : version}.${progressTick}`;
  if (scenario.cursor !== '' && !isBefore(scenario.cursor, newest)) return null;
  const shows = ({ id, type, done }: SeenFrame): boolean =>
    (type === 'progress' && id === newest) || (type === 'snapshot' && id === newest && done === progressTick);
  return viewer.seen.some(shows) ? null : `the newest progress ${newest} is missing`;
}

/** Who has an end stops asking, whatever is made of the job by hand. */
function lastOwed({ viewer, position }: JoinWorld): number {
  const end = viewer.seen.find(({ type }) => type === 'end');
  return end ? versionOf(end.id) : position.version;
}

function versionOf(id: string): number {
  return Number(id.split('.')[0]);
}
