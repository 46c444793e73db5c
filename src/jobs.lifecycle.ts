import { type BeforeApplicationShutdown, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { withDeadline } from './runtime/deadline.ts';
import { faultText } from './runtime/loggable.ts';
import type { Part } from './runtime/part.ts';
import type { Database } from './store/database.ts';
import { checkSchema } from './store/migrate.ts';

/** For parts that set no `stopLimitMs`. */
const STOP_LIMIT_MS = 2_000;

/**
 * Starts the moving parts once the application is ready, and stops them before its HTTP server closes. Closing waits
 * until every response has ended, so open streams have to be ended first.
 */
export class JobsLifecycle implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #log = new Logger('Jobstream');

  /** Parts start in this order and stop in the reverse order; parts of one row stop together. */
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

  /** A part that fails to stop, or takes too long, does not keep the others from stopping. */
  async #stop(part: Part): Promise<void> {
    const { constructor, stopLimitMs = STOP_LIMIT_MS } = part;
    const stopped = Promise.resolve().then(() => part.stop());
    await withDeadline(stopped, stopLimitMs, `not within ${stopLimitMs} ms.`).catch((error: unknown) =>
      this.#log.warn(`${constructor.name} did not stop: ${faultText(error)}`),
    );
  }
}
