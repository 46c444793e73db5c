import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readEnvironment } from '../../src/service/environment.ts';
import { startService } from '../../src/service/start.ts';
import { ADAPTERS, serviceEnvironment } from '../support/app.ts';
import { collectedLog, loggedLines } from '../support/collected-log.ts';
import { send } from '../support/http.ts';
import { createTestDatabase, type TestDatabase, testRedis } from '../support/services.ts';
import { openStream } from '../support/sse.ts';
import { signToken } from '../support/tokens.ts';

describe.each(ADAPTERS)('The log on %s', (adapter) => {
  let database: TestDatabase;
  let service: { url: string; close(): Promise<void> };
  beforeAll(async () => {
    database = await createTestDatabase();
    const variables = { ...serviceEnvironment(database.url, testRedis()), HTTP_ADAPTER: adapter };
    service = await startService(readEnvironment(variables), { logger: collectedLog });
  });
  afterAll(async () => {
    await service.close();
    await database.drop();
  });

  it('holds no ticket, cookie or token, also where requests with them fail', async () => {
    const token = await signToken();
    const payload = { type: 'demo.steps', payload: { steps: 1, stepMs: 0 }, runAt: '2100-01-01T00:00:00Z' };
    const submitted = await send(`${service.url}/jobs`, { method: 'POST', token, body: payload });
    const { job } = submitted.json<{ job: { id: string } }>();
    const made = await send(`${service.url}/tickets`, { method: 'POST', token, body: { jobs: [job.id] } });
    const { ticket } = made.json<{ ticket: string }>();
    const stream = await openStream(`${service.url}/jobs/${job.id}/events?ticket=${ticket}`);
    stream.destroy();
    const cookie = stream.headers['set-cookie']?.[0]?.split(';', 1)[0] ?? '';

    const headers = { cookie };
    await send(`${service.url}/jobs/${job.id}/nothing?ticket=${ticket}`, { headers, token });
    await send(`${service.url}/jobs/events?ticket=${ticket}`, { headers });
    // Without its tables, requests with credentials fail as faults of ours, which are logged.
    await database.dataSource.query('ALTER TABLE jobs.ticket RENAME TO ticket_away');
    const failed = await send(`${service.url}/jobs/${job.id}/events?ticket=${ticket}`, { headers });
    expect([failed.status, failed.json()['code']]).toEqual([503, 'unavailable']);
    const refused = await send(`${service.url}/tickets`, { method: 'POST', token, body: { feed: true } });
    expect(refused.status).toBe(503);

    const lines = loggedLines();
    expect(lines.join('\n')).toContain('does not exist');
    const secrets = [token, ticket, cookie.split('=')[1] ?? '', Buffer.from(ticket).toString('hex')];
    for (const secret of secrets) for (const line of lines) expect(line).not.toContain(secret);
  });
});
