import { afterEach, describe, expect, it } from '@jest/globals';
import { getQueueToken } from '@nestjs/bull';
import type { Queue } from 'bull';
import type { JobContext } from '../../src/index.ts';
import { redisKeys } from '../../src/redis/keys.ts';
import { eventually } from '../support/eventually.ts';
import { handler, TestModule } from '../support/module.ts';

let modules: TestModule[] = [];
afterEach(async () => {
  // The first owns the database of all.
  for (const module of modules.toReversed()) await module.close();
  modules = [];
});

async function start(options: Parameters<typeof TestModule.start>[0]): Promise<TestModule> {
  const module = await TestModule.start(options);
  modules.push(module);
  return module;
}

/** A handler that notes which jobs it runs; those whose payload is `held` wait for `release()`. */
function recorder() {
  const ran: string[] = [];
  const gate = { release: (): void => undefined };
  const open = new Promise<void>((resolve) => (gate.release = resolve));
  const run = async (payload: unknown, job: JobContext): Promise<void> => {
    ran.push(job.id);
    if (payload === 'held') await open;
  };
  return { ran, run, release: () => gate.release() };
}

const stagesOf = async (host: TestModule, ids: string[]): Promise<(string | null)[]> => {
  const rows = await host.query<{ stage: string | null }>('SELECT stage FROM jobs.job WHERE id = ANY($1)', [
    ids,
  ]);
  return rows.map(({ stage }) => stage);
};

const submitMany = async (host: TestModule, parts: { priority?: number }[]): Promise<string[]> => {
  const submitted = await host.jobs.submitMany(
    parts.map((part) => ({ type: 'test', payload: {}, tenant: 'acme', ...part })),
  );
  return submitted.map(({ job }) => job.id);
};

describe('jobs on their way to a worker', () => {
  it('run by priority while more wait than the window takes', async () => {
    const { ran, run, release } = recorder();
    const host = await start({
      providers: [handler('test', run)],
      queues: { default: { concurrency: 1, window: 1 } },
    });
    const first = await host.submit('test', 'held');
    await host.untilStatus(first, 'active');
    const ids = await submitMany(host, [{ priority: 0 }, { priority: 9 }, { priority: 5 }, { priority: 9 }]);
    release();
    for (const id of ids) await host.untilStatus(id, 'completed');
    expect(ran).toEqual([first, ids[1], ids[3], ids[2], ids[0]]);
  });

  it('run when their time has come, and not before', async () => {
    const { ran, run } = recorder();
    const host = await start({ providers: [handler('test', run)] });
    const runAt = new Date(Date.now() + 700);
    const later = await host.submit('test', {}, { runAt });
    await host.untilStatus(await host.submit('test'), 'completed');
    expect(ran).not.toContain(later);
    const { startedAt } = await host.untilStatus(later, 'completed');
    expect(startedAt?.getTime()).toBeGreaterThanOrEqual(runAt.getTime());
  });

  it('wait for a worker, as a process without that role runs nothing', async () => {
    const { ran, run } = recorder();
    const api = await start({ providers: [handler('test', run)], options: { roles: ['api'] } });
    const id = await api.submit('test');
    await eventually(async () => expect(await stagesOf(api, [id])).toEqual(['offered']));
    const mine = recorder();
    await start({ beside: api, providers: [handler('test', mine.run)], options: { roles: ['worker'] } });
    await api.untilStatus(id, 'completed');
    expect(ran).toEqual([]);
    expect(mine.ran).toEqual([id]);
  });

  it('are given back by a worker that does not know their type, for one that does', async () => {
    const api = await start({ providers: [handler('known', () => 1)], options: { roles: ['api'] } });
    await start({ beside: api, providers: [handler('other', () => 1)], options: { roles: ['worker'] } });
    const id = await api.submit('known');
    await eventually(async () => {
      const rows = await api.query(
        `SELECT 1 FROM jobs.job WHERE id = $1 AND stage = 'offered' AND offer_again_at < now() + interval '2 s'
         AND offer_again_at > now()`,
        [id],
      );
      expect(rows).toHaveLength(1);
    });
    expect(await api.history(id)).toEqual(['queued submitted']);
    await start({ beside: api, providers: [handler('known', () => 'done')], options: { roles: ['worker'] } });
    expect(await api.untilStatus(id, 'completed')).toMatchObject({ result: 'done', attempt: 1 });
  });

  it('run once each when several processes hand over and work', async () => {
    const workers = [recorder(), recorder(), recorder()];
    const [first] = workers;
    const host = await start({ providers: [handler('test', first?.run ?? (() => null))] });
    for (const { run } of workers.slice(1)) await start({ beside: host, providers: [handler('test', run)] });
    const ids = (
      await Promise.all(
        modules.map((module) =>
          submitMany(
            module,
            Array.from({ length: 100 }, () => ({})),
          ),
        ),
      )
    ).flat();
    for (const id of ids) await host.untilStatus(id, 'completed');
    expect(workers.flatMap(({ ran }) => ran).toSorted()).toEqual(ids.toSorted());
  });
});

describe('a Redis that forgot everything', () => {
  it('costs no job that waits in it', async () => {
    const { ran, run, release } = recorder();
    const host = await start({ providers: [handler('test', run)], queues: { default: { concurrency: 1 } } });
    const first = await host.submit('test', 'held');
    await host.untilStatus(first, 'active');
    const ids = await submitMany(
      host,
      Array.from({ length: 20 }, () => ({})),
    );
    // Confirmed: by themselves they would be offered again after a minute.
    await eventually(async () => {
      const rows = await host.query(
        `SELECT 1 FROM jobs.job WHERE stage = 'offered' AND offer_again_at > now() + interval '50 s'`,
      );
      expect(rows).toHaveLength(20);
    });
    await host.forgetRedis();
    release();
    for (const id of [first, ...ids]) await host.untilStatus(id, 'completed');
    expect(ran.toSorted()).toEqual([first, ...ids].toSorted());
  });

  it('costs no job when it lost the lists of a queue and kept the rest', async () => {
    const { ran, run, release } = recorder();
    const host = await start({ providers: [handler('test', run)], queues: { default: { concurrency: 1 } } });
    const queue = host.app.get<Queue>(getQueueToken('default'), { strict: false });
    const first = await host.submit('test', 'held');
    await host.untilStatus(first, 'active');
    const ids = await submitMany(host, [{}, {}, {}]);
    await eventually(async () => expect(await queue.getWaitingCount()).toBe(3));
    await host.withRedis((redis) => redis.del(queue.toKey('wait')));
    release();
    await host.untilStatus(first, 'completed');
    // What happens by itself a minute after they were handed over.
    await host.query(`UPDATE jobs.job SET offer_again_at = now() WHERE stage = 'offered'`);
    for (const id of ids) await host.untilStatus(id, 'completed');
    expect(ran.toSorted()).toEqual([first, ...ids].toSorted());
  });

  it('gets no second entry for a job that waits in it and is offered again', async () => {
    const { run, release } = recorder();
    const host = await start({ providers: [handler('test', run)], queues: { default: { concurrency: 1 } } });
    const queue = host.app.get<Queue>(getQueueToken('default'), { strict: false });
    const first = await host.submit('test', 'held');
    await host.untilStatus(first, 'active');
    const [waiting = ''] = await submitMany(host, [{}]);
    await eventually(async () => expect(await queue.getWaitingCount()).toBe(1));
    await host.query(`UPDATE jobs.job SET offer_again_at = now() WHERE stage = 'offered'`);
    await eventually(async () => {
      const rows = await host.query(`SELECT 1 FROM jobs.job WHERE offer_again_at > now() + interval '50 s'`);
      expect(rows).toHaveLength(1);
    });
    expect(await queue.getWaitingCount()).toBe(1);
    release();
    await host.untilStatus(waiting, 'completed');
  });

  it('is noticed by its marker, which is set again once', async () => {
    const host = await start({ options: { roles: ['api'] } });
    const { marker } = redisKeys(host.redis.prefix);
    const read = (): Promise<string | null> => host.withRedis((redis) => redis.get(marker));
    const set = await eventually(async () => {
      const value = await read();
      if (value === null) throw new Error('The marker has not been set.');
      return value;
    });
    expect(new Date(set).toISOString()).toBe(set);
    const second = await start({ beside: host, options: { roles: ['api'] } });
    // A look of its own has passed when a job of its own has been offered.
    await second.stop();
    expect(await read()).toBe(set);
    await host.forgetRedis();
    await eventually(async () => expect(await read()).not.toBeNull());
  });
});

describe('what is left in Redis', () => {
  it("once every job has ended is the marker, the last frames, and Bull's own bookkeeping", async () => {
    const fail = (): never => {
      throw new Error('no');
    };
    const host = await start({
      providers: [
        handler('test', (_payload, job) => job.progress({ done: 1 })),
        handler('fails', fail, { attempts: 2, backoff: () => 0 }),
      ],
    });
    const ids = await submitMany(
      host,
      Array.from({ length: 10 }, () => ({})),
    );
    const failing = await host.submit('fails');
    for (const id of ids) await host.untilStatus(id, 'completed');
    await host.untilStatus(failing, 'failed');
    const { prefix } = host.redis;
    await eventually(async () => {
      const keys = (await host.keys()).filter((key) => !key.startsWith(`${prefix}:last:`)).toSorted();
      const bookkeeping = ['marker', 'default:id', 'default:stalled-check', 'default:meta-paused'].map(
        (key) => `${prefix}:${key}`,
      );
      expect(keys.filter((key) => !bookkeeping.includes(key))).toEqual([]);
    });
    const expiries = await host.withRedis((redis) =>
      Promise.all(ids.map((id) => redis.ttl(redisKeys(prefix).lastFrame(id)))),
    );
    expect(expiries.every((seconds) => seconds > 0)).toBe(true);
  });
});

describe('what somebody else put into a queue', () => {
  it.each([
    ['an id that is none', { id: 'nonsense', version: 1 }],
    ['a version that is none', { id: '0190a0b0-0000-7000-8000-00000000000a', version: 2 ** 40 }],
    ['nothing that we know', { hello: 'world' }],
    ['a job that does not exist', { id: '0190a0b0-0000-7000-8000-00000000000a', version: 1 }],
  ])('does not stop the worker: %s', async (_name, data) => {
    const host = await start({
      providers: [handler('test', () => 1)],
      queues: { default: { concurrency: 2 } },
    });
    const queue = host.app.get<Queue>(getQueueToken('default'), { strict: false });
    await queue.addBulk(
      Array.from({ length: 3 }, () => ({
        name: 'test',
        data,
        opts: { removeOnComplete: true, removeOnFail: true },
      })),
    );
    const ids = await submitMany(
      host,
      Array.from({ length: 5 }, () => ({})),
    );
    for (const id of ids) expect(await host.untilStatus(id, 'completed')).toMatchObject({ attempt: 1 });
  });
});
