import { Inject, Injectable, type OnModuleInit, Scope } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import { UnknownJobType } from '../job/job-errors.ts';
import {
  JOB_HANDLER,
  type JobContext,
  type JobHandlerMetadata,
  type JobHandlerOptions,
} from '../job/job-handler.ts';
import { JOBS_EXTRAS, type JobsModuleExtras } from '../jobs.options.ts';

/** A handler with its defaults filled in. */
export interface RegisteredHandler extends JobHandlerOptions {
  type: string;
  queue: string;
  attempts: number;
  backoff: (failedAttempt: number) => number;
  run: (payload: unknown, context: JobContext) => unknown;
  /** `Class.method`, for error messages. */
  source: string;
}

const TYPE_NAME = /^[a-z0-9._-]{1,64}$/;
const DEFAULT_ATTEMPTS = 3;
/** `setTimeout` fires at once for longer delays. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Finds every `@JobHandler()` of the application. An invalid handler, or two for one type, stop the boot. */
@Injectable()
export class HandlerRegistry implements OnModuleInit {
  readonly #handlers = new Map<string, RegisteredHandler>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
    @Inject(JOBS_EXTRAS) private readonly extras: Required<JobsModuleExtras>,
  ) {}

  onModuleInit(): void {
    for (const provider of this.discovery.getProviders()) this.#scan(provider);
  }

  get types(): string[] {
    return [...this.#handlers.keys()];
  }

  /** The handler of a type, or `UnknownJobType`. */
  get(type: string): RegisteredHandler {
    const handler = this.#handlers.get(type);
    if (!handler) throw new UnknownJobType(type);
    return handler;
  }

  #scan(provider: InstanceWrapper): void {
    const prototype: object | undefined = provider.metatype?.prototype;
    if (!prototype || provider.isNotMetatype) return;
    for (const method of this.scanner.getAllMethodNames(prototype)) {
      const metadata = this.#metadataOf(prototype, method);
      if (metadata) this.#register(provider, method, metadata);
    }
  }

  #metadataOf(prototype: object, method: string): JobHandlerMetadata | undefined {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, method);
    const target: unknown = descriptor ? descriptor.value : Reflect.get(prototype, method);
    return typeof target === 'function'
      ? this.reflector.get<JobHandlerMetadata>(JOB_HANDLER, target)
      : undefined;
  }

  #register(provider: InstanceWrapper, method: string, metadata: JobHandlerMetadata): void {
    const source = `${provider.name}.${method}`;
    const handler: RegisteredHandler = {
      attempts: DEFAULT_ATTEMPTS,
      backoff: exponentialBackoff,
      ...metadata,
      queue: metadata.queue ?? 'default',
      source,
      run: (payload, context) => provider.instance[method](payload, context),
    };
    this.#check(handler, provider);
    this.#handlers.set(handler.type, handler);
  }

  #check(
    { type, queue, attempts, source, schema, timeoutMs }: RegisteredHandler,
    provider: InstanceWrapper,
  ): void {
    const fail = (problem: string): never => {
      throw new Error(`@JobHandler('${type}') on ${source}: ${problem}`);
    };
    const twin = this.#handlers.get(type);
    if (twin) fail(`the type is already handled by ${twin.source}. A type has one handler.`);
    if (!TYPE_NAME.test(type)) fail(`a type must match ${TYPE_NAME.source}.`);
    if (!provider.isDependencyTreeStatic() || provider.scope === Scope.TRANSIENT)
      fail('a handler must not be request-scoped or transient.');
    if (!schema?.['~standard'])
      fail('give a `schema` (any Standard Schema, such as a zod schema) that checks the payload.');
    if (!Object.hasOwn(this.extras.queues, queue)) {
      const known = Object.keys(this.extras.queues).join(', ');
      fail(`the queue "${queue}" is not declared. Add it to \`queues\` of JobsModule (declared: ${known}).`);
    }
    if (!Number.isInteger(attempts) || attempts < 1 || attempts > 1_000)
      fail('`attempts` must be 1 to 1,000.');
    if (timeoutMs !== undefined && !(timeoutMs >= 1 && timeoutMs <= MAX_TIMEOUT_MS)) {
      fail(`\`timeoutMs\` must be 1 to ${MAX_TIMEOUT_MS}.`);
    }
  }
}

/** 1 s, 2 s, 4 s, … up to 5 min, each ±25 %, so that jobs that failed together are spread out when they run again. */
function exponentialBackoff(failedAttempt: number): number {
  return Math.min(1_000 * 2 ** (failedAttempt - 1), 300_000) * (0.75 + Math.random() / 2);
}
