import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { QueryFailedError } from 'typeorm';
import { anyFaultText, errorName, errorNames, faultText, framesOf } from '../../src/runtime/loggable.ts';
import { PermanentFailure } from '../../src/job/job-errors.ts';
import { PostgresSilent } from '../../src/store/statement-deadline.ts';

class Refused extends Error {
  code = 'E_REFUSED';
}

function fails(): never {
  throw new Error('no');
}

function failedQuery(code: string, message: string, rest: object = {}): QueryFailedError {
  const driverError = Object.assign(new Error(message), { code, severity: 'ERROR', ...rest });
  return new QueryFailedError('SELECT $1', ['the payload'], driverError);
}

describe('the name of an error', () => {
  it.each([
    [new Refused('the payload'), 'Refused E_REFUSED'],
    [new PermanentFailure('the payload', { code: 'bad_file' }), 'PermanentFailure bad_file'],
    [new TypeError('the payload'), 'TypeError'],
    [Object.assign(new Error('x'), { name: 'the payload, with blanks' }), 'Error'],
    [Object.assign(new Error('x'), { code: 'the payload' }), 'Error'],
    ['the payload', 'a thrown string'],
    [null, 'a thrown null'],
    [{ message: 'the payload', code: 'E_REFUSED' }, 'a thrown object E_REFUSED'],
    [new Map([['the', 'payload']]), 'a thrown Map'],
    [Object.assign(new Error('the payload'), { code: 14 }), 'Error 14'],
    [new DOMException('the payload', 'TimeoutError'), 'TimeoutError 23'],
    [runInNewContext("new TypeError('the payload')"), 'TypeError'],
    [Object.defineProperty(new TypeError('x'), 'code', { get: fails }), 'TypeError'],
  ])('of %p holds nothing of its message', (error, name) => {
    expect(errorName(error)).toBe(name);
  });
});

describe('the names of an error and its causes', () => {
  const cause = new Refused('the payload', { cause: 'the payload' });

  it.each<[string, unknown, string]>([
    ['alone', new TypeError('the payload'), 'TypeError'],
    ['with a cause', new Error('the payload', { cause }), 'Error, caused by Refused E_REFUSED'],
    [
      'with several errors, equal ones once',
      new TypeError('x', { cause: new AggregateError([cause, new RangeError('x'), new Refused()]) }),
      'TypeError, caused by AggregateError, Refused E_REFUSED, RangeError',
    ],
    ['thrown as an object', { error: cause }, 'a thrown object, caused by Refused E_REFUSED'],
  ])('%s', (_name, error, names) => {
    expect(errorNames(error)).toBe(names);
  });

  it('are few, also where causes go round in a circle or on for ever', () => {
    const first = new TypeError('x');
    first.cause = new RangeError('x', { cause: first });
    expect(errorNames(first)).toBe('TypeError, caused by RangeError');
    let length = 0;
    class Endless extends Error {
      override get cause(): Error {
        length += 1;
        if (length > 1_000) throw new Error('This goes on for ever.');
        return Object.assign(new Endless(), { code: `E${length}` });
      }
    }
    const endless = new Endless();
    expect(errorNames(endless).length).toBeLessThan(200);
  });

  it('are names whatever was thrown', () => {
    const { proxy, revoke } = Proxy.revocable(new Error('x'), {});
    revoke();
    expect(errorNames(proxy)).toBe('a thrown object');
    expect(framesOf(proxy)).toBeUndefined();
  });
});

describe('the frames of an error', () => {
  it('are those of its stack, without the message', () => {
    const frames = framesOf(new Error('the payload\nof two lines')) ?? '';
    expect(frames).toMatch(/^ {4}at .*loggable\.spec\.ts/);
    expect(frames).not.toContain('payload');
  });

  it('hold no line of a message that looks like one', () => {
    expect(framesOf(new Error('x\n    at payload (secret.ts:1:1)'))).not.toContain('secret');
  });

  it('are missing where there is no stack', () => {
    expect(framesOf('thrown')).toBeUndefined();
    expect(framesOf(Object.assign(new Error('x'), { stack: undefined }))).toBeUndefined();
  });
});

describe('the text of a fault', () => {
  it('is the message of Postgres where that quotes no value', () => {
    expect(faultText(failedQuery('42P01', 'relation "jobs.job" does not exist'))).toContain('does not exist');
  });

  it.each(['22P02', '23505', '23514', 'P0001', '44000'])('is the code alone for %s', (code) => {
    const fault = failedQuery(code, 'the payload', { constraint: 'job_check' });
    expect(faultText(fault)).toBe(`Postgres refused a value with ${code} (job_check)`);
    expect(anyFaultText(fault)).not.toContain('payload');
  });

  it('leaves out what Redis repeats of a command', () => {
    const reply = "ERR unknown command 'FOO', with args beginning with: 'the payload' 'b'";
    expect(faultText(Object.assign(new Error(reply), { name: 'ReplyError' }))).toBe(
      "ERR unknown command 'FOO'",
    );
  });

  it('leaves out what could not be parsed', () => {
    expect(faultText(new SyntaxError('Unexpected token in "the payload"'))).toBe('SyntaxError');
  });

  it('names every address that refused a connection', () => {
    const refused = [1, 2].map((n) => new Error(`connect ECONNREFUSED 127.0.0.${n}:1`));
    expect(faultText(new AggregateError(refused))).toMatch(/0\.1:1; .*0\.2:1/);
  });

  it.each([
    'Connection terminated due to connection timeout',
    'timeout exceeded when trying to connect',
    new PostgresSilent(10_000).message,
  ])('is all of "%s", which quotes nothing', (message) => {
    expect(anyFaultText(new Error(message))).toBe(message);
  });

  it('is a class and frames for an error that may be anybody’s', () => {
    const text = anyFaultText(new TypeError('the payload'));
    expect(text).toMatch(/^TypeError\n {4}at /);
    expect(text).not.toContain('payload');
  });
});
