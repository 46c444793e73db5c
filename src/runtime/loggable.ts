import { isError, isObject, read, reasonsOf } from './readable.ts';

/** SQLSTATE classes whose messages quote the values that were sent: data, constraint, RAISE, view check. */
const QUOTES_VALUES = /^(22|23|44|P0)/;
const SQLSTATE = /^[0-9A-Z]{5}$/;
/** Their messages quote what could not be parsed. */
const QUOTING = new Set(['SyntaxError', 'ZodError', '$ZodError']);
/** What `pg` and we ourselves say of a connection: no code comes with it, it quotes nothing, and frames add nothing. */
const CONNECTION =
  /^(Connection terminated( unexpectedly| due to connection timeout)?|timeout exceeded when trying to connect|Client has encountered a connection error and is not queryable|Postgres has not answered for \d+ ms; whether it did what it was asked is not known\.)$/;
/** An error and its causes, in one line of a log. */
const MOST_NAMED = 8;
/** Classes that say less than the name of their errors. */
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
 * The class of an error and its code, for a log. The message stays out: that of a job's handler may hold the
 * payload, and its viewers find it with the job.
 */
export function errorName(error: unknown): string {
  const code = read(error, 'code');
  const own = isError(error) ? className(error) : `a thrown ${kindOf(error)}`;
  return isWord(code) || Number.isSafeInteger(code) ? `${own} ${String(code)}` : own;
}

/** The same for an error and what caused it: `TypeError, caused by Error ECONNREFUSED`. */
export function errorNames(error: unknown): string {
  const chain = new Set([error]);
  // A set goes on to what is added while it is gone through, and takes nothing twice.
  for (const each of chain)
    for (const reason of reasonsOf(each).reasons)
      if (isObject(reason) && chain.size < MOST_NAMED) chain.add(reason);
  const [own, ...causes] = [...chain].map(errorName);
  return causes.length > 0 ? `${own}, caused by ${[...new Set(causes)].join(', ')}` : `${own}`;
}

/** What went wrong with Postgres, Redis or the network, for a log: without values of the statement or command. */
export function faultText(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(faultText).join('; ');
  if (!(error instanceof Error) || QUOTING.has(error.name)) return errorName(error);
  const { code, constraint } = { ...driverErrorOf(error) };
  if (typeof code === 'string' && SQLSTATE.test(code) && QUOTES_VALUES.test(code))
    return `Postgres refused a value with ${code}${isWord(constraint) ? ` (${constraint})` : ''}`;
  // Redis repeats a command that it does not know.
  return error.message.replace(/,? with args beginning with:.*$/s, '') || errorName(error);
}

/** The same for an error that may be anybody's: in full only where it is one of Postgres or the network. */
export function anyFaultText(error: unknown): string {
  if (error instanceof Error && CONNECTION.test(error.message)) return error.message;
  const { code, syscall } = { ...driverErrorOf(error) };
  const known = typeof code === 'string' && (SQLSTATE.test(code) || typeof syscall === 'string');
  const text = known && error instanceof Error ? faultText(error) : errorName(error);
  return [text, framesOf(error)].filter(Boolean).join('\n');
}

/** The stack without the message above it; undefined where there is none. */
export function framesOf(error: unknown): string | undefined {
  const stack = isError(error) ? read(error, 'stack') : undefined;
  if (typeof stack !== 'string') return undefined;
  const given = read(error, 'message');
  const message = typeof given === 'string' ? given : '';
  // A message may hold lines that look like frames.
  const start = stack.indexOf(message);
  const lines = (start < 0 ? stack : stack.slice(start + message.length)).split('\n');
  const frames = lines.filter((line) => FRAME.test(line)).slice(-Error.stackTraceLimit);
  return frames.length > 0 ? frames.join('\n') : undefined;
}

function className(error: Error): string {
  const names = [read(read(error, 'constructor'), 'name'), read(error, 'name')];
  return names.filter(isWord).find((name) => !GENERIC.has(name)) ?? 'Error';
}

/** `string`, `null`, `object`; the class of what is an instance of one. */
function kindOf(thrown: unknown): string {
  if (!isObject(thrown)) return thrown === null ? 'null' : typeof thrown;
  const name = read(read(thrown, 'constructor'), 'name');
  return isWord(name) && name !== 'Object' ? name : 'object';
}

/** TypeORM wraps what the driver said. */
function driverErrorOf(error: unknown): Described {
  const { driverError } = { ...(error as Described | null) };
  const { code, constraint, syscall } = (driverError ?? error ?? {}) as Described;
  return { code, constraint, syscall };
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && /^[\w$.-]{1,64}$/.test(value);
}
