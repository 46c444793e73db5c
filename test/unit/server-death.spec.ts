import { describe, expect, it } from '@jest/globals';
import { describeDeath } from '../../packages/dev-servers/src/server-death.ts';

const LOG_FILE = '/srv/.jobstream/postgres.log';
const STAMP = '2026-11-29 02:04:33.459 UTC [636]';

function death(...lines: string[]): string {
  return describeDeath('PostgreSQL', 'exit code 1', LOG_FILE, `${lines.join('\n')}\n`);
}

describe('What is said of a server that has died', () => {
  it.each([
    ['could not extend file "base/5/16384": No space left on device', 'ERROR:  '],
    ['could not write to file "pg_wal/xlogtemp.12": No space left on device', 'PANIC:  '],
  ])('names a full disk, with its code and where to make room: %s', (reason, level) => {
    expect(death(`${STAMP} LOG:  ready`, `${STAMP} ${level}${reason}`, `${STAMP} LOG:  shutting down`)).toBe(
      `PostgreSQL ended unexpectedly (exit code 1): the disk is full (SQLSTATE 53100, "${reason}"). ` +
        'Free some space in /srv/.jobstream and start the service again: it recovers the data.',
    );
  });

  it('gives the reason of a panic', () => {
    expect(death(`${STAMP} PANIC:  could not locate a valid checkpoint record`)).toContain(
      '(exit code 1): could not locate a valid checkpoint record. Start',
    );
  });

  it('names the cause and the log where the log says nothing', () => {
    expect(death(`${STAMP} LOG:  ready`)).toBe(
      `PostgreSQL ended unexpectedly (exit code 1). Start the service again: it recovers the data. Its log is ${LOG_FILE}`,
    );
  });

  it('blames no full disk of long ago', () => {
    const old = `${STAMP} ERROR:  could not extend file "x": No space left on device`;
    expect(death(old, ...Array.from({ length: 60 }, () => `${STAMP} LOG:  checkpoint`))).not.toContain(
      'full',
    );
  });

  it('is always one line', () => {
    expect(death('a', `${STAMP} PANIC:  x`, 'b')).not.toContain('\n');
  });
});
