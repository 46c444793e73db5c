import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type LogSettings, ServiceLogger, tellFailure } from '../../src/service/service-logger.ts';

const TEXT: LogSettings = { format: 'text', level: 'log' };
const JSON_LINES: LogSettings = { format: 'json', level: 'log' };
const { FORCE_COLOR, NO_COLOR } = process.env;

/** What Postgres says of a row that it refused, as TypeORM passes it on. */
function refusal(): Error {
  const parts = { code: '23505', detail: 'Key (payload)=(hunter2) exists.', query: "VALUES ('hunter2')" };
  return Object.assign(new Error('duplicate value hunter2'), parts);
}

describe('The log of the service', () => {
  let written: { stdout: string; stderr: string };

  beforeEach(() => {
    written = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const)
      jest.spyOn(process[stream], 'write').mockImplementation((text) => {
        written[stream] += String(text);
        return true;
      });
    delete process.env['FORCE_COLOR'];
    delete process.env['NO_COLOR'];
  });
  afterEach(() => {
    jest.restoreAllMocks();
    Object.assign(process.env, FORCE_COLOR === undefined ? {} : { FORCE_COLOR });
    Object.assign(process.env, NO_COLOR === undefined ? {} : { NO_COLOR });
  });

  it('has times in UTC that every machine reads, and no colours where no terminal is', () => {
    new ServiceLogger(TEXT).log('Ready', 'Service');

    expect(written.stdout).toMatch(
      /^\[Nest\] \d+ {2}- \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z {5}LOG \[Service\] Ready\n$/,
    );
  });

  it('has colours where FORCE_COLOR asks for them', () => {
    process.env['FORCE_COLOR'] = '1';
    new ServiceLogger(TEXT).log('Ready', 'Service');

    expect(written.stdout).toContain('\u001b[');
  });

  it('is one object a line as JSON, whatever the message holds', () => {
    process.env['FORCE_COLOR'] = '1';
    const log = new ServiceLogger(JSON_LINES);
    log.log('{"action":"submit"}', 'Jobstream audit');
    log.warn('two\nlines\u2028three', 'Service');

    const lines = written.stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        level: 'log',
        pid: process.pid,
        timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
        message: '{"action":"submit"}',
        context: 'Jobstream audit',
      },
      expect.objectContaining({ level: 'warn', message: 'two\nlines\u2028three', context: 'Service' }),
    ]);
  });

  it.each([TEXT, JSON_LINES])('never shows the properties of an error: %j', (settings) => {
    new ServiceLogger(settings).error(refusal(), 'Service');

    expect(written.stderr).toContain('Postgres refused a value with 23505');
    expect(written.stderr).not.toContain('hunter2');
  });

  it.each([
    ['fatal', 'F'],
    ['warn', 'FEW'],
    ['log', 'FEWL'],
    ['verbose', 'FEWLDV'],
  ] as const)('tells at the level %s what is as urgent or more', (level, told) => {
    const log = new ServiceLogger({ format: 'text', level }, 'stdout');
    log.fatal('F');
    log.error('E');
    log.warn('W');
    log.log('L');
    log.debug('D');
    log.verbose('V');

    expect([...written.stdout.matchAll(/ (\w)$/gm)].map(([, letter]) => letter).join('')).toBe(told);
  });

  it('ends with plain text for people, and with a record for machines', () => {
    tellFailure(new Error('Port 1\ncannot be used'), TEXT);
    expect(written.stderr).toBe('Port 1\ncannot be used\n');

    written.stderr = '';
    tellFailure(new Error('Port 1\ncannot be used'), { format: 'json', level: 'fatal' });
    expect(JSON.parse(written.stderr)).toMatchObject({ level: 'fatal', message: 'Port 1\ncannot be used' });
    expect(written.stderr.trimEnd()).not.toContain('\n');
  });
});
