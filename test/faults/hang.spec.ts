import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { JobView } from '../../src/job/job.ts';
import { ADAPTERS } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { send } from '../support/http.ts';
import type { Host } from './lab/host.ts';
import { Lab, Servers } from './lab/lab.ts';

let servers: Servers;
let lab: Lab;

beforeAll(async () => {
  servers = await Servers.start();
});
afterAll(() => servers.stop());
beforeEach(async () => {
  lab = await Lab.open(servers);
});
afterEach(async () => {
  await servers.mend();
  await lab.close();
});

const GRACE_MS = 1_000;
/** Far above what any step may take, far below for ever. */
const BOUND_MS = 30_000;

/** The reference service, which its operator asks for its health. */
async function service(roles: string, env: NodeJS.ProcessEnv = {}): Promise<{ host: Host; url: string }> {
  const host = lab.launch(roles, { SHUTDOWN_GRACE_MS: String(GRACE_MS), ...env }, 'service');
  return { host, url: await host.listening() };
}

function post(url: string, payload: object, key: string) {
  const headers = { 'idempotency-key': key };
  return send(`${url}/jobs`, {
    method: 'POST',
    token: lab.token,
    headers,
    body: { type: 'demo.steps', payload },
  });
}

async function untilActive(url: string, id: string): Promise<void> {
  await eventually(async () => expect((await lab.job(url, id)).status).toBe('active'), { timeoutMs: 20_000 });
}

async function expectEnd(host: Host): Promise<void> {
  await eventually(() => expect(host.alive).toBe(false), { timeoutMs: BOUND_MS });
}

describe('a worker that is asked to stop while a server accepts connections and never answers', () => {
  it('gives back its jobs and ends within its grace and some seconds, when that is Redis', async () => {
    const api = await lab.api();
    const leaving = await lab.worker({ SHUTDOWN_GRACE_MS: String(GRACE_MS), LEASE_MS: '30000' });
    const id = await lab.submit(api.url, {
      steps: 1_000,
      stepMs: 100,
      ignoreAbort: true,
      endings: ['queued'],
    });
    await untilActive(api.url, id);
    servers.redis.freeze();
    void leaving.terminate();
    await expectEnd(leaving);
    expect(await lab.ledger.reasons(id)).toEqual(['submitted', 'claimed', 'shutdown']);
  });

  it.each([
    ['Postgres', ['postgres']],
    ['both', ['postgres', 'redis']],
  ] as const)('ends within its grace and some seconds, when that is %s', async (_which, frozen) => {
    const { host, url } = await service('api,worker');
    const { job } = (await post(url, { steps: 10_000, stepMs: 100 }, 'first')).json<{ job: JobView }>();
    await untilActive(url, job.id);
    for (const name of frozen) servers[name].freeze();
    void host.terminate();
    await expectEnd(host);
  });
});

describe('while Postgres accepts connections and never answers, the service', () => {
  it.each(ADAPTERS)(
    'refuses jobs, says so to its probes, and is well again afterwards, on %s',
    async (adapter) => {
      const { url } = await service('api', { HTTP_ADAPTER: adapter });
      expect((await send(`${url}/health/ready`)).status).toBe(200);
      servers.postgres.freeze();
      const [ready, metrics, submitted] = await Promise.all([
        send(`${url}/health/ready`),
        send(`${url}/metrics`),
        post(url, { steps: 1, stepMs: 0 }, 'hung'),
      ]);
      expect([ready.status, ready.json()]).toEqual([
        503,
        expect.objectContaining({ code: 'not_ready', postgres: 'down' }),
      ]);
      expect(metrics.status).toBe(200);
      expect(metrics.text).toContain('jobstream_open_streams 0');
      expect([submitted.status, submitted.json()]).toEqual([
        503,
        expect.objectContaining({ code: 'unavailable', message: expect.stringContaining('Idempotency-Key') }),
      ]);
      expect(Number(submitted.headers['retry-after'])).toBeGreaterThan(0);
      servers.postgres.thaw();
      await eventually(async () => expect((await send(`${url}/health/ready`)).status).toBe(200), {
        timeoutMs: 20_000,
      });
      const again = await Promise.all([
        post(url, { steps: 1, stepMs: 0 }, 'hung'),
        post(url, { steps: 1, stepMs: 0 }, 'hung'),
      ]);
      expect(again.map(({ status }) => status)).toEqual([202, 202]);
      const rows = await lab.ledger.query(`SELECT 1 FROM jobs.job`);
      expect(rows).toHaveLength(1);
    },
  );
});
