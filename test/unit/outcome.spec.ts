import { describe, expect, it } from '@jest/globals';
import { PermanentFailure } from '../../src/job/job-errors.ts';
import { settlementOf } from '../../src/process/outcome.ts';
import type { Settlement } from '../../src/store/job-moves.ts';
import { type Attempt, type Handled, handler, running, settle } from '../support/settle.ts';

const error = new Error('no luck');

describe('what an attempt comes to', () => {
  it.each<[string, Handled, Attempt, Partial<Settlement>]>([
    [
      'a result',
      { result: { rows: 1 } },
      {},
      { status: 'completed', reason: 'completed', result: { rows: 1 }, error: null },
    ],
    ['no result', { result: undefined }, {}, { status: 'completed', result: null }],
    ['a result after a cancel', { result: 1 }, { abort: 'cancelled' }, { status: 'completed', result: 1 }],
    ['a result after a timeout', { result: 1 }, { abort: 'timeout' }, { status: 'completed', result: 1 }],
    [
      'an error',
      { error },
      {},
      {
        status: 'queued',
        reason: 'retry',
        error: { code: 'handler_error', message: 'no luck' },
        delayMs: 1_000,
      },
    ],
    ['a second error', { error }, { attempt: 2 }, { status: 'queued', reason: 'retry', delayMs: 2_000 }],
    [
      'an error in the last attempt',
      { error },
      { attempt: 3 },
      {
        status: 'failed',
        reason: 'handler_error',
        error: { code: 'handler_error', message: 'no luck' },
        delayMs: 0,
      },
    ],
    [
      'a permanent failure',
      { error: new PermanentFailure('gone', { code: 'no_such_file' }) },
      {},
      { status: 'failed', reason: 'no_such_file', error: { code: 'no_such_file', message: 'gone' } },
    ],
    [
      'a permanent failure without a code',
      { error: new PermanentFailure('gone') },
      {},
      { status: 'failed', reason: 'permanent_failure' },
    ],
    [
      'a permanent failure with a code that is none',
      { error: new PermanentFailure('gone', { code: 'No Such' }) },
      {},
      { status: 'failed', reason: 'handler_error', error: { code: 'handler_error', message: 'gone' } },
    ],
    [
      'an error after a cancel',
      { error },
      { abort: 'cancelled' },
      { status: 'cancelled', reason: 'cancelled', error: null },
    ],
    [
      'a permanent failure after a cancel',
      { error: new PermanentFailure('gone') },
      { abort: 'cancelled' },
      { status: 'cancelled' },
    ],
    [
      'no end after a cancel',
      'overruled',
      { abort: 'cancelled' },
      { status: 'cancelled', result: null, error: null },
    ],
    [
      'no end after a timeout',
      'overruled',
      { abort: 'timeout' },
      {
        status: 'queued',
        reason: 'retry',
        error: { code: 'timeout', message: 'The attempt took longer than 700 ms.' },
        delayMs: 1_000,
      },
    ],
    [
      'an error after a timeout',
      { error },
      { abort: 'timeout' },
      {
        status: 'queued',
        reason: 'retry',
        error: { code: 'timeout', message: 'The attempt took longer than 700 ms.' },
      },
    ],
    [
      'a timeout of the last attempt',
      'overruled',
      { abort: 'timeout', attempt: 3 },
      { status: 'failed', reason: 'timeout' },
    ],
    [
      'a shutdown',
      { error },
      { abort: 'shutdown', attempt: 3 },
      { status: 'queued', reason: 'shutdown', error: null, delayMs: 0 },
    ],
    [
      'a lost lease',
      { error },
      { abort: 'lease_lost' },
      { status: 'queued', reason: 'lease_lost', delayMs: 0 },
    ],
  ])('with %s', (_name, ending, attempt, expected) => {
    expect(settle(ending, attempt)).toMatchObject(expected);
  });

  it('is tied to the version of the claim', () => {
    expect(settle({ result: 1 }, { attempt: 2 })).toMatchObject({ id: running().id, version: 4 });
  });

  it('keeps the reason of the first abort', () => {
    const job = running();
    job.abort('timeout');
    job.abort('cancelled');
    expect(settlementOf(job, handler, { error })).toMatchObject({ status: 'queued' });
  });

  it('has the last progress with its tick, or none', () => {
    const job = running();
    expect(settlementOf(job, handler, { result: 1 })).toMatchObject({ progress: null, tick: 0 });
    job.progress({ done: 1 });
    job.progress({ done: 2 });
    job.close();
    expect(settlementOf(job, handler, { result: 1 })).toMatchObject({ progress: { done: 2 }, tick: 2 });
  });
});

describe('a result', () => {
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;

  it.each<[string, unknown]>([
    ['a function', () => 1],
    ['circular', circular],
    ['a BigInt', { rows: 1n }],
    ['a symbol', Symbol('x')],
    ['larger than 256 KiB', 'x'.repeat(256 * 1024)],
    [
      'something that fails to become JSON',
      {
        toJSON: () => {
          throw new Error('no');
        },
      },
    ],
  ])('that is %s fails the job with a code of its own', (_name, result) => {
    expect(settle({ result })).toMatchObject({
      status: 'failed',
      reason: 'invalid_result',
      result: null,
      error: { code: 'invalid_result' },
    });
  });

  it('is stored as JSON has it, without what Postgres refuses', () => {
    const result = { at: new Date(0), text: 'a\u0000\ud83d', nothing: undefined };
    expect(settle({ result }).result).toEqual({ at: '1970-01-01T00:00:00.000Z', text: 'a\uFFFD\uFFFD' });
  });
});

describe('the delay before a retry', () => {
  it.each<[string, () => number, number]>([
    ['a fraction', () => 10.6, 11],
    ['nothing', () => 0, 0],
    ['a negative number', () => -5, 0],
    ['NaN', () => Number.NaN, 0],
    ['infinity', () => Infinity, 30 * 86_400_000],
    ['text', () => 'soon' as never, 0],
    [
      'an error',
      () => {
        throw new Error('no');
      },
      1_000,
    ],
  ])('is a usable one when the backoff answers %s', (_name, backoff, delayMs) => {
    expect(settle({ error }, { backoff }).delayMs).toBe(delayMs);
  });
});
