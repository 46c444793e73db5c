/** SQLSTATE classes whose messages quote the values that were sent: data, constraint, RAISE, view check. */
const QUOTES_VALUES = /^(22|23|44|P0)/;
const SQLSTATE = /^[0-9A-Z]{5}$/;
/** Their messages quote what could not be parsed. */
const QUOTING = new Set(['SyntaxError', 'ZodError', '$ZodError']);
/** What `pg` and we ourselves say of a connection: no code comes with it, it quotes nothing, and frames add nothing. */
const CONNECTION =
  /^(Connection terminated( unexpectedly| due to connection timeout)?|timeout exceeded when trying to connect|Client has encountered a connection error and is not queryable|Postgres has not answered for \d+ ms; whether it did what it was asked is not known\.)$/;
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
  if (!(error instanceof Error)) return `a thrown ${error === null ? 'null' : typeof error}`;
  const { name, code } = error as Described;
  const own = [error.constructor?.name, name].filter(isWord).find((text) => text !== 'Error') ?? 'Error';
  return isWord(code) ? `${own} ${code}` : own;
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
  if (!(error instanceof Error) || typeof error.stack !== 'string') return undefined;
  const { message, stack } = error;
  // A message may hold lines that look like frames.
  const start = message ? stack.indexOf(message) : 0;
  const lines = (start < 0 ? stack : stack.slice(start + message.length)).split('\n');
  const frames = lines.filter((line) => FRAME.test(line)).slice(-Error.stackTraceLimit);
  return frames.length > 0 ? frames.join('\n') : undefined;
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
