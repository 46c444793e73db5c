import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { handler, TestModule } from '../support/module.ts';
import { Relay } from '../support/relay.ts';
import { testRedis } from '../support/services.ts';

/** Enough for each connection of the process to have come back several times. */
const TURNED_AWAY = 20;

describe('a worker whose way to Redis', () => {
  let relay: Relay;
  let host: TestModule;
  beforeEach(async () => {
    const { url, prefix } = testRedis();
    relay = await Relay.to(url);
    host = await TestModule.start({
      providers: [handler('test', async () => 'done')],
      options: { redis: relay.url, prefix },
    });
    await host.untilStatus(await host.submit('test'), 'completed');
  });
  afterEach(async () => {
    await host.close();
    await relay.cut();
  });

  it('closed each connection before its first answer fetches jobs again when it is open', async () => {
    relay.turnAway();
    await eventually(() => expect(relay.turnedAway).toBeGreaterThan(TURNED_AWAY), { timeoutMs: 10_000 });
    relay.open();

    const id = await host.submit('test');
    await eventually(async () => expect((await host.jobs.get(id)).status).toBe('completed'), {
      timeoutMs: 10_000,
    });
  });
});
