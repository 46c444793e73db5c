import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { type ProgressUpdate, toProgress } from '../../src/job/progress.ts';
import { isStorableText } from '../../src/runtime/storable.ts';

const UNKNOWN = { percent: null, done: null, total: null, unit: null, step: null, message: null, data: null };

describe('progress', () => {
  it('is unknown in every part that was not reported', () => {
    expect(toProgress({})).toEqual(UNKNOWN);
    expect(toProgress({ step: 'loading' })).toEqual({ ...UNKNOWN, step: 'loading' });
  });

  it.each<[ProgressUpdate, number | null]>([
    [{ done: 1, total: 3 }, 33.33],
    [{ done: 2, total: 3 }, 66.67],
    [{ done: 0, total: 10 }, 0],
    [{ done: 10, total: 10 }, 100],
    [{ done: 11, total: 10 }, 100],
    [{ done: -1, total: 10 }, 0],
    [{ done: 5, total: 10, percent: 7 }, 50],
    [{ done: 5, percent: 7 }, 7],
    [{ total: 5, percent: 7 }, 7],
    [{ done: 5, total: 0, percent: 7 }, 7],
    [{ done: 5, total: 0 }, null],
    [{ done: 5, total: -10 }, null],
    [{ percent: 150 }, 100],
    [{ percent: -3 }, 0],
    [{ percent: 12.345 }, 12.35],
    [{ percent: Number.NaN }, null],
    [{ percent: Infinity }, null],
    [{ done: Number.NaN, total: 10, percent: 4 }, 4],
    [{ done: 1, total: Infinity, percent: 4 }, 4],
  ])('%j is %p percent', (update, percent) => {
    expect(toProgress(update).percent).toBe(percent);
  });

  it('drops numbers and texts of the wrong kind instead of failing the handler', () => {
    const wrong = { done: '5', total: 10n, percent: '50', unit: 5, step: {}, message: ['x'] };
    expect(toProgress(wrong as unknown as ProgressUpdate)).toEqual(UNKNOWN);
  });

  it('cuts texts at 500 characters and replaces what Postgres refuses', () => {
    const progress = toProgress({ unit: 'a'.repeat(501), step: 'a\u0000b', message: '\ud800x' });
    expect(progress).toMatchObject({ unit: 'a'.repeat(500), step: 'a\uFFFDb', message: '\uFFFDx' });
  });

  it('leaves no half of a character where it cuts', () => {
    const { message } = toProgress({ message: `${'a'.repeat(499)}😀` });
    expect(message).toBe(`${'a'.repeat(499)}\uFFFD`);
  });

  it('keeps data as JSON does, up to 4,096 characters of it', () => {
    expect(toProgress({ data: { rows: [1, 'a', null] } }).data).toEqual({ rows: [1, 'a', null] });
    expect(toProgress({ data: { at: new Date(0) } as never }).data).toEqual({
      at: '1970-01-01T00:00:00.000Z',
    });
    expect(toProgress({ data: 'x'.repeat(4_094) }).data).toBe('x'.repeat(4_094));
    expect(toProgress({ data: 'x'.repeat(4_095) }).data).toBeNull();
  });

  it('keeps data that says no or nothing as it is', () => {
    expect(toProgress({ data: false }).data).toBe(false);
    expect(toProgress({ data: 0 }).data).toBe(0);
    expect(toProgress({ data: '' }).data).toBe('');
  });

  it('drops data that is no JSON', () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const throwing = {
      toJSON: () => {
        throw new Error('no');
      },
    };
    for (const data of [circular, 5n, () => 1, Symbol('x'), throwing])
      expect(toProgress({ data: data as never }).data).toBeNull();
  });

  it('is no longer the object that the handler goes on changing', () => {
    const data = { rows: 1 };
    const progress = toProgress({ data });
    data.rows = 2;
    expect(progress.data).toEqual({ rows: 1 });
  });

  it('whatever is reported, percent is within 0 and 100 and every text can be stored', () => {
    const anything = fc.record(
      {
        percent: fc.double(),
        done: fc.double(),
        total: fc.double(),
        message: fc.string({ unit: 'binary' }),
        data: fc.anything(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(anything, (update) => {
        const { percent, message, data } = toProgress(update as ProgressUpdate);
        expect(percent === null || (percent >= 0 && percent <= 100)).toBe(true);
        expect(message === null || isStorableText(message)).toBe(true);
        expect(JSON.parse(JSON.stringify(data))).toEqual(data);
      }),
    );
  });
});
