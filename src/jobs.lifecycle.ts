import { type BeforeApplicationShutdown, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { withDeadline } from './runtime/deadline.ts';
import { faultText } from './runtime/loggable.ts';
import type { Part } from './runtime/part.ts';
import type { Database } from './store/database.ts';
import { checkSchema } from './store/migrate.ts';

/** As a part of the module does not say otherwise. */
const STOP_LIMIT_MS = 2_000;

/**
 * Starts the moving parts once the application is ready, and stops them in order before its HTTP server closes: Nest
 * waits there until every response has ended, and an open stream would never end by itself.
 */
export class JobsLifecycle implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #log = new Logger('Jobstream');

  /** `parts` start in this order and stop in the opposite one; those of one row stop together. */
  constructor(
    private readonly database: Database,
    private readonly parts: readonly Part[][],
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await checkSchema(this.database.dataSource, this.database.schema);
    for (const part of this.parts.flat()) part.start?.();
  }

  async beforeApplicationShutdown(): Promise<void> {
    for (const row of this.parts.toReversed()) await Promise.all(row.map((part) => this.#stop(part)));
  }

  /** Whatever one part meets, the others stop as well. */
  async #stop(part: Part): Promise<void> {
    const { constructor, stopLimitMs = STOP_LIMIT_MS } = part;
    const stopped = Promise.resolve().then(() => part.stop());
    await withDeadline(stopped, stopLimitMs, `not within ${stopLimitMs} ms.`).catch((error: unknown) =>
      this.#log.warn(`${constructor.name} did not stop: ${faultText(error)}`),
    );
  }
}
