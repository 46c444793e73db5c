import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { processesIn } from '../../packages/dev-servers/src/process-table.ts';
import { eventually } from '../support/eventually.ts';
import { testFolder } from '../support/services.ts';
import { ensureBuilt, type Exit, ServiceProcess } from '../support/service-process.ts';

jest.setTimeout(120_000);

const PROGRAMS = ['postgres', 'redis-server', 'valkey-server'];

describe('A service whose own server dies', () => {
  beforeAll(ensureBuilt, 180_000);

  it.each([
    ['PostgreSQL', 'postgres/data', 'postmaster.pid'],
    ['Redis', 'redis', 'redis.pid'],
  ])('ends with one line that says so: %s', async (name, data, pidFile) => {
    const folder = testFolder();
    const service = await ServiceProcess.start({ PORT: '0' }, 'main.js', folder);
    const home = join(folder, '.jobstream', data);

    process.kill(Number.parseInt(readFileSync(join(home, pidFile), 'utf8'), 10), 'SIGKILL');
    const exit = await ended(service);

    expect(exit.code).toBe(1);
    const lines = exit.stderr.split('\n').filter((line) => line.includes('ended unexpectedly'));
    expect(lines).toEqual([
      expect.stringMatching(new RegExp(`^${name} ended unexpectedly \\(signal SIGKILL\\)`)),
    ]);
    expect(exit.stderr.trimEnd().split('\n').at(-1)).toBe(lines[0]);
    await eventually(() => expect(processesIn(home, PROGRAMS)).toEqual([]), { timeoutMs: 15_000 });
  });

  /** Stops it after a while where it does not end by itself. */
  async function ended(service: ServiceProcess): Promise<Exit> {
    const limit = setTimeout(() => void service.stop(), 30_000);
    try {
      return await service.exit();
    } finally {
      clearTimeout(limit);
    }
  }
});
