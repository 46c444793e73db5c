import { isatty } from 'node:tty';
import { ConsoleLogger, type LogLevel } from '@nestjs/common';
import { anyFaultText } from '../index.ts';

export const LOG_FORMATS = ['text', 'json'] as const;
/** From what is always told to what hardly ever is; a level lets all before it through. */
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'] as const;

export interface LogSettings {
  format: (typeof LOG_FORMATS)[number];
  level: (typeof LOG_LEVELS)[number];
}

export const LOG_DEFAULTS: LogSettings = { format: 'text', level: 'log' };

/**
 * What LOG_FORMAT and LOG_LEVEL say, apart from the rest of the environment, as what is wrong with that has to be told as
 * well. What they cannot mean is the default here, and refused with the rest.
 */
export function logSettings({ LOG_FORMAT, LOG_LEVEL }: NodeJS.ProcessEnv): LogSettings {
  return {
    format: LOG_FORMATS.find((format) => format === LOG_FORMAT) ?? LOG_DEFAULTS.format,
    level: LOG_LEVELS.find((level) => level === LOG_LEVEL) ?? LOG_DEFAULTS.level,
  };
}

/** Where Nest tells of every module and route that it maps: sixty lines at each start that say nothing new. */
const BOOT = /^(NestFactory|InstanceLoader|RoutesResolver|RouterExplorer|NestApplication)$/;

type Stream = 'stdout' | 'stderr';

/**
 * Nest's console logger without the boot's list of modules and routes, with times in ISO 8601, and without colours where
 * nobody sees them. As JSON, every record is one line.
 */
export class ServiceLogger extends ConsoleLogger {
  readonly #stream: Stream | undefined;

  /** @param stream for all levels; unless given, what went wrong goes to stderr and the rest to stdout. */
  constructor({ format, level }: LogSettings, stream?: Stream) {
    const json = format === 'json';
    super({ json, colors: !json && isColoured(stream === 'stderr' ? 2 : 1), logLevels: [level] });
    this.#stream = stream;
  }

  override log(message: unknown, ...rest: unknown[]): void {
    const context = rest.at(-1);
    if (typeof context === 'string' && BOOT.test(context)) return;
    super.log(message, ...(rest as string[]));
  }

  protected override printMessages(
    messages: unknown[],
    context?: string,
    level?: LogLevel,
    stream?: Stream,
    ...rest: [errorStack?: unknown, params?: Record<string, unknown>]
  ): void {
    // Nest would print an error with all its properties, such as the parameters of a statement.
    const safe = messages.map((message) => (message instanceof Error ? anyFaultText(message) : message));
    super.printMessages(safe, context, level, this.#stream ?? stream, ...rest);
  }

  protected override stringifyJsonLogObject(record: Record<string, unknown>): string {
    return super.stringifyJsonLogObject({ ...record, timestamp: this.getTimestamp() });
  }

  protected override getTimestamp(): string {
    return new Date().toISOString();
  }
}

/** The last words of a process: as they are for people, a record like all others for machines. */
export function tellFailure(error: unknown, settings: LogSettings): void {
  const message = error instanceof Error ? error.message : String(error);
  if (settings.format === 'json') new ServiceLogger(settings).fatal(message, 'Service');
  else process.stderr.write(`${message}\n`);
}

function isColoured(descriptor: number): boolean {
  const { FORCE_COLOR, NO_COLOR } = process.env;
  if (FORCE_COLOR !== undefined) return !['0', 'false'].includes(FORCE_COLOR);
  return isatty(descriptor) && !NO_COLOR;
}
