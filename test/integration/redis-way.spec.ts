import { setImmediate as settled } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { handler, TestModule } from '../support/module.ts';
import { Relay } from '../support/relay.ts';
import { testRedis } from '../support/services.ts';

/** Of all four connections of the process together, so that the blocking one has come back as well. */
const TURNED_AWAY = 12;

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

  it('hangs just when Bull subscribes again can be stopped', async () => {
    relay.freezeAt('subscribe', ':delayed');
    relay.turnAway();
    relay.open();
    await eventually(() => expect(relay.frozen).toBe(true), { timeoutMs: 10_000 });

    await host.stop();
    // A rejection that nobody handles would come now, and fail the test.
    await settled();
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
