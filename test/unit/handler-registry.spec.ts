import { describe, expect, it } from '@jest/globals';
import { Injectable, type Provider, Scope } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { z } from 'zod';
import { HandlerRegistry } from '../../src/handlers/handler-registry.ts';
import { UnknownJobType } from '../../src/job/job-errors.ts';
import { JobHandler, type JobHandlerOptions } from '../../src/job/job-handler.ts';
import { EXTRA_DEFAULTS, JOBS_EXTRAS } from '../../src/jobs.options.ts';
import { recordingJobContext } from '../support/job-context.ts';
import { handler } from '../support/module.ts';

const schema = z.unknown();

/** The registry of an application with these providers. */
async function registryOf(...providers: Provider[]): Promise<HandlerRegistry> {
  const extras = { ...EXTRA_DEFAULTS, queues: { default: {}, imports: {} } };
  const app = await Test.createTestingModule({
    imports: [DiscoveryModule],
    providers: [HandlerRegistry, { provide: JOBS_EXTRAS, useValue: extras }, ...providers],
  }).compile();
  try {
    await app.init();
    return app.get(HandlerRegistry);
  } finally {
    await app.close();
  }
}

/** Boots and stops an application with these providers; rejects as the boot would. */
async function boot(...providers: Provider[]): Promise<void> {
  await registryOf(...providers);
}

const bootWith = (options: Partial<JobHandlerOptions>): Promise<void> =>
  boot(handler('test', () => null, options));

@Injectable()
class TwoHandlers {
  readonly greeting = 'hello';

  get dangerous(): string {
    throw new Error('A getter must not be run to find handlers.');
  }

  @JobHandler('first', { schema })
  first(): string {
    return this.greeting;
  }

  @JobHandler('second', { schema, queue: 'imports', attempts: 7, timeoutMs: 1_000, backoff: () => 5 })
  second(): void {}

  other(): void {}
}

@Injectable()
class Derived extends TwoHandlers {}

@Injectable({ scope: Scope.REQUEST })
class RequestScoped {
  @JobHandler('test', { schema })
  run(): void {}
}

@Injectable({ scope: Scope.TRANSIENT })
class Transient {
  @JobHandler('test', { schema })
  run(): void {}
}

@Injectable({ scope: Scope.REQUEST })
class PerRequest {}

@Injectable()
class NeedsRequest {
  constructor(readonly request: PerRequest) {}

  @JobHandler('test', { schema })
  run(): void {}
}

describe('the handlers of an application', () => {
  it('are found with their options, or the defaults', async () => {
    const registry = await registryOf(TwoHandlers);
    expect(registry.types).toEqual(['first', 'second']);
    expect(registry.get('first')).toMatchObject({
      queue: 'default',
      attempts: 3,
      source: 'TwoHandlers.first',
    });
    expect(registry.get('second')).toMatchObject({ queue: 'imports', attempts: 7, timeoutMs: 1_000 });
    expect(registry.get('second').backoff(1)).toBe(5);
  });

  it('are called on their instance', async () => {
    expect((await registryOf(TwoHandlers)).get('first').run({}, recordingJobContext())).toBe('hello');
  });

  it('are found when they are inherited', async () => {
    expect((await registryOf(Derived)).types).toEqual(['first', 'second']);
  });

  it('are found once when another provider is an alias of theirs', async () => {
    const registry = await registryOf(TwoHandlers, { provide: 'ALIAS', useExisting: TwoHandlers });
    expect(registry.types).toEqual(['first', 'second']);
  });

  it('are unknown by any other name', async () => {
    const registry = await registryOf(TwoHandlers);
    for (const name of ['third', 'constructor', '__proto__', '']) {
      expect(() => registry.get(name)).toThrow(UnknownJobType);
    }
  });

  it('wait 1 s, doubling to 5 min, ±25 %, unless they say otherwise', async () => {
    const { backoff } = (await registryOf(TwoHandlers)).get('first');
    for (const [failed, middle] of [
      [1, 1_000],
      [2, 2_000],
      [3, 4_000],
      [9, 256_000],
      [10, 300_000],
      [1_000, 300_000],
    ] as const) {
      const delays = Array.from({ length: 100 }, () => backoff(failed));
      expect(Math.min(...delays)).toBeGreaterThanOrEqual(middle * 0.75);
      expect(Math.max(...delays)).toBeLessThanOrEqual(middle * 1.25);
      expect(new Set(delays).size).toBeGreaterThan(1);
    }
  });
});

describe('the boot is stopped', () => {
  it('by a type that is handled twice, naming both', async () => {
    await expect(
      boot(
        TwoHandlers,
        handler('first', () => null),
      ),
    ).rejects.toThrow(
      "@JobHandler('first') on Handler.handle: the type is already handled by TwoHandlers.first.",
    );
  });

  it.each(['', 'CSV', 'a b', 'a/b', 'é', 'x'.repeat(65), 'a\n'])('by the name %j', async (type) => {
    await expect(boot(handler(type, () => null))).rejects.toThrow(/a type must match/);
  });

  it('by a queue that is not declared, naming those that are', async () => {
    await expect(bootWith({ queue: 'slow' })).rejects.toThrow(
      /the queue "slow" is not declared.*default, imports/,
    );
    await expect(bootWith({ queue: 'toString' })).rejects.toThrow(/is not declared/);
  });

  it('by a handler without a schema', async () => {
    await expect(bootWith({ schema: undefined })).rejects.toThrow(/give a `schema`/);
    await expect(bootWith({ schema: {} as never })).rejects.toThrow(/give a `schema`/);
  });

  it.each([
    ['request-scoped', [RequestScoped]],
    ['transient', [Transient]],
    ['request-scoped by what it needs', [NeedsRequest, PerRequest]],
  ])('by a handler that is %s', async (_name, providers) => {
    await expect(boot(...providers)).rejects.toThrow(/must not be request-scoped or transient/);
  });

  it.each([0, -1, 1.5, 1_001, Number.NaN])('by %p attempts', async (attempts) => {
    await expect(bootWith({ attempts })).rejects.toThrow(/`attempts` must be 1 to 1,000/);
  });

  it.each([0, -5, Number.NaN])('by a timeout of %p ms', async (timeoutMs) => {
    await expect(bootWith({ timeoutMs })).rejects.toThrow(/`timeoutMs` must be/);
  });

  it.each([2 ** 31, 30 * 86_400_000, Infinity])(
    'by a timeout of %p ms, which a timer would take as 1',
    async (timeoutMs) => {
      await expect(bootWith({ timeoutMs })).rejects.toThrow(/`timeoutMs` must be/);
    },
  );
});
