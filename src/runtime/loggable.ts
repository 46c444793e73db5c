import { isError, isObject, read, reasonsOf } from './readable.ts';

/**
 * SQLSTATE classes whose messages quote values: data exceptions (22), constraints (23), view checks (44), RAISE (P0).
 */
const QUOTES_VALUES = /^(22|23|44|P0)/;
const SQLSTATE = /^[0-9A-Z]{5}$/;
/** Errors whose messages quote the input that could not be parsed. */
const QUOTING = new Set(['SyntaxError', 'ZodError', '$ZodError']);
/** Connection errors of `pg` and of this package. They have no code, quote no values, and their stacks add nothing. */
const CONNECTION =
  /^(Connection terminated( unexpectedly| due to connection timeout)?|timeout exceeded when trying to connect|Client has encountered a connection error and is not queryable|Postgres has not answered for \d+ ms; whether it did what it was asked is not known\.)$/;
/** Most errors named in one log line: the error and its causes. */
const MOST_NAMED = 8;
/** Classes that say less than the `name` of their instances. */
const GENERIC = new Set<unknown>(['Error', 'DOMException']);
const FRAME = /^ {4}at \S.*$/;

interface Described {
  name?: unknown;
  code?: unknown;
  constraint?: unknown;
  driverError?: unknown;
  syscall?: unknown;
}

/**
 * The class and code of an error, for the log. The message is left out: a handler's error may quote the payload, and
 * viewers find its message in the job.
 */
export function errorName(error: unknown): string {
  const code = read(error, 'code');
  const own = isError(error) ? className(error) : `a thrown ${kindOf(error)}`;
  return isWord(code) || Number.isSafeInteger(code) ? `${own} ${String(code)}` : own;
}

/** Class and code of an error and of its causes: `TypeError, caused by Error ECONNREFUSED`. */
export function errorNames(error: unknown): string {
  const chain = new Set([error]);
  // Iterating a Set also visits entries that are added meanwhile, and each only once.
  for (const each of chain)
    for (const reason of reasonsOf(each).reasons)
      if (isObject(reason) && chain.size < MOST_NAMED) chain.add(reason);
  const [own, ...causes] = [...chain].map(errorName);
  return causes.length > 0 ? `${own}, caused by ${[...new Set(causes)].join(', ')}` : `${own}`;
}

/** The text of a Postgres, Redis or network error for the log, without values from the statement or command. */
export function faultText(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(faultText).join('; ');
  if (!(error instanceof Error) || QUOTING.has(error.name)) return errorName(error);
  const { code, constraint } = { ...driverErrorOf(error) };
  if (typeof code === 'string' && SQLSTATE.test(code) && QUOTES_VALUES.test(code))
    return `Postgres refused a value with ${code}${isWord(constraint) ? ` (${constraint})` : ''}`;
  // Redis quotes the arguments of a command that it does not know.
  return error.message.replace(/,? with args beginning with:.*$/s, '') || errorName(error);
}

/**
 * Text and stack frames of any error, for the log. The message is included only for Postgres and network errors,
 * because others may quote confidential data.
 */
export function anyFaultText(error: unknown): string {
  if (error instanceof Error && CONNECTION.test(error.message)) return error.message;
  const { code, syscall } = { ...driverErrorOf(error) };
  const known = typeof code === 'string' && (SQLSTATE.test(code) || typeof syscall === 'string');
  const text = known && error instanceof Error ? faultText(error) : errorName(error);
  return [text, framesOf(error)].filter(Boolean).join('\n');
}

/** The stack frames without the message above them; undefined when there are none. */
export function framesOf(error: unknown): string | undefined {
  const stack = isError(error) ? read(error, 'stack') : undefined;
  if (typeof stack !== 'string') return undefined;
  const given = read(error, 'message');
  const message = typeof given === 'string' ? given : '';
  // Skip the message first: it may contain lines that look like frames.
  const start = stack.indexOf(message);
  const lines = (start < 0 ? stack : stack.slice(start + message.length)).split('\n');
  const frames = lines.filter((line) => FRAME.test(line)).slice(-Error.stackTraceLimit);
  return frames.length > 0 ? frames.join('\n') : undefined;
}

function className(error: Error): string {
  const names = [read(read(error, 'constructor'), 'name'), read(error, 'name')];
  return names.filter(isWord).find((name) => !GENERIC.has(name)) ?? 'Error';
}

/** The type of a thrown value, such as `string` or `null`, or the class of an instance. */
function kindOf(thrown: unknown): string {
  if (!isObject(thrown)) return thrown === null ? 'null' : typeof thrown;
  const name = read(read(thrown, 'constructor'), 'name');
  return isWord(name) && name !== 'Object' ? name : 'object';
}

/** TypeORM wraps the driver's error in its own. */
function driverErrorOf(error: unknown): Described {
  const { driverError } = { ...(error as Described | null) };
  const { code, constraint, syscall } = (driverError ?? error ?? {}) as Described;
  return { code, constraint, syscall };
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && /^[\w$.-]{1,64}$/.test(value);
}
