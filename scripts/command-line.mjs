// How every command reads its arguments: `--help` is answered before anything is built, started or connected to, and what
// the command does not know is refused. Plain JavaScript without packages, as nothing may be built or installed yet.
import { parseArgs } from 'node:util';

const HELP = { help: { type: 'boolean', short: 'h' } };

/**
 * The arguments of a command. Ends the process after `--help` (0), and where they are not understood (2).
 *
 * @param command its `help`, whose first paragraph is its usage; its `options`, as `parseArgs` takes them; the names of
 *   its `operands` ([]; null: as many as are given); or `actions` by name, each with options and operands.
 */
export function readArguments(command, args = process.argv.slice(2)) {
  const { help, actions } = command;
  if (!actions || args[0] === '--help' || args[0] === '-h')
    return { action: null, ...read(command, args, help) };
  const [action, ...rest] = args;
  const known = Object.keys(actions).join(', ');
  if (action === undefined) refuse(`Say what to do: ${known}.`, help);
  if (!Object.hasOwn(actions, action)) refuse(`"${action}" is not one of ${known}.`, help);
  return { action, ...read(actions[action], rest, help) };
}

/** Ends the process as one that was called wrongly: what is wrong, and how to call it. */
export function refuse(problem, help) {
  const [usage] = help.split('\n\n');
  process.stderr.write(`${problem}\n\n${usage.trimEnd()}\n\n--help says more.\n`);
  process.exit(2);
}

function read({ options = {}, operands: names = [] }, args, help) {
  const { values, positionals: operands } = parse({ ...options, ...HELP }, args, help);
  if (values.help) {
    process.stdout.write(help);
    process.exit(0);
  }
  if (names && operands.length > names.length) refuse(`"${operands[names.length]}" is not understood.`, help);
  if (names && operands.length < names.length) refuse(`<${names[operands.length]}> is missing.`, help);
  return { values, operands };
}

function parse(options, args, help) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    // What follows its first sentence is advice for other commands than ours.
    const [problem] = error.message.split(/\.?(?:\s*\n|\. )/);
    return refuse(`${problem.replace(/\.$/, '')}.`, help);
  }
}
