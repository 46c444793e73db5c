import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { type Cursor, formatCursor, isAfter, parseCursor, START } from '../../src/job/cursor.ts';
import { ReplayThenLive } from '../../src/stream/replay-then-live.ts';

interface Frame {
  cursor: Cursor;
}

const at = (text: string): Cursor => parseCursor(text) ?? START;

/** Everything that happens to a job, in order; ticks are progress, which only the newest of counts. */
const HISTORY: Frame[] = ['1.0', '2.0', '2.1', '2.2', '3.0', '4.0'].map((text) => ({ cursor: at(text) }));
const N = HISTORY.length;

/** When a viewer does what, as counts of frames that have happened or were delivered by then. */
interface Viewing {
  cursor: Cursor;
  /** Live frames begin after this many. */
  subscribedAt: number;
  /** The replay was read after this many. */
  readAt: number;
  /** It is handed over after this many live frames. */
  liveBefore: number;
}

/** The replay as the row knows it: each status after the cursor, and the newest progress of all. */
function replayOf({ cursor, readAt }: Viewing): Frame[] {
  const happened = HISTORY.slice(0, readAt).filter((frame) => isAfter(frame.cursor, cursor));
  const progress = happened.filter((frame) => frame.cursor.tick > 0).slice(-1);
  return [...happened.filter((frame) => frame.cursor.tick === 0), ...progress];
}

/** Every way in which subscribing, reading, handing over and the job's life can interleave. */
function* viewings(): Generator<Viewing> {
  for (const cursor of [START, ...HISTORY.map((frame) => frame.cursor)])
    for (let subscribedAt = 0; subscribedAt <= N; subscribedAt += 1)
      for (let readAt = subscribedAt; readAt <= N; readAt += 1)
        for (let liveBefore = 0; liveBefore <= N - subscribedAt; liveBefore += 1)
          yield { cursor, subscribedAt, readAt, liveBefore };
}

/** What passes; `deliver` says what Redis and the channel make of each live frame. */
function passed(
  viewing: Viewing,
  deliver: (index: number) => Frame[],
  order: (frames: Frame[]) => Frame[],
): Frame[] {
  const join = new ReplayThenLive<Frame>(viewing.cursor);
  const passing: Frame[] = [];
  const replay = (): void => void passing.push(...join.replay(order(replayOf(viewing))));
  const live = HISTORY.map((_frame, index) => index).slice(viewing.subscribedAt);
  for (const [count, index] of live.entries()) {
    if (count === viewing.liveBefore) replay();
    for (const frame of deliver(index)) passing.push(...join.live(frame));
  }
  if (viewing.liveBefore >= live.length) replay();
  return passing;
}

/** Null when the viewer saw what it must see, else what is wrong. */
function problemOf(viewing: Viewing, seen: Frame[]): string | null {
  const ids = seen.map((frame) => formatCursor(frame.cursor));
  const says = (what: string): string =>
    `${what}: ${JSON.stringify({ ...viewing, cursor: formatCursor(viewing.cursor) })} saw ${ids.join(' ')}`;
  if (seen.some((frame, index) => !isAfter(frame.cursor, seen[index - 1]?.cursor ?? viewing.cursor)))
    return says('an id does not follow the one before it');
  const owed = HISTORY.filter(
    (frame, index) => frame.cursor.tick === 0 || index >= viewing.readAt || index === N - 1,
  );
  const missing = owed.find(
    (frame) => isAfter(frame.cursor, viewing.cursor) && !ids.includes(formatCursor(frame.cursor)),
  );
  return missing ? says(`${formatCursor(missing.cursor)} is missing`) : null;
}

const inOrder = (frames: Frame[]): Frame[] => frames;
const reversed = (frames: Frame[]): Frame[] => frames.toReversed();

describe('replay, then live', () => {
  it('loses nothing after the cursor and repeats nothing, however reading and life interleave', () => {
    const problems: string[] = [];
    for (const viewing of viewings()) {
      const seen = passed(viewing, (index) => HISTORY.slice(index, index + 1), inOrder);
      const problem = problemOf(viewing, seen);
      if (problem) problems.push(problem);
    }
    expect(problems).toEqual([]);
  });

  it('sends nothing twice when any of the live frames are delivered twice', () => {
    const problems: string[] = [];
    for (const viewing of viewings())
      for (let doubled = 1; doubled < 2 ** N; doubled += 1) {
        const deliver = (index: number): Frame[] => {
          const frames = HISTORY.slice(index, index + 1);
          return doubled & (1 << index) ? [...frames, ...frames] : frames;
        };
        const problem = problemOf(viewing, passed(viewing, deliver, reversed));
        if (problem) problems.push(problem);
      }
    expect(problems).toEqual([]);
  });

  it('drops what is older than what was sent, wherever it comes in', () => {
    const problems: string[] = [];
    for (const viewing of viewings())
      for (let stale = 0; stale < N; stale += 1) {
        const deliver = (index: number): Frame[] =>
          [...HISTORY.slice(index, index + 1), ...HISTORY.slice(stale, stale + 1)].filter(
            // What has not happened yet cannot come.
            (frame) => HISTORY.indexOf(frame) <= index,
          );
        const problem = problemOf(viewing, passed(viewing, deliver, inOrder));
        if (problem) problems.push(problem);
      }
    expect(problems).toEqual([]);
  });

  it('holds live frames back until the replay is known', () => {
    const join = new ReplayThenLive<Frame>(START);
    expect(join.live({ cursor: at('2.0') })).toEqual([]);
    expect(join.cursor).toEqual(START);
    expect(join.replay([{ cursor: at('1.0') }])).toEqual([{ cursor: at('1.0') }, { cursor: at('2.0') }]);
    expect(join.cursor).toEqual(at('2.0'));
    expect(join.live({ cursor: at('2.1') })).toEqual([{ cursor: at('2.1') }]);
  });

  it('begins with the frame that stands for everything before it, whatever waited', () => {
    const join = new ReplayThenLive<Frame>(START);
    for (const early of ['1.0', '2.0', '2.1', '2.3']) join.live({ cursor: at(early) });

    expect(join.begin({ cursor: at('2.1') }, [{ cursor: at('2.2') }])).toEqual([
      { cursor: at('2.1') },
      { cursor: at('2.2') },
      { cursor: at('2.3') },
    ]);
  });

  it('begins anew when the cursor was of no use', () => {
    const join = new ReplayThenLive<Frame>(at('99.9'));
    expect(join.live({ cursor: at('2.1') })).toEqual([]);
    expect(join.begin({ cursor: at('2.0') }, [])).toEqual([{ cursor: at('2.0') }, { cursor: at('2.1') }]);
    expect(join.live({ cursor: at('2.1') })).toEqual([]);
    expect(join.live({ cursor: at('3.0') })).toEqual([{ cursor: at('3.0') }]);
  });

  it('lets pass exactly what is after everything before it, for any frames at all', () => {
    const cursor = fc.record({ version: fc.nat(4), tick: fc.nat(4) });
    const anyFrames = fc.array(cursor.map((c): Frame => ({ cursor: c })));
    fc.assert(
      fc.property(cursor, anyFrames, anyFrames, anyFrames, (start, early, replay, late) => {
        const join = new ReplayThenLive<Frame>(start);
        const seen = [
          ...early.flatMap((f) => join.live(f)),
          ...join.replay(replay),
          ...late.flatMap((f) => join.live(f)),
        ];
        const expected: Frame[] = [];
        for (const frame of [
          ...[...early, ...replay].toSorted((a, b) => compare(a.cursor, b.cursor)),
          ...late,
        ])
          if (isAfter(frame.cursor, expected.at(-1)?.cursor ?? start)) expected.push(frame);
        expect(seen).toEqual(expected);
      }),
    );
  });
});

function compare(a: Cursor, b: Cursor): number {
  return a.version - b.version || a.tick - b.tick;
}
